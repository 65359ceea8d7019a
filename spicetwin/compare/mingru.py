"""minGRU cores in co-simulation against their twin: states, gate codes, outputs, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, Validation
from circuits.families.mingru_run import ColumnJob, ColumnRun, core_jobs, run_column_records
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from pysim.mingru import CoreEffects, MinGruChip, MinGruLayer, MinGruNetwork
from pysim.mingru.reference import LayerState, converted, effective
from spicetwin.calibrate.mingru_core import CoreFit, calibration_job, designed, fit_core
from spicetwin.calibrate.mingru_gate import aimed_job, with_gate
from spicetwin.compare.mingru_cases import FULL, QUICK, CoreCase, Drive, drive
from spicetwin.report.document import Check
from spicetwin.writing import write_netcdf

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Accepted: rms and largest error of the state in LSB of 6 bits, share of equal codes, state of an ideal core (V).
STATE_RMS, STATE_LARGEST, CODES, IDEAL_STATE = 0.25, 0.5, 0.98, 1e-6

#: Assumed noise of the comparator (V) and how many sigma of noise an output's margin must exceed to count.
COMPARATOR_NOISE, SIGMAS = 0.3e-3, 3.0

#: Seed of the calibration's weights and inputs.
SEED = 1

COMMAND = "spicetwin compare mingru"


@dataclass(frozen=True)
class CoreComparison:
    """One core; arrays of shape (steps, columns), states in V against the common mode.

    ``theta`` is where an output turns over (V, per column), ``sigma`` how well the twin knows it: noise of the
    comparator and what the calibration leaves open of its offset; ``seconds`` is the simulator's time for one step
    of one column. ``state_told`` is the twin's state when it is told those gate codes of the circuit that lie within
    the noise of the converter's decision, ``told`` says which they are.
    """

    case: CoreCase
    lsb: float
    theta: FloatArray
    sigma: float
    state_spice: FloatArray
    state_twin: FloatArray
    state_told: FloatArray
    told: NDArray[np.bool_]
    code_spice: IntArray
    code_twin: IntArray
    output_spice: IntArray
    output_twin: IntArray
    seconds: float

    @property
    def state_error(self) -> FloatArray:
        """Twin minus circuit in LSB of 6 bits."""
        return (self.state_twin - self.state_spice) / self.lsb

    @property
    def largest_error(self) -> float:
        """Largest error of the state in LSB of 6 bits, gate codes within the noise of their decision aside."""
        return float(np.abs(self.state_told - self.state_spice).max()) / self.lsb

    @property
    def state_rms(self) -> float:
        """Root mean square of the state's error in LSB of 6 bits."""
        return float(np.sqrt(np.mean(self.state_error**2)))

    @property
    def codes_equal(self) -> float:
        """Share of steps with equal gate codes."""
        return float(np.mean(self.code_twin == self.code_spice))

    @property
    def codes_apart(self) -> int:
        """Largest distance of gate codes."""
        return int(np.abs(self.code_twin - self.code_spice).max())

    @property
    def holds(self) -> bool:
        """Every check of this core holds."""
        return all(check.passed for check in _checks(self))

    @property
    def outputs_wrong(self) -> int:
        """Outputs that differ although the twin's margin exceeds the noise."""
        clear = np.abs(self.state_twin - self.theta) > SIGMAS * self.sigma
        return int(np.sum(clear & (self.output_twin != self.output_spice)))


@dataclass(frozen=True)
class MingruComparison:
    """All cores, and what failed."""

    cores: tuple[CoreComparison, ...]
    failures: tuple[str, ...]

    def checks(self) -> tuple[Check, ...]:
        """What is claimed of the twin, and whether it holds."""
        found = [check for core in self.cores for check in _checks(core)]
        failed = f"{len(self.failures)}" + (f": {self.failures[0]}" if self.failures else "")
        return (*found, Check("cores that could not be compared", failed, "0", not self.failures, COMMAND))


