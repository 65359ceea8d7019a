"""Calibration table of the memcapacitive cell: what its transistors do, beside what its device is assumed to be.

Every entry names its source in the reference conditions: ``source`` is ``ngspice`` where a simulation of the cell gave
the number, ``assumed`` where it is the device's, of which nothing is published. Spread has its kind in the same way:
drawn transistors and corners are simulated, the devices' own spread is assumed.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Dataset, FitResult, fit, law_model, law_parameters
from calibration.laws import get_law
from calibration.table import CalibrationTable, Entry, Interval, Parameter, Provenance, Validation, Variation
from calibration.tabulate import fitted_entry
from circuits.deck import Simulator
from circuits.families.memcap import Memcap
from circuits.families.memcap_bench import MemcapWrite
from circuits.families.memcap_integrator import IntegratorDecay, MemcapIntegrator
from circuits.families.memcap_neuron import MemcapNeuron
from circuits.families.memcap_program import IntegratorWrite
from circuits.families.memcap_stack import Memstack
from circuits.families.memcap_weight import MemcapWeight
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench
from pysim.memcap.draw import MemcapModel
from spicetwin.calibrate.memcap import PROCESS, Additions, Fitted, calibrate
from spicetwin.calibrate.memcap_entries import device_entries, neuron_entries, weight_entries
from spicetwin.calibrate.origin import netlist_digests, simulated_provenance
from spicetwin.calibrate.spread import CORNER_SIGMAS

FloatArray = NDArray[np.float64]

SEED = 11
#: Drawn chips, full and quick.
SAMPLES = (40, 8)
#: States, write voltages (V) and widths (s) of the calibration, and those held out.
STATES = (0.0, 0.25, 0.5, 0.75, 1.0)
WRITES = tuple((v, t) for v in (2.0, 2.5, 3.0) for t in (0.5e-6, 1e-6, 2e-6))
WRITES_HELD_OUT = ((2.25, 1.5e-6), (2.75, 0.7e-6), (2.9, 3e-6))
#: Error that the laws are expected to have: relative of tau and step, absolute of the share that a pulse moves.
LAW_ERROR, SHARE_ERROR = 1e-3, 2e-3
#: Accepted error of the share at held-out pulses.
SHARE_LIMIT = 0.02
#: Nucleation-limited kinetics of the assumed device: 5.6 us at 3 V, as its rate has it, and 1000 s at 1.2 V.
NLS = {"p_s": 1.0, "t_inf": 1e-9, "v_activation": 16.4, "m": 1.27, "n": 1.0}
#: Voltages (V) and times (s) for which the disturb of a read is stated.
DISTURB_BOX = {"v": Interval(1e-3, 3.0, "V"), "time": Interval(0.0, 1e8, "s")}

T_REFERENCE = 300.15
_Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class MemcapCalibration:
    """Table, the fits of its laws, and what could not be simulated."""

    table: CalibrationTable
    fits: Mapping[str, FitResult]
    fitted: Fitted
    failures: tuple[str, ...]


def table_name(process: str) -> str:
    """Name of the table of a process."""
    return f"memcap_{process}"


def calibrate_memcap(
    pool: Pool, process: str, version: str, created: str, *, quick: bool = False
) -> MemcapCalibration:
    """Simulate the cell, fit its laws, make the table ``memcap_<process>``.

    Parameters
    ----------
    quick
        Fewer drawn chips.

    Raises
    ------
    SimulationError
        When points that a law needs could not be simulated.
    ArithmeticError
        When the fit of the twin's additions stops.
    """
    if process != PROCESS:
        raise SimulationError(
            f"the cell's bias is chosen for {PROCESS}; process {process!r} is not calibrated"
        )
    fitted, failures = calibrate(pool)
    decays = _decays(pool)
    fits = {
        "tau": _state_fit("memcap_tau", decays["tau"]),
        "step": _state_fit("memcap_step", decays["v_step"]),
        "write_up": _write_fit(_writes(pool, WRITES, 1.0)),
        "write_down": _write_fit(_writes(pool, WRITES, -1.0)),
    }
    spread = _spread(pool, process, SAMPLES[1 if quick else 0])
    samples = SAMPLES[1 if quick else 0]
    stage, _ = neuron_entries(pool, process)
    entries = {
        **_law_entries(pool, fits, spread),
        **_programming(),
        **_energies(pool),
        **_cell(fitted.parameters),
        **stage,
        **weight_entries(pool, process, samples),
        **device_entries(pool, process, MemcapModel()),
    }
    table = CalibrationTable(
        name=table_name(process),
        version=version,
        created=created,
        entries={f"memcap.{name}": entry for name, entry in entries.items()},
        provenance=_provenance(pool, process, quick=quick),
        description=(
            f"memcapacitive integrator, neuron and weight on {process}; device numbers and their spread assumed"
        ),
        licence="Apache-2.0",
        references=("D'Agostino, Massarotto et al. 2025, arXiv:2506.22227 (topology; no numbers readable)",),
    )
    return MemcapCalibration(table, fits, fitted, tuple(failures))


def observe(simulator: Simulator, item: tuple[Testbench, str]) -> dict[str, float]:
    """Observables of a testbench at a corner; called in a worker."""
    bench, corner = item
    return bench.run(simulator, get_process(PROCESS), Conditions(corner=corner))


def _observed(pool: Pool, benches: Sequence[Testbench], corner: str = "tt") -> list[dict[str, float]]:
    found = []
    for outcome in pool.map(observe, [(bench, corner) for bench in benches]):
        if outcome.value is None:
            raise SimulationError(f"{outcome.item[0].name}: {outcome.error}")
        found.append(outcome.value)
    return found


def small_decay(state: float = 0.0) -> IntegratorDecay:
    """One spike of 10 us, 40 mV: where the memristor is still linear to 0.3 %."""
    return IntegratorDecay(dut=MemcapIntegrator(x_start=state), spikes=1.0)


def _decays(pool: Pool) -> dict[str, FloatArray]:
    rows = _observed(pool, [small_decay(x) for x in STATES])
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _state_fit(law: str, values: FloatArray) -> FitResult:
    """A law of the state on the simulated values."""
    declared = get_law(law)
    data = Dataset("state", {"x": np.array(STATES)}, values, LAW_ERROR, "lognormal")
    return fit(partial(law_model, law=declared), [data], law_parameters(declared))


def _writes(
    pool: Pool, pulses: Sequence[tuple[float, float]], sign: float
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Pulses as inputs of the law, and the share of the way that each moved the state."""
    start = 0.0 if sign > 0 else 1.0
    benches = [
        IntegratorWrite(dut=MemcapIntegrator(x_start=start), v_program=sign * v, t_program=t)
        for v, t in pulses
    ]
    shares = np.array([abs(row["x_written"] - start) for row in _observed(pool, benches)])
    inputs = {
        "v": np.array([v for v, _ in pulses]),
        "width": np.array([t for _, t in pulses]),
        "edge": np.array([bench.t_ramp for bench in benches]),
    }
    return inputs, shares


