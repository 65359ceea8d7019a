"""Comparison of the delay cells: held-out delays, random trains, coincidence detection."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, Validation
from circuits.deck import Simulator
from circuits.families.denram_cell import VARIANTS
from circuits.families.denram_deck import LEAD
from circuits.families.denram_delay import DelayTrain
from circuits.families.dpi_deck import EDGE
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.delays.draw import element_of
from spicetwin.calibrate.denram import BOXES, DEFAULT, inputs_of, quantities, requests, simulate_delay
from spicetwin.calibrate.design import Box, inside
from spicetwin.compare.denram_branch import CoincidenceCase, compare_coincidence
from spicetwin.compare.denram_fire import FireCase, compare_fire
from spicetwin.report.document import Check
from spicetwin.writing import write_netcdf

FloatArray = NDArray[np.float64]

#: Accepted: relative error of a delay, of a soma's peak, of the width of the tuning curve, of a soma's spike times
#: and of their number under trains.
DELAY, PEAK, WIDTH, FIRE, RATE = 0.01, 0.02, 0.03, 0.01, 0.1

#: Held-out points per variant, full and quick; seeds of points and trains, none of them a calibration's.
POINTS, QUICK_POINTS, POINT_SEED = 24, 8, 99
SPIKES, QUICK_SPIKES, TRAIN_SEED = 30, 12, 2024

#: Shortest distance of two input spikes (s): their width and edges, so that none merge before the cell.
SHORTEST = 5e-6

COMMAND = "spicetwin compare denram"


@dataclass(frozen=True)
class DelayCase:
    """Held-out points of one variant: delays in simulation and twin (s), inputs by name."""

    variant: str
    inputs: Mapping[str, FloatArray]
    spice: FloatArray
    twin: FloatArray

    @property
    def errors(self) -> FloatArray:
        """Relative error of every delay."""
        return np.asarray(np.abs(self.twin / self.spice - 1.0))


@dataclass(frozen=True)
class TrainCase:
    """One random train through a cell: input spikes, output pulses in simulation and twin (s)."""

    variant: str
    inputs: FloatArray
    spice: FloatArray
    twin: FloatArray
    delay: float

    @property
    def identical(self) -> bool:
        """Every pulse of the simulation is one of the twin, within the accepted error of a delay."""
        if self.spice.size != self.twin.size:
            return False
        return bool(np.all(np.abs(self.twin - self.spice) <= DELAY * self.delay))


@dataclass(frozen=True)
class DenramComparison:
    """All cases, and the points that failed."""

    delays: tuple[DelayCase, ...]
    trains: tuple[TrainCase, ...]
    curves: tuple[CoincidenceCase, ...]
    failures: tuple[str, ...]
    fires: tuple[FireCase, ...] = ()

    def checks(self) -> tuple[Check, ...]:
        """What is claimed of the twin, and whether it holds."""
        found = [_delay_check(case) for case in self.delays]
        found += [_train_check(case) for case in self.trains]
        for case in self.curves:
            found += _curve_checks(case)
        found += _fire_checks(self.fires) if self.fires else []
        failed = f"{len(self.failures)}" + (f": {self.failures[0]}" if self.failures else "")
        return (*found, Check("transistor-level runs that failed", failed, "0", not self.failures, COMMAND))


def _delay_check(case: DelayCase) -> Check:
    low, high = 1e3 * float(case.spice.min()), 1e3 * float(case.spice.max())
    return Check(
        f"{case.variant}: delay at {case.spice.size} held-out memories, levels and temperatures, "
        f"{low:.2g} to {high:.3g} ms",
        f"{100 * float(case.errors.max()):.2f} % at worst, median {100 * float(np.median(case.errors)):.2f} %",
        f"{100 * DELAY:g} %",
        bool(case.errors.max() <= DELAY),
        COMMAND,
    )


def _train_check(case: TrainCase) -> Check:
    lost = case.inputs.size - case.spice.size
    return Check(
        f"{case.variant}: pulses of a random train of {case.inputs.size} spikes",
        f"{case.spice.size} pass and {lost} are lost, twin {'identical' if case.identical else 'differs'}",
        f"identical, within {100 * DELAY:g} % of the delay",
        case.identical,
        COMMAND,
    )


def _curve_checks(case: CoincidenceCase) -> list[Check]:
    spice, twin = case.widths
    return [
        Check(
            f"coincidence, {case.name}: peak of the soma at {case.intervals.size} intervals",
            f"{100 * case.peak_error:.2f} % at worst",
            f"{100 * PEAK:g} %",
            case.peak_error <= PEAK,
            COMMAND,
        ),
        Check(
            f"coincidence, {case.name}: width of the tuning curve",
            f"{1e3 * twin:.2f} ms for {1e3 * spice:.2f} ms, {100 * case.width_error:.2f} %",
            f"{100 * WIDTH:g} %",
            case.width_error <= WIDTH,
            COMMAND,
        ),
    ]


def _fire_checks(cases: tuple[FireCase, ...]) -> list[Check]:
    pairs, trains = [c for c in cases if c.pair], [c for c in cases if not c.pair]
    spikes, wrong = sum(c.spice.size for c in pairs), [c.name for c in pairs if not c.equal]
    worst = max((c.error for c in pairs), default=0.0)
    found = [
        Check(
            f"spiking soma: spikes after {len(pairs)} pairs of input spikes",
            f"{spikes} in simulation, twin {'as many after each' if not wrong else 'differs: ' + ', '.join(wrong)}",
            "as many after each",
            not wrong,
            COMMAND,
        ),
        Check(
            "spiking soma: times of those spikes since the first input spike",
            f"{100 * worst:.2f} % at worst",
            f"{100 * FIRE:g} %",
            worst <= FIRE,
            COMMAND,
        ),
    ]
    for case in trains:
        text = f"{case.spice.size} in simulation, {case.twin.size} in the twin"
        good = case.count_error <= RATE
        found.append(
            Check(f"spiking soma: spikes under {case.name}", text, f"{100 * RATE:g} %", good, COMMAND)
        )
    return found


def compare_denram(
    pool: Pool, tables: Mapping[str, CalibrationTable], dpi: CalibrationTable, *, quick: bool = False
) -> DenramComparison:
    """Simulate the held-out cases of every variant in ``tables`` and run the twins beside them."""
    delays: list[DelayCase] = []
    trains: list[TrainCase] = []
    failures: list[str] = []
    for variant, table in tables.items():
        process = table.provenance.process or "generic130"
        points = QUICK_POINTS if quick else POINTS
        case, lost = compare_delays(pool, variant, table, process, points, corners=not quick)
        delays.append(case)
        train, missed = compare_train(pool, variant, table, process, QUICK_SPIKES if quick else SPIKES)
        trains += [train] if train is not None else []
        failures += [*lost, *missed]
    curves: list[CoincidenceCase] = []
    fires: list[FireCase] = []
    if DEFAULT in tables:
        table = tables[DEFAULT]
        process = table.provenance.process or "generic130"
        curves, lost = compare_coincidence(pool, table, dpi, process, quick=quick)
        fires, missed = compare_fire(pool, table, dpi, process, quick=quick)
        failures += [*lost, *missed]
    return DenramComparison(tuple(delays), tuple(trains), tuple(curves), tuple(failures), tuple(fires))


def hot_corners(box: Box) -> tuple[dict[str, float], ...]:
    """Corners of a box at its largest memory and highest temperature, where leakage counts most."""
    fixed = {"r_read": box["r_read"].high, "temperature": box["temperature"].high}
    others = [name for name in box if name not in fixed]
    ends = product(*((box[name].low, box[name].high) for name in others))
    return tuple({**dict(zip(others, values, strict=True)), **fixed} for values in ends)


def compare_delays(
    pool: Pool, variant: str, table: CalibrationTable, process: str, points: int, *, corners: bool = False
) -> tuple[DelayCase, list[str]]:
    """Delays at points that no fit has seen; second, one line per point that failed.

    With ``corners`` also at :func:`hot_corners`, on which no design puts a point.
    """
    extreme = hot_corners(BOXES[variant]) if corners else ()
    items = requests(variant, process, (*inside(BOXES[variant], points, POINT_SEED), *extreme))
    outcomes = pool.map(simulate_delay, items)
    failures = [f"{variant} {dict(o.item.values)}: {o.error}" for o in outcomes if o.error is not None]
    runs = [o.value for o in outcomes if o.value is not None]
    inputs = inputs_of([run.request for run in runs])
    at = {"v_set": inputs["v_set"], "temperature": inputs["temperature"]}
    if variant.endswith("comparator"):
        at["v_th"] = inputs["trip_level"]
    twin = element_of(table, inputs["r_read"], inputs["v_sinh"], at)
    spice = np.array([run.observed["t_d"] for run in runs])
    return DelayCase(variant, inputs, spice, twin.delay()), failures


def random_train(delay: float, spikes: int) -> FloatArray:
    """Poisson train with a mean interval of one delay (s)."""
    rng = np.random.default_rng(TRAIN_SEED)
    return LEAD + np.cumsum(SHORTEST + rng.exponential(delay, spikes))


def compare_train(
    pool: Pool, variant: str, table: CalibrationTable, process: str, spikes: int
) -> tuple[TrainCase | None, list[str]]:
    """Output pulses of a random train through the default cell; second, why there are none."""
    cell = VARIANTS[variant]()
    inputs = random_train(cell.delay(get_process(process).supply), spikes)
    (outcome,) = pool.map(train_pulses, [(variant, process, tuple(inputs.tolist()))])
    if outcome.value is None:
        return None, [f"{variant}, random train: {outcome.error}"]
    element = element_of(table, cell.r_read, cell.v_sinh)
    begin = inputs + 0.5 * EDGE
    return TrainCase(variant, inputs, outcome.value, element.fire(begin), float(element.delay())), []


def train_pulses(simulator: Simulator, item: tuple[str, str, tuple[float, ...]]) -> FloatArray:
    """Output pulses of a train (s); called in a worker."""
    variant, name, times = item
    process, conditions = get_process(name), Conditions()
    bench = DelayTrain(dut=VARIANTS[variant](), spike_times=times)
    return bench.pulses(bench.simulate(simulator, process, conditions), process, conditions)


def validated(variant: str, table: CalibrationTable, comparison: DenramComparison) -> CalibrationTable:
    """The table with the held-out errors in its entries."""
    (case,) = [c for c in comparison.delays if c.variant == variant]
    delay = Validation(
        "held-out memories, levels and temperatures",
        "largest relative error of the delay",
        float(case.errors.max()),
        DELAY,
    )
    peaks = tuple(
        Validation(f"coincidence, {c.name}", "largest relative error of the soma's peak", c.peak_error, PEAK)
        for c in comparison.curves
    )
    fitted = {f"denram.{name}" for name in quantities(variant)}
    entries = {
        name: dataclasses.replace(entry, validation=peaks if name == "denram.i_weight" else (delay,))
        if name in fitted | {"denram.i_weight"}
        else entry
        for name, entry in table.entries.items()
    }
    return dataclasses.replace(table, entries=entries)


def write_cases(comparison: DenramComparison, path: Path) -> None:
    """Write delays, trains and tuning curves as netCDF, whole or not at all."""
    import xarray as xr

    variables: dict[str, tuple[tuple[str, ...], FloatArray, dict[str, str]]] = {}
    for case in comparison.delays:
        dim = (f"point_{case.variant}",)
        for name, values in (("spice", case.spice), ("twin", case.twin)):
            variables[f"delay_{name}_{case.variant}"] = (dim, values, {"units": "s"})
        for name, values in case.inputs.items():
            unit = {"r_read": "Ohm", "temperature": "K"}.get(name, "V")
            variables[f"{name}_{case.variant}"] = (dim, values, {"units": unit})
    for train in comparison.trains:
        for name, values in (("input", train.inputs), ("spice", train.spice), ("twin", train.twin)):
            key = f"train_{name}_{train.variant}"
            variables[key] = ((f"spike_{name}_{train.variant}",), values, {"units": "s"})
    for k, fired in enumerate(comparison.fires):
        for name, values in (("spice", fired.spice), ("twin", fired.twin)):
            note = {"units": "s", "long_name": fired.name}
            variables[f"fire_{name}_{k}"] = ((f"fire_{name}_{k}",), values, note)
    for k, curve in enumerate(comparison.curves):
        dim = (f"interval_{k}",)
        variables[f"interval_{k}"] = (dim, curve.intervals, {"units": "s", "long_name": curve.name})
        for name, values in (("spice", curve.spice), ("twin", curve.twin)):
            variables[f"soma_{name}_{k}"] = (dim, values, {"units": "V", "long_name": curve.name})
    write_netcdf(xr.Dataset(variables), path)