def _checks(core: CoreComparison) -> list[Check]:
    name = core.case.name
    if core.case.ideal:
        largest = float(np.abs(core.state_error).max()) * core.lsb
        exact = core.codes_equal == 1.0 and bool((core.output_twin == core.output_spice).all())
        return [
            Check(
                f"{name}: the mathematical minGRU",
                f"states within {largest:.1e} V, codes and outputs {'identical' if exact else 'differ'}",
                f"{IDEAL_STATE:g} V, identical",
                exact and largest <= IDEAL_STATE,
                COMMAND,
            )
        ]
    return [
        Check(
            f"{name}: state of the twin, LSB of 6 bits",
            f"{core.state_rms:.3f} rms, {core.largest_error:.3f} at most outside the comparator's noise; "
            f"{core.seconds:.1f} s a step and column",
            f"{STATE_RMS:g} rms, {STATE_LARGEST:g} at most",
            core.state_rms <= STATE_RMS and core.largest_error <= STATE_LARGEST,
            COMMAND,
        ),
        Check(
            f"{name}: gate codes of the twin",
            f"{100 * core.codes_equal:.1f} % identical, {core.codes_apart} apart at most; "
            f"{int(core.told.sum())} of those that differ within the noise of the decision",
            f"{100 * CODES:g} % identical, 1 apart",
            core.codes_equal >= CODES and core.codes_apart <= 1,
            COMMAND,
        ),
        Check(
            f"{name}: outputs wherever the margin exceeds {SIGMAS:g} sigma",
            f"{core.outputs_wrong} of {core.output_spice.size} differ; sigma {1e3 * core.sigma:.2f} mV",
            "0",
            core.outputs_wrong == 0,
            COMMAND,
        ),
    ]


def compare_mingru(pool: Pool, *, quick: bool = False) -> MingruComparison:
    """Compare the cores of a full validation, or those that continuous integration can afford."""
    return compare_cores(pool, QUICK if quick else FULL)


def compare_cores(pool: Pool, cases: Sequence[CoreCase]) -> MingruComparison:
    """Co-simulate the cores and run their twins beside them; columns are spread over the pool."""
    drives = [drive(case) for case in cases]
    jobs: list[ColumnJob] = []
    places: list[tuple[int, bool]] = []
    for k, (case, driven) in enumerate(zip(cases, drives, strict=True)):
        own = [] if case.ideal else [calibration_job(case.column(), case.fitted_steps, SEED)]
        held = _held_out(case, driven)
        jobs += [*own, *held]
        places += [(k, True)] * len(own) + [(k, False)] * len(held)
    outcomes = pool.map(run_column_records, jobs)
    cores: list[CoreComparison] = []
    failures: list[str] = []
    for k, (case, driven) in enumerate(zip(cases, drives, strict=True)):
        mine = [(o, fits) for o, (place, fits) in zip(outcomes, places, strict=True) if place == k]
        reason = next((_reason(o) for o, _ in mine if _reason(o)), "")
        if reason:
            failures.append(f"{case.name}: {reason}")
            continue
        own_runs = [(o.value, o.item) for o, fits in mine if fits and o.value is not None]
        fit = _calibrated(pool, own_runs[0], case.aimed) if own_runs else designed(case.column())
        cores.append(_compared(case, driven, fit, [o.value for o, fits in mine if not fits and o.value]))
    return MingruComparison(tuple(cores), tuple(failures))


def _calibrated(pool: Pool, first: tuple[ColumnRun, ColumnJob], aimed: int) -> CoreFit:
    """Fit of the calibration run, its gate refined by ``aimed`` runs that follow."""
    fit, runs = fit_core(*first), [first]
    for k in range(aimed):
        (outcome,) = pool.map(run_column_records, [aimed_job(first[1], fit, SEED + 1 + k)])
        if outcome.value is None:
            raise SimulationError(f"aimed calibration: {_reason(outcome)}")
        runs.append((outcome.value, outcome.item))
        fit = with_gate(fit, runs)
    return fit


def compare_core(pool: Pool, case: CoreCase, fit: CoreFit) -> CoreComparison:
    """Co-simulate one core driven by a digit and run the twin of ``fit`` beside it.

    Raises
    ------
    SimulationError
        When a column failed or stopped early.
    """
    driven = drive(case)
    outcomes = pool.map(run_column_records, _held_out(case, driven))
    reason = next((_reason(o) for o in outcomes if _reason(o)), "")
    if reason:
        raise SimulationError(f"{case.name}: {reason}")
    return _compared(case, driven, fit, [o.value for o in outcomes if o.value is not None])