def _write_fit(data: tuple[dict[str, FloatArray], FloatArray]) -> FitResult:
    """Rate and threshold of the pulses."""
    law = get_law("memcap_write")
    pulses = Dataset("pulses", data[0], data[1], SHARE_ERROR)
    return fit(partial(law_model, law=law), [pulses], law_parameters(law))


def _write_error(pool: Pool, found: FitResult, sign: float) -> float:
    """Largest relative error of the share at held-out pulses."""
    inputs, shares = _writes(pool, WRITES_HELD_OUT, sign)
    predicted = get_law("memcap_write")(inputs, found.values())
    return float(np.max(np.abs(predicted / shares - 1.0)))


def _spread(pool: Pool, process: str, samples: int) -> dict[str, tuple[Variation, ...]]:
    """Drawn transistors and corners, for tau and step."""
    plan = Plan(small_decay(), get_process(process), samples=samples, seed=SEED)
    chips = [o.value for o in pool.map(plan.runner(), plan.points()) if o.value is not None]
    if len(chips) < 2:
        raise SimulationError("no drawn chip of the integrator could be simulated")
    technology = get_process(process)
    corners = {c: _observed(pool, [small_decay()], c)[0] for c in technology.corners}
    found: dict[str, tuple[Variation, ...]] = {}
    for name, key in (("tau", "tau"), ("step", "v_step")):
        sigma = float(np.std(np.log([chip[key] for chip in chips]), ddof=1))
        error = sigma / math.sqrt(2 * (len(chips) - 1))
        widest = max(abs(math.log(v[key] / corners["tt"][key])) for v in corners.values())
        found[name] = (
            Variation("within_die", "lognormal", sigma, error, len(chips), kind="virtual"),
            Variation("die", "lognormal", widest / CORNER_SIGMAS, n=len(corners) - 1, kind="virtual"),
        )
    return found


