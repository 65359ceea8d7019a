"""Compiled minGRU layers with every effect: ``pysim.mingru.reference.effective``.

Weights are real numbers, so the sums over rows come from tables: four rows have 16 patterns of inputs, whose sums
are stored; a step adds 16 rows of the table instead of multiplying by 64 rows of the matrix (the method of four
Russians). A table of 64 x 64 cells takes 256 kB and stays in the second cache. Order of summation differs from
NumPy's, so sums agree to rounding; everything after them is done operation for operation.

Rows of ``column`` (blocks, 16, 64): biases h, z; memories h, z; slope', zero' + 1/2; largest INL with a guard;
V_leak, r; i_0, i_1, i_2; theta + V_os; noise of state, gate, comparator. Entries of ``knob``: K, z_n of one code,
bits, codes to look at above the guess (0: try every bit, as the circuit does).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from pysim.kernels.mingru_ideal import BLOCK

Array = Any

#: Rows of ``work`` behind those of ``column``: lines h, z, state, sum of codes, ones.
_LINE_H, _LINE_Z, _H, _GATES, _ONES, _ROWS = 16, 17, 18, 19, 20, 21


@njit(inline="always")
def _start(column: Array, lines: Array, h: Array, n: int, b: int) -> Array:
    """Local state of a task."""
    work = np.zeros((_ROWS, BLOCK))
    for row in range(16):
        for j in range(BLOCK):
            work[row, j] = column[b, row, j]
    for j in range(BLOCK):
        work[_LINE_H, j] = lines[n, 0, BLOCK * b + j]
        work[_LINE_Z, j] = lines[n, 1, BLOCK * b + j]
        work[_H, j] = h[n, BLOCK * b + j]
    return work


@njit(inline="always")
def _convert(scale: Array, work: Array, curve: Array, b: int, knob: Array, code: Array) -> None:
    """Gate codes of ``scale``."""
    if knob[3] > 0.0:
        # Thresholds ascend: a guess below the code, then as many comparisons as the INL can move it.
        for j in range(BLOCK):
            code[j] = np.int64(min(max(np.floor(scale[j] - work[6, j]), 0.0), knob[0]))
        guess_window = np.int64(knob[3])
        for step in range(guess_window):
            for j in range(BLOCK):
                trial = code[j] + 1
                code[j] += np.int64(scale[j] >= trial + curve[b, j, trial])
    else:
        for j in range(BLOCK):
            code[j] = 0
        for bit in range(np.int64(knob[2]) - 1, -1, -1):
            weight = np.int64(1) << np.int64(bit)
            for j in range(BLOCK):
                trial = code[j] + weight
                code[j] += weight * np.int64(scale[j] >= trial + curve[b, j, trial])


@njit(inline="always")
def _step(
    work: Array, sums: Array, curve: Array, share: Array, knob: Array, noise: Array, n: int, t: int, b: int,
    scale: Array, code: Array,
) -> Any:  # fmt: skip
    """One step from the sums over rows: the output word."""
    noisy = noise.size > 0
    for j in range(BLOCK):
        work[_LINE_H, j] = sums[0, j] + work[0, j] + work[2, j] * work[_LINE_H, j]
        work[_LINE_Z, j] = sums[1, j] + work[1, j] + work[3, j] * work[_LINE_Z, j]
        scale[j] = work[4, j] * work[_LINE_Z, j] + work[5, j]
    if noisy:
        for j in range(BLOCK):
            scale[j] += work[14, j] * noise[n, t, 1, BLOCK * b + j]
    _convert(scale, work, curve, b, knob, code)
    for j in range(BLOCK):
        k = np.float64(code[j])
        work[_GATES, j] += k
        z = share[b, j, code[j]]
        held = work[7, j] + (work[_H, j] - work[7, j]) * work[8, j]
        injected = work[10, j] + work[11, j] * held
        work[_H, j] = held + z * (work[_LINE_H, j] - held) + (work[9, j] + (k * knob[1]) * injected)
    if noisy:
        for j in range(BLOCK):
            z = share[b, j, code[j]]
            work[_H, j] += np.sqrt(z * (2.0 - z)) * work[13, j] * noise[n, t, 0, BLOCK * b + j]
    for j in range(BLOCK):
        scale[j] = work[_H, j]
    if noisy:
        for j in range(BLOCK):
            scale[j] += work[15, j] * noise[n, t, 2, BLOCK * b + j]
    word = np.uint64(0)
    for j in range(BLOCK):
        word |= np.uint64(scale[j] > work[12, j]) << np.uint64(j)
    for j in range(BLOCK):
        work[_ONES, j] += np.float64(scale[j] > work[12, j])
    return word


@njit(inline="always")
def _record(codes: Array, states: Array, n: int, t: int, b: int, code: Array, work: Array) -> None:
    """Keep codes and states of a step, where wanted."""
    if codes.size:
        for j in range(BLOCK):
            codes[n, t, BLOCK * b + j] = np.uint8(code[j])
            states[n, t, BLOCK * b + j] = work[_H, j]


@njit(inline="always")
def _end(lines: Array, h: Array, ones: Array, gates: Array, n: int, b: int, work: Array) -> None:
    """Results of a task, counts on top of those of earlier steps."""
    total = 0.0
    for j in range(BLOCK):
        lines[n, 0, BLOCK * b + j] = work[_LINE_H, j]
        lines[n, 1, BLOCK * b + j] = work[_LINE_Z, j]
        h[n, BLOCK * b + j] = work[_H, j]
        ones[n, BLOCK * b + j] += np.int64(work[_ONES, j])
        total += work[_GATES, j]
    gates[n, b] += np.int64(total)


@njit(cache=True, parallel=True, error_model="numpy")
def binary(
    words: Array, table: Array, column: Array, curve: Array, share: Array, knob: Array, noise: Array,
    lines: Array, h: Array, ones: Array, gates: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with binary inputs.

    ``table`` (blocks, fours of rows, 16, 2, 64); ``curve`` (blocks, 64, codes): INL; ``share`` (blocks, 64, 2^bits): z;
    ``noise`` (samples, steps, 3, 64 blocks) or of size 0; ``lines`` (samples, 2, 64 blocks) goes on from call to
    call, like ``h``, ``ones`` and ``gates``; the rest as in ``mingru_ideal``.
    """
    steps, width, blocks = words.shape[1], words.shape[2], out.shape[2]
    for task in prange(words.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, sums = _start(column, lines, h, n, b), np.empty((2, BLOCK))
        scale, code = np.empty(BLOCK), np.zeros(BLOCK, np.int64)
        for t in range(steps):
            for j in range(BLOCK):
                sums[0, j] = 0.0
                sums[1, j] = 0.0
            for w in range(width):
                x = words[n, t, w]
                # Two fours at a time: half as many passes over the sums.
                for f in range(0, 16, 4):
                    p0 = np.int64((x >> np.uint64(4 * f)) & np.uint64(15))
                    p1 = np.int64((x >> np.uint64(4 * f + 4)) & np.uint64(15))
                    p2 = np.int64((x >> np.uint64(4 * f + 8)) & np.uint64(15))
                    p3 = np.int64((x >> np.uint64(4 * f + 12)) & np.uint64(15))
                    g = 16 * w + f
                    for c in range(2):
                        for j in range(BLOCK):
                            sums[c, j] += (table[b, g, p0, c, j] + table[b, g + 1, p1, c, j]) + (
                                table[b, g + 2, p2, c, j] + table[b, g + 3, p3, c, j]
                            )
            out[n, t, b] = _step(work, sums, curve, share, knob, noise, n, t, b, scale, code)
            _record(codes, states, n, t, b, code, work)
        _end(lines, h, ones, gates, n, b, work)


@njit(cache=True, parallel=True, error_model="numpy")
def analog(
    x: Array, weights: Array, column: Array, curve: Array, share: Array, knob: Array, noise: Array,
    lines: Array, h: Array, ones: Array, gates: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with analog inputs ``x`` (samples, steps, rows) and ``weights`` (blocks, rows, 2, 64); rest as
    :func:`binary`.
    """
    steps, rows, blocks = x.shape[1], x.shape[2], out.shape[2]
    for task in prange(x.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, sums = _start(column, lines, h, n, b), np.empty((2, BLOCK))
        scale, code = np.empty(BLOCK), np.zeros(BLOCK, np.int64)
        for t in range(steps):
            for j in range(BLOCK):
                sums[0, j] = 0.0
                sums[1, j] = 0.0
            for i in range(rows):
                for c in range(2):
                    for j in range(BLOCK):
                        sums[c, j] += x[n, t, i] * weights[b, i, c, j]
            out[n, t, b] = _step(work, sums, curve, share, knob, noise, n, t, b, scale, code)
            _record(codes, states, n, t, b, code, work)
        _end(lines, h, ones, gates, n, b, work)
