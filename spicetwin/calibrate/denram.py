"""Calibration of the delay cells: simulate one spike over a box of memory, levels and temperature, fit the element."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Criteria, Dataset, FitParameter, FitResult, fit
from circuits.deck import Simulator
from circuits.families.denram_cell import VARIANTS, DelayCell
from circuits.families.denram_delay import DelaySpike
from circuits.families.denram_static import DelayLeakage, DelayTrip
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.delays.element import DelayElement
from spicetwin.calibrate.block import T_REF, Quantities, Quantity
from spicetwin.calibrate.design import Box, Range, corners_and_fill

FloatArray = NDArray[np.float64]

#: Default variant: the one whose leakage does not bound its delay, and whose memory sees the least voltage.
DEFAULT = "decay_comparator"

#: Points per variant, full and quick, and the seed of the design.
POINTS, SEED = (48, 16), 7

_T = Range(273.15, 343.15, "K", log=False)
_SINH = Range(0.15, 5.0, "V")

#: Memory, levels and temperature over which a variant is calibrated. ``v_set`` of a Schmitt variant is the supply.
#: A charge-through cell stops firing where its leakage wins, so its memories are smaller; below 0.2 V the set switch of
#: a set-and-decay cell leaks into the capacitor.
BOXES: Mapping[str, Box] = {
    "decay_comparator": {
        "r_read": Range(1e8, 3e11, "Ohm"),
        "v_sinh": _SINH,
        "v_set": Range(0.5, 1.0, "V", log=False),
        "v_th": Range(0.2, 0.35, "V", log=False),
        "temperature": _T,
    },
    "decay_schmitt": {
        "r_read": Range(1e8, 3e10, "Ohm"),
        "v_sinh": Range(0.3, 5.0, "V"),
        "v_set": Range(1.5, 1.8, "V", log=False),
        "temperature": _T,
    },
    "charge_comparator": {
        "r_read": Range(1e8, 1e10, "Ohm"),
        "v_sinh": _SINH,
        "v_set": Range(0.7, 1.0, "V", log=False),
        "v_th": Range(0.3, 0.5, "V", log=False),
        "temperature": _T,
    },
    "charge_schmitt": {
        "r_read": Range(1e8, 1e10, "Ohm"),
        "v_sinh": Range(0.3, 5.0, "V"),
        "v_set": Range(1.5, 1.8, "V", log=False),
        "temperature": _T,
    },
}

#: Temperatures (K) at which the leakage is read.
LEAK_TEMPERATURES = (273.15, 300.15, 321.15, 343.15)

#: Error expected of the twin's delay (in ln), of a level (V), of the leakage (relative), of a pulse (in ln).
DELAY_ERROR, LEVEL_ERROR, LEAK_ERROR, PULSE_ERROR = 0.002, 0.5e-3, 0.05, 0.01

#: Parameters that may be zero within their error.
NUISANCE = ("start_offset", "trip_offset", "trip_coefficient", "t_stage", "pulse_coefficient")

#: From the end of the set until ``v_start`` is read (s).
READ_LATE = 0.2e-6

START: Mapping[str, FitParameter] = {
    "c_delay": FitParameter(1e-12, "F", (1e-13, 1e-11), scale="log"),
    "t_stage": FitParameter(1e-6, "s", (-1e-4, 1e-4)),
    "lag": FitParameter(1e-8, "V s", (1e-14, 1e-5), scale="log"),
    "start_slope": FitParameter(1.0, "1", vary=False),
    "start_offset": FitParameter(-3e-4, "V", (-0.1, 0.1)),
    "start_coefficient": FitParameter(0.0, "V/K", vary=False),
    "trip_slope": FitParameter(0.9, "1", (0.2, 1.5)),
    "trip_offset": FitParameter(0.01, "V", (-1.0, 1.0)),
    "trip_coefficient": FitParameter(0.0, "V/K", (-0.01, 0.01)),
    "pulse_per_volt": FitParameter(1e-5, "s/V", (1e-8, 1e-2), scale="log"),
    "pulse_switch": FitParameter(0.4, "V", (0.0, 1.4)),
    "pulse_coefficient": FitParameter(1e-3, "1/K", (-0.05, 0.05)),
}

#: Slope and offset of the trip level by hand: half the supply and half a threshold.
TRIP_START: Mapping[str, tuple[float, float]] = {"decay_schmitt": (0.5, -0.25), "charge_schmitt": (0.5, 0.22)}

LEAK_START: Mapping[str, FitParameter] = {
    "i_leak": FitParameter(5e-13, "A", (-1e-11, 1e-11)),
    "g_leak": FitParameter(1e-13, "S", (-1e-11, 1e-11)),
    "leak_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
}


def _level(prefix: str) -> Quantity:
    binding: dict[str, str | float] = {n: f"{prefix}_{n}" for n in ("slope", "offset", "coefficient")}
    return Quantity("V", "delay_level", {**binding, "temperature_ref": T_REF})


def _leak(name: str, unit: str) -> Quantity:
    return Quantity(
        unit, "arrhenius", {"value_ref": name, "activation": "leak_activation", "temperature_ref": T_REF}
    )


#: The level that a charge starts from is the rail; charge injection on the capacitor is part of ``c_delay``.
RAIL = Quantity(
    "V", "delay_level", {"slope": 1.0, "offset": 0.0, "coefficient": 0.0, "temperature_ref": T_REF}
)


def quantities(variant: str) -> Quantities:
    """Table quantities of a variant; one whose leakage cannot be told from zero has none."""
    found: dict[str, Quantity] = {
        "c_delay": Quantity("F", "constant", {"value": "c_delay"}),
        "t_stage": Quantity("s", "constant", {"value": "t_stage"}),
        "v_start": _level("start") if variant.startswith("decay") else RAIL,
        "v_trip": _level("trip"),
        "t_pulse": Quantity(
            "s",
            "delay_pulse",
            {
                "per_volt": "pulse_per_volt",
                "v_switch": "pulse_switch",
                "coefficient": "pulse_coefficient",
                "temperature_ref": T_REF,
            },
        ),
    }
    if variant.endswith("comparator"):
        found["lag"] = Quantity("V s", "constant", {"value": "lag"})
    if variant != DEFAULT:
        found |= {"i_leak": _leak("i_leak", "A"), "g_leak": _leak("g_leak", "S")}
    return found


@dataclass(frozen=True)
class DelayRequest:
    """One spike through a cell: variant, dut parameters, temperature (K), process."""

    variant: str
    values: Mapping[str, float]
    temperature: float
    process: str

    def cell(self) -> DelayCell:
        """The cell."""
        return VARIANTS[self.variant]().replace(self.values)

    @property
    def supply(self) -> float:
        """The set level of a Schmitt variant, else the process's (V)."""
        if self.variant.endswith("schmitt"):
            return self.values["v_set"]
        return get_process(self.process).supply

    def conditions(self) -> Conditions:
        """Temperature and supply."""
        return Conditions(temperature=self.temperature, supply=self.supply)

    @property
    def trip_level(self) -> float:
        """Rail that the trip level follows (V)."""
        return self.values["v_set" if self.variant.endswith("schmitt") else "v_th"]