def _law_entries(
    pool: Pool, fits: Mapping[str, FitResult], spread: Mapping[str, tuple[Variation, ...]]
) -> dict[str, Entry]:
    """Time constant and step over the state; rate and threshold of writing."""
    model, bench = MemcapModel(), small_decay()
    device = Variation("within_die", "lognormal", model.sigma_tau, factor="device", kind="virtual")
    reading = Variation("noise", "lognormal", model.sigma_read, kind="virtual")
    note = f"device {model.sigma_tau:g} and reading {model.sigma_read:g} assumed; transistors and corners simulated"
    spike = {**_source("ngspice"), "t_spike": bench.t_spike, "v_bias": bench.v_bias}
    writing = Variation("cycle", "lognormal", model.sigma_write, kind="virtual")
    rate = Variation("within_die", "lognormal", model.sigma_rate, kind="virtual")
    found = {
        "tau": fitted_entry(
            fits["tau"], "memcap_tau", quantity="time constant, from one step to 1/e of it", unit="s", scale="log",
            reference={**spike, "spread": note}, variation=(*spread["tau"], device, reading),
        ),
        "step": fitted_entry(
            fits["step"], "memcap_step", quantity="step of a spike", unit="V", scale="log",
            reference=spike,
            variation=spread["step"],
        ),
    }  # fmt: skip
    for way, sign in (("up", 1.0), ("down", -1.0)):
        error = _write_error(pool, fits[f"write_{way}"], sign)
        found[f"write_{way}"] = fitted_entry(
            fits[f"write_{way}"], "memcap_write", quantity=f"share of the way that a pulse moves the state {way}",
            unit="1", reference={**_source("ngspice"), "spread": "of rate and write assumed"},
            variation=(rate, writing),
            validation=(
                Validation("held-out pulses", "largest relative error of the share", error, SHARE_LIMIT),
            ),
        )  # fmt: skip
    return found


def _programming() -> dict[str, Entry]:
    """What a device's programming is assumed to be beside the written share."""
    model, device = MemcapModel(), Memcap()
    threshold = Variation("within_die", "normal", model.sigma_threshold, kind="virtual")
    window = Variation("within_die", "lognormal", model.sigma_window, kind="virtual")
    return {
        "rate_up": _assumed("rate per volt upwards", model.k_up, "1/(V s)"),
        "rate_down": _assumed("rate per volt downwards", model.k_down, "1/(V s)"),
        "v_up": _assumed("threshold upwards", model.v_up, "V", (threshold,), scale="linear"),
        "v_down": _assumed("threshold downwards", model.v_down, "V", (threshold,), scale="linear"),
        "v_breakdown": _assumed("highest write voltage", model.v_breakdown, "V"),
        "window_excess": _assumed("C(1)/C(0) - 1 of the device", device.c_high / device.c_low - 1, "1", (window,)),
        "retention": Entry(
            "state that relaxes",
            "1",
            "memcap_retention",
            {
                "x_rest": Parameter(model.x_rest, "1", vary=False),
                "tau": Parameter(model.tau_relax, "s", vary=False),
            },
            domain={"time": Interval(0.0, 1e8, "s"), "x_start": Interval(0.0, 1.0, "1")},
            reference=_source("assumed"),
        ),
        "disturb": Entry(
            "share of the way that a voltage below the threshold moves the state",
            "1",
            "nls_switched",
            {
                name: Parameter(value, {"t_inf": "s", "v_activation": "V"}.get(name, "1"), vary=False)
                for name, value in NLS.items()
            },
            domain=DISTURB_BOX,
            reference=_source("assumed"),
        ),
    }  # fmt: skip


