"""Runs of a minGRU column and of a whole core in lock-step co-simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.cosim.result import CoSimulation, EarlyEnd
from circuits.cosim.run import cosimulate
from circuits.deck import FloatArray, Simulator, Waveforms
from circuits.families.mingru_blocks import (
    OutputLatch,
    Probe,
    SarLogic,
    Sequencer,
    SwapDecoder,
    run_end,
    run_slots,
)
from circuits.families.mingru_column import LEVELS, MingruColumn
from circuits.families.mingru_deck import column_deck, supply_voltage
from circuits.ngspice.pool import Pool
from circuits.ngspice.stepping import SteppingSimulator, stepping
from circuits.process import Process, draw_mismatch, get_process
from circuits.testbench import Conditions

IntArray = npt.NDArray[np.int64]


#: Factors on the largest time step, tried in order.
SHORTER = (1.0, 0.93, 0.87)


class CoreError(ValueError):
    """Weights, biases or inputs of a core that cannot be run."""


@dataclass(frozen=True)
class ColumnJob:
    """Everything one column's run needs; small and picklable.

    Attributes
    ----------
    column, process, conditions
        Circuit and where it is simulated.
    weights : (tuple of int, tuple of int)
        2-bit weights of the h- and z-synapses.
    biases : (int, int)
        Signed 6-bit bias codes of the h and z line.
    inputs : tuple of tuple
        Row inputs of each step.
    theta, h_initial : float
        Output threshold and initial state, volt against the common mode.
    analog : bool
        Inputs are levels from 0 to 1.
    forced : tuple of int, optional
        Gate codes to use instead of the converter's.
    bias_steps : tuple of (int, int), optional
        Bias codes of every step instead of the constant ones.
    save : tuple of str
        Further nodes and currents to keep.
    """

    column: MingruColumn
    weights: tuple[tuple[int, ...], tuple[int, ...]]
    inputs: tuple[tuple[float, ...], ...]
    biases: tuple[int, int] = (0, 0)
    theta: float = 0.0
    h_initial: float = 0.0
    analog: bool = False
    forced: tuple[int, ...] | None = None
    bias_steps: tuple[tuple[int, int], ...] | None = None
    process: Process = field(default_factory=lambda: get_process("generic130"))
    conditions: Conditions = field(default_factory=Conditions)
    save: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnRun:
    """Steps of one column, as far as it came: voltages against the common mode (V), codes, outputs, waveforms."""

    v_ht: FloatArray
    v_z: FloatArray
    v_h: FloatArray
    k: IntArray
    y: IntArray
    cosimulation: CoSimulation


def run_column(simulator: SteppingSimulator, job: ColumnJob) -> ColumnRun:
    """Co-simulate one column. Steps that were not reached are NaN, their codes and outputs -1.

    A run in which the simulator stepped over an event is done again with a slightly shorter largest time step.
    """
    for shorter in SHORTER:
        run = _run_column(simulator, job, shorter)
        if run.cosimulation.ended is None or not run.cosimulation.ended.missed_halt:
            break
    return run


def _run_column(simulator: SteppingSimulator, job: ColumnJob, shorter: float) -> ColumnRun:
    supply = supply_voltage(job.process, job.conditions)
    column, steps = job.column, len(job.inputs)
    slots = run_slots(column, steps)
    deck = column_deck(
        column,
        job.weights,
        job.process,
        job.conditions,
        stop=run_end(column, steps),
        theta=job.theta,
        h_initial=job.h_initial,
        analog_rows=job.analog,
        save=job.save,
        shorter=shorter,
    )
    biases = [job.biases] * steps if job.bias_steps is None else job.bias_steps
    probe = Probe(column, slots, supply)
    blocks = (
        Sequencer(column, slots, supply, job.inputs, biases, analog=job.analog),
        SarLogic(column, slots, supply, job.forced),
        SwapDecoder(column, slots, supply),
        OutputLatch(column, slots, supply),
        probe,
    )
    result = cosimulate(simulator, deck, blocks)
    found: dict[str, Any] = {name: np.full(steps, np.nan) for name in ("v_ht", "v_z", "v_h")}
    found |= {name: np.full(steps, -1, dtype=np.int64) for name in ("k", "y")}
    for step, record in enumerate(probe.records):
        for name, value in record.items():
            found[name][step] = value
    return ColumnRun(**found, cosimulation=result)


def run_column_records(simulator: Simulator, job: ColumnJob) -> ColumnRun:
    """:func:`run_column` without waveforms and event log, which would travel between processes for nothing."""
    run = run_column(stepping(simulator), job)
    kept = CoSimulation(
        Waveforms("tran", {"time": run.cosimulation.waves["time"][-1:]}),
        (),
        {},
        run.cosimulation.ended,
        run.cosimulation.solve_seconds,
    )
    return ColumnRun(run.v_ht, run.v_z, run.v_h, run.k, run.y, kept)


@dataclass(frozen=True)
class CoreRun:
    """A core's run, arrays of shape (steps, columns).

    Attributes
    ----------
    v_ht, v_z, v_h : ndarray
        Candidate and gate lines after sharing, state after the swap, volt against the common mode; NaN
        where a column did not come that far.
    k, y : ndarray of int
        Gate codes and outputs; -1 where not reached.
    ended : tuple
        Per column why and where it stopped early, None when complete.
    seconds : ndarray
        Wall time inside ngspice of each column (s).
    """

    v_ht: FloatArray
    v_z: FloatArray
    v_h: FloatArray
    k: IntArray
    y: IntArray
    ended: tuple[EarlyEnd | None, ...]
    seconds: FloatArray


def run_core(
    parameters: Mapping[str, float] | MingruColumn,
    weights: tuple[npt.ArrayLike, npt.ArrayLike],
    biases: tuple[npt.ArrayLike, npt.ArrayLike],
    inputs: npt.ArrayLike,
    level: str = "ideal",
    *,
    theta: npt.ArrayLike = 0.0,
    h_initial: npt.ArrayLike = 0.0,
    analog: bool = False,
    process: Process | None = None,
    conditions: Conditions | None = None,
    mismatch_seed: int | None = None,
    pool: Pool | None = None,
) -> CoreRun:
    """Co-simulate a core of N rows and M columns; columns share only their inputs and run apart, on a pool.

    Parameters
    ----------
    parameters : mapping or MingruColumn
        Values of :class:`~circuits.families.mingru_column.MingruColumn` that differ from its defaults
        (``rows`` is taken from the weights), or a column.
    weights : (array, array)
        2-bit codes 0 to 3 of the h- and the z-synapses, shape (N, M).
    biases : (array, array)
        Signed codes -32 to 31 of the h and the z lines, shape (M,) or one number.
    inputs : array
        Shape (steps, N): 0 or 1; with ``analog`` levels from 0 to 1, for a first layer.
    level : str
        ``"ideal"`` or ``"transistor"``.
    theta, h_initial : array
        Output threshold and initial state of each column, volt against the common mode.
    process, conditions
        generic130 at its nominal supply, corner tt and 300.15 K when not given.
    mismatch_seed : int, optional
        Draws transistors and capacitors of every column, in order; none when not given.
    pool : Pool, optional
        Where columns run; a pool of its own, one worker a core of the machine, when not given.

    Returns
    -------
    CoreRun
        A column whose run stops converging holds what it reached. After Ctrl-C, and where a worker died or
        passed the pool's time limit, finished columns are kept and the others are empty, with the reason.

    Raises
    ------
    CoreError
        Weights outside 0 to 3, shapes that do not agree, inputs that are not 0 or 1 (or not in [0, 1]).
    ParameterError
        Number of rows or a parameter that is not accepted.
    SimulationError
        Every column failed.
    """
    jobs = core_jobs(
        parameters, weights, biases, inputs, level,
        theta=theta, h_initial=h_initial, analog=analog, process=process, conditions=conditions,
        mismatch_seed=mismatch_seed,
    )  # fmt: skip
    if pool is not None:
        return _run_jobs(pool, jobs)
    with Pool(timeout=3600.0) as own:
        return _run_jobs(own, jobs)


def _run_jobs(pool: Pool, jobs: Sequence[ColumnJob]) -> CoreRun:
    """Columns side by side; one that failed or was not finished at Ctrl-C holds nothing but the reason."""
    runs: dict[int, ColumnRun] = {}
    reasons: dict[int, str] = {}
    try:
        for outcome in pool.imap(run_column_records, jobs):
            if outcome.value is not None:
                runs[outcome.index] = outcome.value
            elif outcome.error is not None:
                reasons[outcome.index] = str(outcome.error)
                failure = outcome.error
    except KeyboardInterrupt:
        reasons |= {n: "interrupted" for n in range(len(jobs)) if n not in runs and n not in reasons}
    if len(reasons) == len(jobs) and "interrupted" not in reasons.values():
        raise failure
    empty = {n: _unreached(len(jobs[n].inputs), reason) for n, reason in reasons.items()}
    return _side_by_side([runs.get(n) or empty[n] for n in range(len(jobs))])


def _unreached(steps: int, reason: str) -> ColumnRun:
    """A column without steps."""
    nothing = np.full(steps, np.nan)
    none = np.full(steps, -1, dtype=np.int64)
    ended = EarlyEnd(reason, 0.0, None, None)
    waves = Waveforms("tran", {"time": np.zeros(1)})
    return ColumnRun(nothing, nothing, nothing, none, none, CoSimulation(waves, (), {}, ended, 0.0))


def core_jobs(
    parameters: Mapping[str, float] | MingruColumn,
    weights: tuple[npt.ArrayLike, npt.ArrayLike],
    biases: tuple[npt.ArrayLike, npt.ArrayLike],
    inputs: npt.ArrayLike,
    level: str = "ideal",
    *,
    theta: npt.ArrayLike = 0.0,
    h_initial: npt.ArrayLike = 0.0,
    analog: bool = False,
    process: Process | None = None,
    conditions: Conditions | None = None,
    mismatch_seed: int | None = None,
) -> list[ColumnJob]:
    """Check the arguments of :func:`run_core` and make one job of every column."""
    matrices = [_weights(name, w) for name, w in zip(("h", "z"), weights, strict=True)]
    if matrices[0].shape != matrices[1].shape:
        raise CoreError(f"weights h {matrices[0].shape} and z {matrices[1].shape} differ in shape")
    rows, columns = matrices[0].shape
    stimulus = _inputs(inputs, rows, analog)
    codes = [_per_column(f"bias {n}", b, columns) for n, b in zip(("h", "z"), biases, strict=True)]
    for name, code in zip(("h", "z"), codes, strict=True):
        if not np.all((code == np.round(code)) & (code >= -32) & (code <= 31)):
            raise CoreError(f"bias {name}: {code.tolist()}; accepted: whole codes from -32 to 31")
    column = _column(parameters, level, rows)
    used = get_process("generic130") if process is None else process
    where = Conditions() if conditions is None else conditions
    thresholds, states = (_per_column(n, v, columns) for n, v in (("theta", theta), ("h_initial", h_initial)))
    rng = None if mismatch_seed is None else np.random.default_rng(mismatch_seed)
    jobs = []
    for c in range(columns):
        drawn = where.mismatch if rng is None else draw_mismatch(column, used, rng)
        jobs.append(
            ColumnJob(
                column=column,
                weights=(tuple(matrices[0][:, c].tolist()), tuple(matrices[1][:, c].tolist())),
                inputs=stimulus,
                biases=(int(codes[0][c]), int(codes[1][c])),
                theta=float(thresholds[c]),
                h_initial=float(states[c]),
                analog=analog,
                process=used,
                conditions=Conditions(where.corner, where.temperature, where.supply, drawn),
            )
        )
    return jobs


def _side_by_side(runs: Sequence[ColumnRun]) -> CoreRun:
    """Arrays of shape (steps, columns)."""
    stacked: dict[str, Any] = {
        name: np.stack([getattr(run, name) for run in runs], axis=1)
        for name in ("v_ht", "v_z", "v_h", "k", "y")
    }
    ended = tuple(run.cosimulation.ended for run in runs)
    seconds = np.array([run.cosimulation.solve_seconds for run in runs])
    return CoreRun(**stacked, ended=ended, seconds=seconds)


def _column(parameters: Mapping[str, float] | MingruColumn, level: str, rows: int) -> MingruColumn:
    if isinstance(parameters, MingruColumn):
        if parameters.n_rows != rows:
            raise CoreError(f"weights have {rows} rows, the column {parameters.n_rows}")
        return parameters
    if level not in LEVELS:
        raise CoreError(f"level {level!r}; accepted: {', '.join(LEVELS)}")
    if parameters.get("rows", rows) != rows:
        raise CoreError(f"weights have {rows} rows, the parameters say {parameters['rows']:g}")
    return LEVELS[level]().replace({**parameters, "rows": float(rows)})


def _weights(name: str, values: npt.ArrayLike) -> IntArray:
    array = np.asarray(values)
    if array.ndim != 2 or not array.size:
        raise CoreError(f"weights {name} have shape {array.shape}; accepted: (rows, columns)")
    wrong = ~np.isin(array, (0, 1, 2, 3))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise CoreError(
            f"weights {name}[{row}, {column}] = {array[row, column]}; accepted: 2-bit codes 0 to 3"
        )
    return array.astype(np.int64)


def _inputs(values: npt.ArrayLike, rows: int, analog: bool) -> tuple[tuple[float, ...], ...]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not array.shape[0] or array.shape[1] != rows:
        raise CoreError(f"inputs have shape {array.shape}; accepted: (steps, {rows})")
    accepted = (array >= 0.0) & (array <= 1.0) if analog else np.isin(array, (0.0, 1.0))
    if not accepted.all():
        step, row = np.argwhere(~accepted)[0]
        what = "levels from 0 to 1" if analog else "0 or 1"
        raise CoreError(f"inputs[{step}, {row}] = {array[step, row]}; accepted: {what}")
    return tuple(tuple(step) for step in array.tolist())


def _per_column(name: str, values: npt.ArrayLike, columns: int) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (columns,)) or not np.isfinite(array).all():
        raise CoreError(f"{name} has shape {array.shape}; accepted: one finite number, or one of {columns}")
    return np.broadcast_to(array, (columns,)).copy()
