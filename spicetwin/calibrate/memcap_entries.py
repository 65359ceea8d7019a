"""Table entries of neuron, weight and device beside those of the integrator."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from calibration.table import Entry, Parameter, Variation
from circuits.families.memcap_neuron import MemcapNeuron
from circuits.families.memcap_stack import StackConduction, StackDispersion
from circuits.families.memcap_weight import StackWeight
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import Process, get_process
from pysim.memcap.draw import MemcapModel
from pysim.memcap.program import levels, separable_levels
from spicetwin.calibrate.memcap_neuron import POINTS, NeuronFit, calibrate_neuron, currents
from spicetwin.calibrate.spread import CORNER_SIGMAS, log_sigma

#: Slope of weak inversion by which thresholds become currents (hand value of the process).
KAPPA = 0.7
T_REFERENCE = 300.15
TOLERANCE = 0.05
SEED = 12


def neuron_entries(pool: Pool, process: str) -> tuple[dict[str, Entry], NeuronFit]:
    """Threshold stage of the neuron with drawn transistors, and the fit behind it.

    The offset's spread is that of the comparator's pair and mirror by Pelgrom's law, the pulse's that of its mirrors.

    Raises
    ------
    SimulationError
        When a calibration point could not be simulated.
    """
    dut, technology = MemcapNeuron(), get_process(process)
    found_currents = currents(pool, dut, [point[1] for point in POINTS])
    fitted = calibrate_neuron(pool, found_currents)
    stage, leak = fitted.stage, next(iter(found_currents.values()))
    offset = Variation("within_die", "normal", _offset_sigma(dut, technology), kind="virtual")
    mirrors = log_sigma(("p_pb", "p_pm", "p_nb", "p_d"), dut, technology, KAPPA, T_REFERENCE)
    pulse = Variation("within_die", "lognormal", mirrors, kind="virtual")
    found = {
        "neuron_c_par": _entry("capacitance of the neuron's transistors on the membrane", stage.c_par, "F"),
        "neuron_i_leak": _entry("weak-inversion leakage of the neuron's transistors", leak.i_leak, "A"),
        "neuron_g_leak": _entry("slope of other leakage", leak.g_leak, "S"),
        "neuron_i_up": _entry("leakage that charges the membrane", leak.i_up, "A"),
        "neuron_v_offset": _entry("offset of the threshold", stage.v_offset, "V", offset),
        "neuron_v_slope": _entry("relative change of the threshold with its level", stage.v_slope, "1"),
        "neuron_t_stage": _entry("delay of the threshold stage at 100 V/s and 0.3 V", stage.t_stage, "s"),
        "neuron_t_log": _entry("its change with ln of the slope", stage.t_log, "s"),
        "neuron_t_level": _entry("its change with the level", stage.t_level, "s/V"),
        "neuron_t_pulse": dataclasses.replace(
            _entry("output pulse and refractory time", fitted.t_pulse, "s", pulse), scale="log"
        ),
        "neuron_v_reset": _entry("membrane when the reset lets go", stage.v_reset, "V"),
        "neuron_e_spike": _entry("energy of an interval, comparator's bias included", fitted.e_spike, "J"),
    }
    worst = {**(found["neuron_t_stage"].reference or {}), "worst_fit": fitted.worst}
    found["neuron_t_stage"] = dataclasses.replace(found["neuron_t_stage"], reference=worst)
    return found, fitted


def weight_entries(pool: Pool, process: str, samples: int) -> dict[str, Entry]:
    """Charge of a read into the membrane over that through the stack, with drawn transistors and corners.

    Raises
    ------
    SimulationError
        When the weight could not be simulated.
    """
    technology, bench = get_process(process), StackWeight()
    typical = _ratios(pool, Plan(bench, technology))[0]
    chips = _ratios(pool, Plan(bench, technology, samples=samples, seed=SEED))
    corners = _ratios(pool, Plan(bench, technology, corners=technology.corners))
    within = float(np.std(np.log(chips), ddof=1))
    widest = max(abs(math.log(ratio / typical)) for ratio in corners)
    spread = (
        Variation(
            "within_die",
            "lognormal",
            within,
            within / math.sqrt(2 * (len(chips) - 1)),
            len(chips),
            kind="virtual",
        ),
        Variation("die", "lognormal", widest / CORNER_SIGMAS, n=len(corners) - 1, kind="virtual"),
    )
    entry = _entry("charge into the membrane over charge through the stack", typical, "1", *spread)
    return {"weight_ratio": dataclasses.replace(entry, scale="log")}


def device_entries(pool: Pool, process: str, model: MemcapModel) -> dict[str, Entry]:
    """Levels that can be told apart, their distance, leakage and dispersion of the stack.

    Raises
    ------
    SimulationError
        When the stack could not be simulated.
    """
    technology = get_process(process)
    leak = _observed(pool, Plan(StackConduction(), technology))[0]["i_read"]
    spectrum = _observed(pool, Plan(StackDispersion(), technology))[0]
    count = separable_levels(model, TOLERANCE)
    steps = np.diff(levels(model, count, TOLERANCE)) if count > 1 else np.zeros(1)
    share = float(steps.min()) / (model.range[1] - model.range[0])
    window = spectrum["c_high_1k"] - spectrum["c_low_1k"]
    note: dict[str, float | str] = {"tolerance": TOLERANCE, "device": "assumed"}
    return {
        "levels": _entry("levels of the time constant that do not overlap", float(count), "1", **note),
        "c_level": _entry("least distance of two levels of the capacitance", share * window, "F", **note),
        "i_read_unformed": _entry("current of the unformed stack at 0.2 V", leak, "A", device="assumed"),
        "window_kept": _entry(
            "window at 10 MHz over that at 1 kHz", spectrum["window_kept"], "1", device="assumed"
        ),
    }


def _offset_sigma(dut: MemcapNeuron, process: Process) -> float:
    """Offset of the comparator by Pelgrom's law (V): pair and mirror in weak inversion."""
    geometries = dut.geometries()
    return math.sqrt(sum(process.pelgrom.sigma_vt(*geometries[f"th_{name}"]) ** 2 for name in "abcd"))


def _ratios(pool: Pool, plan: Plan) -> list[float]:
    bench = StackWeight()
    return [row["q"] / (row["i_read"] * bench.t_on) for row in _observed(pool, plan)]


def _observed(pool: Pool, plan: Plan) -> list[dict[str, float]]:
    outcomes = pool.map(plan.runner(), plan.points())
    rows = [dict(o.value) for o in outcomes if o.value is not None]
    if not rows:
        raise SimulationError(f"{plan.testbench.name}: no point was simulated: {outcomes[0].error}")
    return rows


def _entry(quantity: str, value: float, unit: str, *variation: Variation, **reference: float | str) -> Entry:
    return Entry(
        quantity,
        unit,
        "constant",
        {"value": Parameter(float(value), unit, vary=False)},
        reference={"source": "ngspice", "temperature": T_REFERENCE, **reference},
        variation=variation,
    )