@dataclass(frozen=True)
class DelayRun:
    """Observables of :class:`~circuits.families.denram_delay.DelaySpike`, and the static trip point ``v_static``."""

    request: DelayRequest
    observed: Mapping[str, float]

    @property
    def start_error(self) -> float:
        """What ``v_start`` may have moved before it is read (V): the memory's current for :data:`READ_LATE`."""
        values = self.request.values
        capacitor = self.request.cell().c_delay
        current = values["v_sinh"] / values["r_read"] * math.sinh(values["v_set"] / values["v_sinh"])
        return math.hypot(LEVEL_ERROR, READ_LATE * current / capacitor)


def simulate_delay(simulator: Simulator, request: DelayRequest) -> DelayRun:
    """Run a request; called in a worker."""
    process = get_process(request.process)
    # Leakage can double the delay of a charge.
    bench = DelaySpike(dut=request.cell(), tail=0.3 if request.variant.startswith("decay") else 1.2)
    observed = bench.run(simulator, process, request.conditions())
    trips = DelayTrip(dut=request.cell()).run(simulator, process, request.conditions())
    decays = request.variant.startswith("decay")
    return DelayRun(request, {**observed, "v_static": trips["v_minus" if decays else "v_plus"]})


def measure_leakage(simulator: Simulator, item: tuple[str, str, float]) -> dict[str, float]:
    """Leakage of a variant on a process at a temperature; called in a worker."""
    variant, process, temperature = item
    bench = DelayLeakage(dut=VARIANTS[variant]())
    return bench.run(simulator, get_process(process), Conditions(temperature=temperature))


def requests(variant: str, process: str, points: Sequence[Mapping[str, float]]) -> list[DelayRequest]:
    """One request per point of a design."""
    return [
        DelayRequest(
            variant, {k: v for k, v in point.items() if k != "temperature"}, point["temperature"], process
        )
        for point in points
    ]


def element(
    variant: str, parameters: Mapping[str, float], inputs: Mapping[str, FloatArray], laws: Quantities
) -> DelayElement:
    """The twin at arrays of memories, levels and temperatures."""

    def value(name: str, level: str = "v_set") -> FloatArray:
        if name not in laws:
            return np.zeros(())
        return laws[name].values(parameters, {"level": inputs[level], "temperature": inputs["temperature"]})

    return DelayElement(
        resistance=inputs["r_read"],
        v_sinh=inputs["v_sinh"],
        capacitance=value("c_delay"),
        v_start=value("v_start"),
        v_trip=value("v_trip", "trip_level"),
        i_leak=value("i_leak"),
        g_leak=value("g_leak"),
        t_stage=value("t_stage"),
        lag=value("lag"),
        topology="decay" if variant.startswith("decay") else "charge",
    )


