"""Calibration of the weight cell: current into the DPI synapse against conductance, fitted at the soma."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Criteria, Dataset, FitParameter, FitResult, fit
from calibration.table import CalibrationTable
from circuits.deck import Simulator
from circuits.families.denram_branch import DenramBranch
from circuits.families.denram_network import BranchPair
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.chip import draw
from pysim.delays.branch import Branch
from pysim.delays.element import DelayElement
from pysim.synapses.dpi import DpiSynapse
from spicetwin.calibrate.block import T_REF, Quantities, Quantity
from spicetwin.calibrate.design import Range

FloatArray = NDArray[np.float64]

#: Conductances (S) of the weight memories; currents then lie in the range of the DPI synapse's calibration.
CONDUCTANCE = Range(8e-6, 6e-5, "S")
POINTS, QUICK = 8, 4

#: Temperatures (K), within those of the DPI synapse's calibration: all conductances at the reference, every other one
#: at the ends.
TEMPERATURE = Range(268.15, 323.15, "K", log=False)

#: Error expected of a peak of the soma (in ln): at the reference temperature, and at the ends, where neighbouring
#: conductances scatter by as much in simulation.
PEAK_ERROR, PEAK_SCATTER = 0.005, 0.02

#: Step of the twin's soma (s).
STEP = 4e-5

QUANTITIES: Quantities = {
    "i_weight": Quantity(
        "A",
        "delay_weight_drift",
        {
            "i_ref": "weight_ref",
            "r_access": "weight_access",
            "exponent": "weight_exponent",
            "coefficient": "weight_coefficient",
            "exponent_drift": "weight_drift",
            "g_ref": 3e-5,
            "temperature_ref": T_REF,
        },
    )
}
START: Mapping[str, FitParameter] = {
    "weight_ref": FitParameter(3.1e-8, "A", (1e-10, 1e-6), scale="log"),
    "weight_access": FitParameter(1e4, "ohm", (0.0, 1e6)),
    "weight_exponent": FitParameter(0.8, "1", (0.1, 2.0)),
    "weight_coefficient": FitParameter(2e-3, "1/K", (-0.05, 0.05)),
    "weight_drift": FitParameter(0.0, "1/K", (-0.01, 0.01)),
}


def one_synapse(conductance: float) -> BranchPair:
    """Testbench of a branch with a single synapse."""
    return BranchPair(dut=DenramBranch(synapses=1.0, g_first=conductance, g_last=conductance))


def peak_of(simulator: Simulator, item: tuple[BranchPair, str, float]) -> dict[str, float]:
    """Observables of a branch on a process at a temperature (K); called in a worker."""
    bench, process, temperature = item
    return bench.run(simulator, get_process(process), Conditions(temperature=temperature))


def synapses(
    table: CalibrationTable,
    branch: DenramBranch,
    i_weight: FloatArray,
    t_pulse: FloatArray,
    temperature: float = T_REF,
) -> DpiSynapse:
    """DPI synapses of a branch: those of the DPI table, with the delay cells' pulse and the weight cells' current."""
    known = {"i_tau": branch.i_tau, "i_gain": branch.i_gain, "i_weight": 2e-8, "i_pulse": 3e-9}
    chip = draw(table, (1, 1), 0, (), block="synapse", at={**known, "temperature": temperature})
    typical = chip.synapse()
    count = i_weight.size
    fields = {
        f.name: np.broadcast_to(np.ravel(np.asarray(getattr(typical, f.name)))[0], count)
        for f in dataclasses.fields(typical)
    }
    return DpiSynapse(**{**fields, "i_weight": i_weight, "t_pulse": t_pulse})


def fit_weight(
    pool: Pool,
    process: str,
    dpi: CalibrationTable,
    elements: Mapping[str, float],
    t_pulse: Callable[[float], float],
    *,
    quick: bool = False,
) -> FitResult:
    """Fit the weight cell's current to the peaks of a soma with one synapse.

    Parameters
    ----------
    dpi
        Table of the DPI synapse on this process.
    elements
        Fields of the delay element at the branch's default levels.
    t_pulse
        Width of the delay cells' pulse (s) at a temperature (K).

    Raises
    ------
    SimulationError
        When a simulation fails.
    """
    count = QUICK if quick else POINTS
    grid = [CONDUCTANCE.at(k / (count - 1)) for k in range(count)]
    ends = (TEMPERATURE.low, TEMPERATURE.high)
    points = [
        *((g, T_REF) for g in grid),
        *((g, t) for t in ends for g in grid[:: 2 if count > QUICK else 3]),
    ]
    outcomes = pool.map(peak_of, [(one_synapse(g), process, t) for g, t in points])
    for outcome in outcomes:
        if outcome.error is not None:
            raise SimulationError(f"weight cell: {outcome.error}")
    peaks = np.array([o.value["v_peak"] for o in outcomes if o.value is not None])
    conductance, temperature = np.array(points).T
    inputs = {"conductance": conductance, "temperature": temperature}
    errors = np.where(temperature == T_REF, PEAK_ERROR, PEAK_SCATTER)
    data = Dataset("peak", inputs, peaks, errors, "lognormal")
    widths = np.array([t_pulse(t) for t in temperature])

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        currents = QUANTITIES["i_weight"].values(parameters, dataset.x)
        return peaks_of(dpi, elements, currents, widths, dataset.x["temperature"])

    return fit(model, [data], START, step=1e-4, tolerance=1e-9, criteria=Criteria(max_redchi=4.0))


def peaks_of(
    dpi: CalibrationTable,
    elements: Mapping[str, float],
    currents: FloatArray,
    widths: FloatArray,
    temperatures: FloatArray,
) -> FloatArray:
    """Peak of the soma's voltage in the twin for each weight current, pulse and temperature alone (V).

    The element is that of the reference temperature: when the pulse comes does not move the peak.
    """
    dut = DenramBranch()
    fields: dict[str, Any] = {name: np.full(1, value) for name, value in elements.items()}
    element = DelayElement(**fields)
    times = np.arange(0.0, float(element.delay()[0]) + 0.05, STEP)
    found = []
    for current, width, temperature in zip(currents, widths, temperatures, strict=True):
        one = synapses(dpi, dut, np.array([current]), np.array([width]), float(temperature))
        branch = Branch(elements=element, synapses=one, r_m=dut.r_m, c_m=dut.c_m)
        found.append(float(branch.voltage([[0.0]], times).max()))
    return np.array(found)


def conductances_of(branch: DenramBranch) -> FloatArray:
    """Weight memories of a branch (S)."""
    return np.array([branch.conductance(k) for k in range(branch.count)])