def _energies(pool: Pool) -> dict[str, Entry]:
    """Energy of a write, through the plate line and on the device alone, and of a read (J)."""
    program, write = IntegratorWrite(), MemcapWrite()
    (first,), (second,) = _observed(pool, [program]), _observed(pool, [write])
    pulse = {"v": program.v_program, "width": program.t_program}
    return {
        "e_program": _constant(
            "energy from the plate line in a write", first["e_program"], "J", {**_source("ngspice"), **pulse}
        ),
        "e_write": _constant(
            "energy of a write",
            second["e_write"],
            "J",
            {**_source("ngspice"), "v": write.v_write, "width": write.t_write},
        ),
        "e_read": _constant(
            "energy of a read", second["e_read"], "J", {**_source("ngspice"), "v": write.v_read}
        ),
    }  # fmt: skip


def _cell(additions: Additions) -> dict[str, Entry]:
    """Declared devices, and what the transistors add to them."""
    dut = MemcapIntegrator()
    units = {"c_par": "F", "g_leak": "S", "g_out": "1/V", "q_edge": "C", "q_reset": "C"}
    names = {
        "c_par": "capacitance of transistors on the membrane",
        "i_leak": "weak-inversion leakage of the reset",
        "g_leak": "slope of other leakage",
        "i_up": "leakage that charges the membrane",
        "i_in": "current of a spike",
        "g_out": "relative fall of the input current per volt",
        "q_edge": "charge of a spike's edges",
        "q_reset": "charge of the reset's release",
    }
    found = {
        name: _constant(names[name], value, units.get(name, "A"), _source("ngspice"), scale="linear")
        for name, value in dataclasses.asdict(additions).items()
    }
    return found | {
        "c_low": _assumed("capacitance of the device at x = 0", dut.area * dut.c_low, "F"),
        "c_high": _assumed("capacitance of the device at x = 1", dut.area * dut.c_high, "F"),
        "r_m": _assumed("memristor at small voltage", dut.r_m, "Ohm"),
        "v_sinh": _assumed("voltage of the memristor's sinh", dut.v_sinh, "V"),
    }


def _source(name: str) -> dict[str, float | str]:
    return {"source": name, "temperature": T_REFERENCE}


def _assumed(
    quantity: str, value: float, unit: str, variation: tuple[Variation, ...] = (), scale: _Scale = "log"
) -> Entry:
    entry = _constant(quantity, value, unit, {**_source("assumed"), "tag": "assumed"}, scale=scale)
    return dataclasses.replace(entry, variation=variation)


def _constant(
    quantity: str, value: float, unit: str, reference: Mapping[str, float | str], *, scale: _Scale = "log"
) -> Entry:
    parameters = {"value": Parameter(float(value), unit, vary=False)}
    return Entry(quantity, unit, "constant", parameters, scale=scale, reference=dict(reference))


def _provenance(pool: Pool, process: str, *, quick: bool) -> Provenance:
    """Netlists, cards, simulator, design, package."""
    dut = MemcapNeuron()
    netlists = netlist_digests([*dut.netlist_files(), *Memstack().netlist_files(), MemcapWeight.netlist])
    plan = {
        "states": list(STATES),
        "writes": [list(pulse) for pulse in WRITES],
        "samples": SAMPLES[1 if quick else 0],
    }
    described = json.dumps([dut.values(), netlists], sort_keys=True)
    return simulated_provenance(pool, process, [dut], netlists, described, plan, SEED)
