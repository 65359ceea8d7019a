"""Calibration of the minGRU core: columns in co-simulation, spread of small testbenches, measured devices."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.table import CalibrationTable, Entry, Provenance
from circuits.families.mingru_column import MingruColumn
from circuits.families.mingru_dynamic import MingruEnergy, MingruNoise
from circuits.families.mingru_run import ColumnJob, ColumnRun, run_column_records
from circuits.families.mingru_static import MingruImc, MingruSwap
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from circuits.plan import Plan
from circuits.process import get_process
from circuits.testbench import Testbench
from spicetwin.calibrate.mingru_core import CoreFit, CoreFitError, calibration_job, fit_core
from spicetwin.calibrate.mingru_entries import Found, core_entries
from spicetwin.calibrate.origin import netlist_digests, simulated_provenance
from spicetwin.compare.mingru_cases import UNTIED

#: Rows of the cores that the table is for, and of the columns that tell corners and temperatures.
ROWS, SIDE_ROWS = 64, 16

#: Rows of the testbenches of single quantities over drawn chips; an offset of a line falls as 1/sqrt(rows).
BENCH_ROWS = 4

STEPS = 24
SEED = 1
CORNERS = ("ss", "ff", "sf", "fs")
TEMPERATURES = (233.15, 358.15)
T_REFERENCE = 300.15

#: Drawn chips of the testbenches: full and quick.
SAMPLES = (40, 8)


@dataclass(frozen=True)
class MingruCalibration:
    """What the calibration of a process produced.

    ``fits`` by condition: ``"tt"`` of :data:`ROWS` rows, the others of :data:`SIDE_ROWS`, ``"side"`` among them being
    their reference. ``failures`` says which conditions could not be had and why.
    """

    process: str
    fits: Mapping[str, CoreFit]
    found: Found
    failures: tuple[tuple[str, str], ...]
    table: CalibrationTable


def calibrate_mingru(
    pool: Pool,
    process: str,
    version: str,
    created: str,
    devices: Mapping[str, Entry],
    *,
    quick: bool = False,
) -> MingruCalibration:
    """Co-simulate the columns, run the testbenches, make the table ``mingru_<process>``.

    Parameters
    ----------
    pool
        Simulator workers; a column of 64 rows takes minutes.
    process, version, created
        Of the table.
    devices
        Entries of measured capacitors and switches (:mod:`.mingru_devices`): the droop comes from them.
    quick
        Corners and temperatures are left out, and fewer chips are drawn: spread between dies is then missing.

    Raises
    ------
    SimulationError
        When the column of 64 rows, or every point of a testbench, failed.
    CoreFitError
        When its run cannot tell the gains.
    """
    jobs = _column_jobs(process, quick=quick)
    failures: list[tuple[str, str]] = []
    fits: dict[str, CoreFit] = {}
    outcomes = pool.map(run_column_records, list(jobs.values()))
    for label, outcome in zip(jobs, outcomes, strict=True):
        try:
            fits[label] = _fitted(outcome)
        except (SimulationError, CoreFitError) as error:
            if label == "tt":
                raise
            failures.append((label, str(error)))
    samples = SAMPLES[1 if quick else 0]
    found = Found(
        column=_column(ROWS),
        bench_rows=BENCH_ROWS,
        samples=samples,
        imc=_chips(pool, MingruImc(dut=_column(BENCH_ROWS)), process, samples),
        swap=_chips(pool, MingruSwap(dut=_column(BENCH_ROWS)), process, samples),
        noise=_nominal(pool, MingruNoise(dut=_column(ROWS)), process),
        energy=_nominal(pool, MingruEnergy(dut=_column(ROWS)), process),
    )
    entries = core_entries(fits, found, devices, get_process(process))
    table = CalibrationTable(
        name=f"mingru_{process}",
        version=version,
        created=created,
        entries=entries,
        provenance=_provenance(pool, process, quick=quick),
        description=f"minGRU core of {ROWS} rows on {process}: co-simulated columns, measured switches; sizes assumed",
        licence="Apache-2.0",
        references=("Billaudelle et al. 2025, arXiv:2505.08599",),
    )
    return MingruCalibration(process, fits, found, tuple(failures), table)


def _column(rows: int) -> MingruColumn:
    column: MingruColumn = MingruColumn().replace({"rows": float(rows), **UNTIED})
    return column


def _column_jobs(process: str, *, quick: bool) -> dict[str, ColumnJob]:
    """One calibration run a condition, largest first."""
    technology = get_process(process)

    def job(rows: int, corner: str = "tt", temperature: float = T_REFERENCE) -> ColumnJob:
        made = calibration_job(_column(rows), STEPS, SEED)
        where = dataclasses.replace(made.conditions, corner=corner, temperature=temperature)
        return dataclasses.replace(made, process=technology, conditions=where)

    jobs = {"tt": job(ROWS)}
    if not quick:
        jobs["side"] = job(SIDE_ROWS)
        jobs |= {corner: job(SIDE_ROWS, corner) for corner in CORNERS if corner in technology.corners}
        jobs |= {f"{kelvin:g} K": job(SIDE_ROWS, temperature=kelvin) for kelvin in TEMPERATURES}
    return jobs


def _fitted(outcome: Outcome[ColumnJob, ColumnRun]) -> CoreFit:
    """Fit of one condition."""
    if outcome.value is None:
        raise outcome.error or SimulationError("the run ended without a reason")
    return fit_core(outcome.value, outcome.item)


def _chips(pool: Pool, bench: Testbench, process: str, samples: int) -> dict[str, np.ndarray[Any, Any]]:
    """Observables of a testbench over drawn chips."""
    return _observed(pool, Plan(bench, get_process(process), samples=samples, seed=SEED))


def _nominal(pool: Pool, bench: Testbench, process: str) -> dict[str, float]:
    """Observables of a testbench on the nominal chip."""
    found = _observed(pool, Plan(bench, get_process(process)))
    return {name: float(values[0]) for name, values in found.items()}


def _observed(pool: Pool, plan: Plan) -> dict[str, np.ndarray[Any, Any]]:
    outcomes = pool.map(plan.runner(), plan.points())
    rows: Sequence[Mapping[str, float]] = [o.value for o in outcomes if o.value is not None]
    if not rows:
        raise outcomes[0].error or SimulationError(f"{plan.testbench.name}: no point was simulated")
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _provenance(pool: Pool, process: str, *, quick: bool) -> Provenance:
    column = _column(ROWS)
    netlists = netlist_digests(column.netlist_files())
    plan = {
        "rows": ROWS,
        "steps": STEPS,
        "samples": SAMPLES[1 if quick else 0],
        "bench_rows": BENCH_ROWS,
        "side": None
        if quick
        else {"rows": SIDE_ROWS, "corners": list(CORNERS), "temperatures": list(TEMPERATURES)},
    }
    described = json.dumps(column.values(), sort_keys=True) + json.dumps(netlists, sort_keys=True)
    return simulated_provenance(pool, process, [column], netlists, described, plan, SEED)
