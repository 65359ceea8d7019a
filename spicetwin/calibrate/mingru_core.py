"""Calibration of a minGRU column's twin: one co-simulated run of random codes tells every gain and offset.

The equations of :mod:`pysim.mingru.effects` are linear in them, line by line, so each group is a least-squares line:

    v_h~, v_z   against the mean of the sampled voltages, the bias code and the line's previous voltage
    k           against v_z: the offset with the widest margin to every truncation of the converter, at the slope
                of the DAC's divider unless that contradicts a code
    v_h         against what the step before and the candidate leave by charge sharing
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from circuits.families.mingru_column import DAC_BITS, WEIGHT_LEVELS, MingruColumn
from circuits.families.mingru_layer import gate_lsb, line_gain, swap_gain
from circuits.families.mingru_run import ColumnJob, ColumnRun, core_jobs
from pysim.mingru import CoreEffects, MinGruLayer

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Step of the bias codes in units of V_FS / 2; the circuit's own step is the fitted gain times this.
BIAS_STEP = 1.0 / 128.0

#: Range of the bias codes.
LOWEST_BIAS, HIGHEST_BIAS = -32, 31


#: How near the threshold the second half of a calibration aims (V_FS / 2).
NEAR = 0.02


class CoreFitError(ValueError):
    """The run cannot tell the column's gains."""


@dataclass(frozen=True)
class CoreFit:
    """Gains and offsets of a column without mismatch, voltages in units of V_FS / 2.

    ``residual`` holds the rms of what each line leaves: ``h~``, ``z``, ``h`` (V_FS / 2); ``gate`` is the largest
    distance of an input from the middle of its code, above 1/2 where no line explains the codes; ``output`` is half
    the width in which the comparator's offset lies (V_FS / 2), negative where decisions contradict each other.
    ``gate_weight`` holds the relative deviation of each bit of the gate's converter, empty where none was looked for
    (:mod:`spicetwin.calibrate.mingru_gate`).
    """

    values: dict[str, float]
    residual: dict[str, float]
    gate_weight: tuple[float, ...] = ()

    def effects(self, layer: MinGruLayer) -> CoreEffects:
        """The same gains and offsets in every column of ``layer``."""
        return CoreEffects(
            rows=layer.rows,
            columns=layer.columns,
            bits=layer.bits,
            gate_weight=self.gate_weight or 0.0,
            **self.values,
        )


def calibration_job(column: MingruColumn, steps: int, seed: int) -> ColumnJob:
    """Random weights and inputs, and a bias code in every step; nothing of a task.

    In every step the inputs lean by a random amount to the rows that raise line z (or, in the first half, line h~):
    sums of independent inputs would stay near zero and leave the ends of the gate unseen. Biases are random; in the
    second half those of line h~ hold the state near the output's threshold, where its comparator shows its offset.
    """
    rng = np.random.default_rng(seed)
    rows, half = column.n_rows, steps // 2
    weights = rng.integers(0, 4, (rows, 1)), rng.integers(0, 4, (rows, 1))
    lines = [1 - step % 2 if step < half else 1 for step in range(steps)]
    signs = np.array([np.sign(2 * weights[line][:, 0] - 3) for line in lines])
    lean = rng.uniform(-1.0, 1.0, (steps, 1))
    inputs = (rng.random((steps, rows)) < 0.5 + 0.5 * lean * signs).astype(float)
    (job,) = core_jobs(column, weights, (0, 0), inputs)
    biases = rng.integers(LOWEST_BIAS, HIGHEST_BIAS + 1, (steps, 2))
    hand = designed(column).values
    mean = inputs[half:] @ np.array(WEIGHT_LEVELS)[weights[0][:, 0]] / rows
    wanted = rng.uniform(-NEAR, NEAR, steps - half) - hand["gain_h"] * mean
    biases[half:, 0] = np.clip(
        np.round(wanted / (hand["bias_gain_h"] * BIAS_STEP)), LOWEST_BIAS, HIGHEST_BIAS
    )
    return dataclasses.replace(job, bias_steps=tuple((int(h), int(z)) for h, z in biases))


def column_layer(column: MingruColumn, weights: tuple[IntArray, IntArray], **codes: object) -> MinGruLayer:
    """The mathematical layer of columns as designed: gate by the DAC's divider, biases in :data:`BIAS_STEP`."""
    top = 2**column.gate_bits - 1
    lsb = gate_lsb(column)
    zero = column.gate_code / 2 ** (DAC_BITS - column.gate_bits) - column.v_reset / lsb
    return MinGruLayer(
        weight_h=weights[0].astype(np.uint8),
        weight_z=weights[1].astype(np.uint8),
        slope=column.v_fs / lsb / top,
        offset=(zero - 0.5) / top - 0.5,
        bias_step=BIAS_STEP,
        bits=column.gate_bits,
        **codes,  # type: ignore[arg-type]
    )


