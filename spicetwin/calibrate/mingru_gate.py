"""Thresholds of a column's gate converter, bit by bit, from steps that aim at them.

Random steps leave each threshold open by several hundredths of a code, and their line through all of them says
nothing of the charge that every switched bit of the DAC brings. So further steps aim at the thresholds as they are
known so far, and each answer halves what is open:

    k = sum b 2^b of the largest code with  slope a_z + zero >= sum b 2^b (1 + w_b)

Of all (zero, w) that no code contradicts by more than they must, the one with the smallest sum |2^b w_b| is taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from circuits.families.mingru_column import WEIGHT_LEVELS
from circuits.families.mingru_run import ColumnJob, ColumnRun
from pysim.mingru import MinGruLayer
from spicetwin.calibrate.mingru_core import (
    BIAS_STEP,
    HIGHEST_BIAS,
    LOWEST_BIAS,
    CoreFit,
    CoreFitError,
    column_layer,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Largest deviation of a bit that is looked for, and how much of the widest margin the smallest deviations keep.
WIDEST, KEPT = 0.5, 0.5

#: Inputs that are drawn for every aimed step; the one that comes nearest is taken.
CANDIDATES = 200

#: Most thresholds that one aimed run visits.
VISITS = 16


def aimed_job(job: ColumnJob, fit: CoreFit, seed: int) -> ColumnJob:
    """A run of ``job``'s column and weights, one step at each threshold as ``fit`` has it.

    Of more than :data:`VISITS` thresholds those nearest to the powers of two and spread between them are taken.
    The candidate's bias is drawn, so that the state moves.
    """
    rng = np.random.default_rng(seed)
    column, values = job.column, fit.values
    levels = [np.array(WEIGHT_LEVELS)[list(w)] for w in job.weights]
    layer = _layer(job)
    slope = layer.gate_gain * values["gate_slope"]
    zero = layer.gate_zero + values["gate_offset"]
    bits = 1.0 + np.array(fit.gate_weight or (0.0,) * column.gate_bits)
    codes = np.unique(np.round(np.linspace(1, layer.top, min(layer.top, VISITS))).astype(np.int64))
    wanted = (_bits(codes, column.gate_bits) @ (2.0 ** np.arange(column.gate_bits) * bits) - zero) / slope
    inputs, biases, line = [], [], 0.0
    for target in rng.permutation(wanted):
        rest = target - values["offset_z"] - values.get("memory_z", 0.0) * line
        lean = rng.uniform(-1.0, 1.0, (CANDIDATES, 1)) * np.sign(levels[1])
        drawn = (rng.random((CANDIDATES, column.n_rows)) < 0.5 + 0.5 * lean).astype(float)
        sums = values["gain_z"] * (drawn @ levels[1]) / column.n_rows
        step = values["bias_gain_z"] * BIAS_STEP
        bias = np.clip(np.round((rest - sums) / step), LOWEST_BIAS, HIGHEST_BIAS)
        best = int(np.argmin(np.abs(rest - sums - step * bias)))
        inputs.append(tuple(drawn[best].tolist()))
        biases.append((int(rng.integers(LOWEST_BIAS, HIGHEST_BIAS + 1)), int(bias[best])))
        line = target - rest + sums[best] + step * bias[best]
    return dataclasses.replace(job, inputs=tuple(inputs), bias_steps=tuple(biases))


def with_gate(fit: CoreFit, runs: Sequence[tuple[ColumnRun, ColumnJob]]) -> CoreFit:
    """``fit`` with the gate's zero and bit weights that every code of ``runs`` allows.

    Raises
    ------
    CoreFitError
        When a run ended early, or its codes leave the thresholds unknown.
    """
    for run, job in runs:
        if run.cosimulation.ended is not None:
            raise CoreFitError(f"aimed run of {job.column.n_rows} rows: {run.cosimulation.ended}")
    job = runs[0][1]
    layer = _layer(job)
    slope = layer.gate_gain * fit.values["gate_slope"]
    scale = np.concatenate([slope * run.v_z / (job.column.v_fs / 2) for run, _ in runs])
    zero, weight, margin = _thresholds(scale, np.concatenate([run.k for run, _ in runs]), layer.bits)
    relative = weight / 2.0 ** np.arange(layer.bits)
    return dataclasses.replace(
        fit,
        values=fit.values | {"gate_offset": zero - layer.gate_zero},
        residual=fit.residual | {"gate": 0.5 - margin},
        gate_weight=tuple(float(w) for w in relative),
    )


def _thresholds(scale: FloatArray, codes: IntArray, bits: int) -> tuple[float, FloatArray, float]:
    """Zero, deviation of each bit (codes) and margin: T(k) + t <= scale + zero <= T(k + 1) - t, widest t first."""
    lower, upper = codes > 0, codes < 2**bits - 1
    ones = np.ones(codes.size)
    # Variables: zero, deviation of each bit, margin, and a bound on each deviation's size.
    none = np.zeros((codes.size, bits))
    above = np.column_stack([-ones, _bits(codes, bits), ones, none])[lower]
    below = np.column_stack([ones, -_bits(codes + 1, bits), ones, none])[upper]
    matrix = np.vstack([above, below])
    rhs = np.concatenate([(scale - codes)[lower], (codes + 1.0 - scale)[upper]])
    eye = np.eye(bits)
    sizes = np.vstack(
        [np.column_stack([np.zeros(bits), sign * eye, np.zeros(bits), -eye]) for sign in (1.0, -1.0)]
    )
    matrix, rhs = np.vstack([matrix, sizes]), np.concatenate([rhs, np.zeros(2 * bits)])
    free = [(None, None)] + [(-WIDEST, WIDEST)] * bits
    widest = linprog(
        np.concatenate([[0.0], np.zeros(bits), [-1.0], np.zeros(bits)]),
        matrix,
        rhs,
        bounds=[*free, (None, None), *[(0.0, WIDEST)] * bits],
    )
    if widest.x is None:
        raise CoreFitError(f"the gate's thresholds cannot be told from codes {np.unique(codes).tolist()}")
    margin = float(widest.x[1 + bits])
    kept = KEPT * margin if margin > 0.0 else margin - 1e-9
    smallest = linprog(
        np.concatenate([[0.0], np.zeros(bits), [0.0], np.ones(bits)]),
        matrix,
        rhs,
        bounds=[*free, (kept, kept), *[(0.0, WIDEST)] * bits],
    )
    found = widest.x if smallest.x is None else smallest.x
    return float(found[0]), np.asarray(found[1 : 1 + bits]), margin


def _bits(codes: IntArray, bits: int) -> FloatArray:
    return ((codes[:, None] >> np.arange(bits)) & 1).astype(np.float64)


def _layer(job: ColumnJob) -> MinGruLayer:
    nothing = np.zeros((job.column.n_rows, 1), dtype=np.int64)
    return column_layer(job.column, (nothing, nothing))