def inputs_of(items: Sequence[DelayRequest]) -> dict[str, FloatArray]:
    """Memories, levels and temperatures of requests as arrays."""
    names = ("r_read", "v_sinh", "v_set")
    columns = {name: np.array([item.values[name] for item in items]) for name in names}
    columns["trip_level"] = np.array([item.trip_level for item in items])
    columns["supply"] = np.array([item.supply for item in items])
    columns["temperature"] = np.array([item.temperature for item in items])
    return columns


def fit_element(
    variant: str, runs: Sequence[DelayRun], leakage: Sequence[tuple[float, Mapping[str, float]]]
) -> FitResult:
    """Joint fit of levels, leakage, pulse and delay of one variant.

    Levels and leakage are observed by themselves; the delays add the capacitor and what the stages take.
    """
    laws = quantities(variant)
    inputs = inputs_of([run.request for run in runs])

    def observed(name: str) -> FloatArray:
        return np.array([run.observed[name] for run in runs])

    datasets = [
        Dataset("t_d", inputs, observed("t_d"), DELAY_ERROR, "lognormal"),
        Dataset("v_trip", inputs, observed("v_static"), LEVEL_ERROR),
        Dataset("t_pulse", inputs, observed("t_pulse"), PULSE_ERROR, "lognormal"),
    ]
    start = dict(START)
    if variant.startswith("decay"):
        errors = np.array([run.start_error for run in runs])
        datasets.append(Dataset("v_start", inputs, observed("v_start"), errors))
    else:
        del start["start_slope"], start["start_offset"], start["start_coefficient"]
    if "lag" not in laws:
        del start["lag"]
    else:  # its supply is not varied
        start["pulse_switch"] = dataclasses.replace(start["pulse_switch"], vary=False)
    if variant in TRIP_START:
        slope, offset = TRIP_START[variant]
        start["trip_slope"] = dataclasses.replace(start["trip_slope"], value=slope)
        start["trip_offset"] = dataclasses.replace(start["trip_offset"], value=offset)
    if "i_leak" in laws:
        at = {"temperature": np.array([t for t, _ in leakage])}
        for name in ("i_leak", "g_leak"):
            y = np.array([found[name] for _, found in leakage])
            datasets.append(Dataset(name, at, y, LEAK_ERROR * np.abs(y)))
        start |= LEAK_START

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        if dataset.name == "t_d":
            return element(variant, parameters, dataset.x, laws).delay()
        levels = {
            "v_trip": ("level", "trip_level"),
            "v_start": ("level", "v_set"),
            "t_pulse": ("supply", "supply"),
        }
        known = {"temperature": dataset.x["temperature"]}
        if dataset.name in levels:
            argument, column = levels[dataset.name]
            known[argument] = dataset.x[column]
        return laws[dataset.name].values(parameters, known)

    return fit(model, datasets, start, tolerance=1e-10, criteria=Criteria(max_redchi=4.0, nuisance=NUISANCE))


@dataclass(frozen=True)
class VariantCalibration:
    """Runs, fit and failed points of one variant."""

    variant: str
    runs: tuple[DelayRun, ...]
    fit: FitResult
    failures: tuple[str, ...]


def calibrate_variant(pool: Pool, variant: str, process: str, *, quick: bool = False) -> VariantCalibration:
    """Simulate the design of a variant and fit its element.

    Raises
    ------
    SimulationError
        When more than a quarter of the points fail.
    """
    design = corners_and_fill(BOXES[variant], POINTS[1 if quick else 0], SEED)
    outcomes = pool.map(simulate_delay, requests(variant, process, design))
    items = [(variant, process, t) for t in LEAK_TEMPERATURES]
    leaks = pool.map(measure_leakage, items)
    runs = [o.value for o in outcomes if o.value is not None]
    failures = (*_failed(outcomes), *_failed(leaks))
    if len(runs) < 0.75 * len(outcomes) or any(o.value is None for o in leaks):
        raise SimulationError(f"{variant}: {len(failures)} points failed: {failures[0]}")
    leakage = [(o.item[2], o.value) for o in leaks if o.value is not None]
    return VariantCalibration(variant, tuple(runs), fit_element(variant, runs, leakage), failures)


def _failed(outcomes: Sequence[Outcome[Any, Any]]) -> tuple[str, ...]:
    return tuple(f"{o.item}: {o.error}" for o in outcomes if o.error is not None)