def fit_core(run: ColumnRun, job: ColumnJob) -> CoreFit:
    """Gains and offsets from the run of a :func:`calibration_job`.

    Raises
    ------
    CoreFitError
        When the run ended early, or too few gate codes lie inside their range.
    """
    if run.cosimulation.ended is not None:
        raise CoreFitError(f"calibration run of {job.column.n_rows} rows: {run.cosimulation.ended}")
    unit = job.column.v_fs / 2
    assert job.bias_steps is not None
    biases = BIAS_STEP * np.array(job.bias_steps, dtype=np.float64)
    values: dict[str, float] = {}
    residual: dict[str, float] = {}
    for which, line, volts in (("h", 0, run.v_ht), ("z", 1, run.v_z)):
        levels = np.array(WEIGHT_LEVELS)[list(job.weights[line])]
        mean = np.array(job.inputs) @ levels / job.column.n_rows
        voltage = volts / unit
        before = np.concatenate([[0.0], voltage[:-1]])
        regressors = [mean, biases[:, line], np.ones(mean.size)]
        names = [f"gain_{which}", f"bias_gain_{which}", f"offset_{which}"]
        if job.column.line_reset < 0.5:
            regressors.append(before)
            names.append(f"memory_{which}")
        found, residual[f"{which}~" if which == "h" else which] = _line(regressors, voltage)
        values |= dict(zip(names, found, strict=True))
    values |= _gate(run, job, residual)
    values |= _swap(run, job, residual)
    low, high = _decision((run.v_h - job.theta) / unit, run.y)
    residual["output"] = 0.5 * (high - low)
    return CoreFit(values | {"comparator_offset": 0.5 * (low + high)}, residual)


def _gate(run: ColumnRun, job: ColumnJob, residual: dict[str, float]) -> dict[str, float]:
    layer = column_layer(job.column, (np.zeros((job.column.n_rows, 1)), np.zeros((job.column.n_rows, 1))))  # type: ignore[arg-type]
    if np.unique(run.k).size < 4:
        raise CoreFitError(f"gate codes {np.unique(run.k).tolist()}; accepted: at least four different ones")
    a_z = run.v_z / (job.column.v_fs / 2)
    slope, zero, residual["gate"] = _transfer(a_z, run.k, layer.top, (layer.gate_gain, layer.gate_gain))
    if residual["gate"] > 0.5:
        slope, zero, residual["gate"] = _transfer(a_z, run.k, layer.top, (None, None))
    return {"gate_slope": slope / layer.gate_gain, "gate_offset": zero - layer.gate_zero}


def _transfer(
    a_z: FloatArray, codes: IntArray, top: int, slopes: tuple[float | None, float | None]
) -> tuple[float, float, float]:
    """Slope and zero of the scale whose integer part is the code, with the widest margin to every truncation.

    Maximises t under code + t <= slope a_z + zero <= code + 1 - t; an end code bounds one side only. The third
    number is 1/2 - t: 0 when every input lies in the middle of its code, above 1/2 when no line explains the codes.
    """
    lower, upper = codes > 0, codes < top
    ones = np.ones(codes.size)
    above = np.column_stack([-a_z, -ones, ones])[lower]
    below = np.column_stack([a_z, ones, ones])[upper]
    bounds = np.concatenate([-codes[lower], codes[upper] + 1.0])
    found = linprog(
        [0.0, 0.0, -1.0], np.vstack([above, below]), bounds, bounds=[slopes, (None, None), (None, None)]
    )
    if found.x is None:
        raise CoreFitError(f"the gate's transfer cannot be told from codes {np.unique(codes).tolist()}")
    slope, zero, margin = (float(v) for v in found.x)
    return slope, zero, 0.5 - margin


def _swap(run: ColumnRun, job: ColumnJob, residual: dict[str, float]) -> dict[str, float]:
    unit = job.column.v_fs / 2
    after, candidate = run.v_h / unit, run.v_ht / unit
    before = np.concatenate([[job.h_initial / unit], after[:-1]])
    z = run.k * 2.0**-job.column.gate_bits
    regressors = [z * (candidate - before), np.ones(z.size), z, z * before]
    found, residual["h"] = _line(regressors, after - before)
    names = ("swap_gain", "injection_base", "injection_swap", "injection_state")
    return dict(zip(names, found, strict=True))


def _decision(margin: FloatArray, outputs: IntArray) -> tuple[float, float]:
    """Largest margin of the state over theta that gave 0, smallest that gave 1."""
    zero, one = margin[outputs == 0], margin[outputs == 1]
    if not (zero.size and one.size):
        raise CoreFitError(
            f"all outputs of the calibration are {outputs[0]}: its comparator's offset stays unknown"
        )
    return float(zero.max()), float(one.min())


def _line(regressors: list[FloatArray], y: FloatArray) -> tuple[list[float], float]:
    """Least-squares coefficients and rms residual."""
    matrix = np.column_stack(regressors)
    found, _, rank, _ = np.linalg.lstsq(matrix, y, rcond=None)
    if rank < len(regressors):
        raise CoreFitError(f"{y.size} steps do not tell {len(regressors)} coefficients apart; run more steps")
    return [float(v) for v in found], float(np.sqrt(np.mean((y - matrix @ found) ** 2)))


def designed(column: MingruColumn) -> CoreFit:
    """Gains of a column in ideal switches by charge conservation; no fit."""
    rows = column.n_rows * (column.c_unit + column.c_par)
    unloaded = line_gain(column)
    gains = {"h": unloaded, "z": 1.0 / (1.0 / unloaded + column.c_load / rows)}
    values = {f"gain_{name}": gain for name, gain in gains.items()}
    bias = column.c_bias * column.v_bias / (rows * BIAS_STEP * column.v_fs / 2)
    values |= {f"bias_gain_{name}": gain * bias for name, gain in gains.items()}
    return CoreFit(values | {"swap_gain": swap_gain(column)}, {})