def validated_core(table: CalibrationTable, core: CoreComparison) -> CalibrationTable:
    """The table with the errors of ``core`` on the entries that they speak of."""
    held = f"{core.case.name}, driven by a digit through a trained network"
    found = {
        "mingru.gain_h": (
            Validation(held, "rms error of the state, LSB of 6 bits", core.state_rms, STATE_RMS),
            Validation(held, "largest error of the state, LSB of 6 bits", core.largest_error, STATE_LARGEST),
        ),
        "mingru.gate_slope": (
            Validation(held, "share of gate codes that differ", 1.0 - core.codes_equal, 1.0 - CODES),
        ),
        "mingru.comparator_offset": (
            Validation(held, "outputs that differ beyond 3 sigma", float(core.outputs_wrong), 0.0),
        ),
    }
    entries = {
        name: replace(entry, validation=(*entry.validation, *found.get(name, ())))
        for name, entry in table.entries.items()
    }
    return replace(table, entries=entries)


def _held_out(case: CoreCase, driven: Drive) -> list[ColumnJob]:
    layer, column = driven.layer, case.column()
    weights = layer.weight_h.astype(np.int64), layer.weight_z.astype(np.int64)
    theta = layer.theta * column.v_fs / 2
    return core_jobs(
        column, weights, (np.asarray(layer.bias_h), np.asarray(layer.bias_z)), driven.inputs, theta=theta
    )


def _reason(outcome: Outcome[ColumnJob, ColumnRun]) -> str:
    """Why a column is missing or incomplete; empty when it is complete."""
    if outcome.value is None:
        return str(outcome.error)
    ended = outcome.value.cosimulation.ended
    return "" if ended is None else str(ended)


def _compared(case: CoreCase, driven: Drive, fit: CoreFit, runs: Sequence[ColumnRun]) -> CoreComparison:
    layer, core, column = driven.layer, fit.effects(driven.layer), case.column()
    twin = (
        MinGruNetwork((layer,))
        .run(driven.inputs[None], MinGruChip((core,)), backend="numpy", record=True)
        .trace
    )
    assert twin is not None
    unit = column.v_fs / 2
    codes = np.stack([run.k for run in runs], axis=1)
    noise = np.hypot(COMPARATOR_NOISE / unit, fit.residual.get("z", 0.0)) * float(core.gate(layer)[0][0])
    told = _undecided(core, layer, np.stack([run.v_z for run in runs], axis=1) / unit, SIGMAS * noise)
    told &= codes != twin[0].codes[0]
    start = LayerState.start(1, layer.columns)
    drawn = effective(
        layer, core, driven.inputs[None].astype(np.float64), start, None, np.where(told, codes, -1)[None]
    )
    assert drawn.states is not None
    seconds = float(np.mean([run.cosimulation.solve_seconds for run in runs])) / case.steps
    return CoreComparison(
        case,
        column.v_fs / 64,
        (driven.layer.theta + fit.values.get("comparator_offset", 0.0)) * unit,
        float(np.hypot(COMPARATOR_NOISE, fit.residual.get("output", 0.0) * unit / np.sqrt(3.0))),
        np.stack([run.v_h for run in runs], axis=1),
        twin[0].states[0] * unit,
        drawn.states[0] * unit,
        told,
        codes,
        twin[0].codes[0].astype(np.int64),
        np.stack([run.y for run in runs], axis=1),
        twin[0].outputs[0].astype(np.int64),
        seconds,
    )


def _undecided(core: CoreEffects, layer: MinGruLayer, line_z: FloatArray, band: float) -> NDArray[np.bool_]:
    """Lines z (V_FS / 2) of which a change by ``band`` codes moves the twin's gate code."""
    gain, zero = core.gate(layer)
    low, high = (converted(gain * line_z + zero + side, core)[0] for side in (-band, band))
    return np.asarray(low != high)


def write_states(comparison: MingruComparison, path: Path) -> None:
    """Write states, codes and outputs of every core (``_0``, ``_1``, ...) as netCDF, whole or not at all."""
    import xarray as xr

    variables: dict[str, tuple[tuple[str, str], NDArray[Any], dict[str, str]]] = {}
    for k, core in enumerate(comparison.cores):
        dims = (f"step_{k}", f"column_{k}")
        for source, state, code, output in (
            ("spice", core.state_spice, core.code_spice, core.output_spice),
            ("twin", core.state_twin, core.code_twin, core.output_twin),
        ):
            variables[f"state_{source}_{k}"] = (dims, state, {"units": "V", "long_name": core.case.name})
            variables[f"code_{source}_{k}"] = (dims, code, {"units": "1", "long_name": core.case.name})
            variables[f"output_{source}_{k}"] = (dims, output, {"units": "1", "long_name": core.case.name})
    write_netcdf(xr.Dataset(variables), path)
