"""Compiled minGRU layers with every effect: ``pysim.mingru.reference.effective``.

Weights are real numbers, so the sums over rows come from tables: four rows have 16 patterns of inputs, whose sums
are stored; a step adds 16 rows of the table instead of multiplying by 64 rows of the matrix (the method of four
Russians). Weights are multiples of a grid (:meth:`~pysim.mingru.effects.CoreEffects.matrix`), so their sums are
32-bit integers and exact, and a table of 64 x 64 cells takes 128 kB, which stays in the second cache. Thresholds
and swapped shares are sums over bits, so the converter's six decisions give code and z without any table.

Rows of ``column`` (blocks, 31, 64): biases h, z; memories h, z; slope', zero' + 1/2; theta + V_os; V_leak, r; i_0, i_1,
i_2; noise of state, gate, comparator; eight weights of the converter's bits; eight shares. Entries of ``knob``: z_n
of one code, bits, step of the grid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from pysim.kernels.mingru_ideal import BLOCK

Array = Any

#: Rows of ``column`` and ``work``: weights of the bits, shares of the bits; then lines h, z, state, sums of codes,
#: ones and states; then what a step needs: position on the converter's scale, code, z, threshold reached.
_WEIGHTS, _SHARES, _LINE_H, _LINE_Z, _H, _GATES, _ONES, _STATES = 15, 23, 31, 32, 33, 34, 35, 36
_SCALE, _CODE, _Z, _LEVEL, _ROWS = 37, 38, 39, 40, 41
_BITS = 6


@njit(inline="always")
def _start(column: Array, lines: Array, h: Array, n: int, b: int) -> Array:
    """Local state of a task."""
    work = np.zeros((_ROWS, BLOCK))
    for row in range(_LINE_H):
        for j in range(BLOCK):
            work[row, j] = column[b, row, j]
    for j in range(BLOCK):
        work[_LINE_H, j] = lines[n, 0, BLOCK * b + j]
        work[_LINE_Z, j] = lines[n, 1, BLOCK * b + j]
        work[_H, j] = h[n, BLOCK * b + j]
    return work


@njit(inline="always")
def _convert(work: Array, curve: Array, b: int, bits: int) -> None:
    """Codes of the successive approximation, and z of what they swap."""
    if bits == _BITS and curve.size == 0:
        # The usual case with a fixed number of decisions, which stay in registers.
        for j in range(BLOCK):
            code, level, z = 0.0, 0.0, 0.0
            for step in range(_BITS):
                bit = _BITS - 1 - step
                above = level + work[_WEIGHTS + bit, j]
                stays = work[_SCALE, j] >= above
                level = above if stays else level
                code = code + (1 << bit) if stays else code
                z = z + work[_SHARES + bit, j] if stays else z
            work[_CODE, j] = code
            work[_Z, j] = z
    else:
        for j in range(BLOCK):
            code, level, z = 0, 0.0, 0.0
            for bit in range(bits - 1, -1, -1):
                trial, above = code + (1 << bit), level + work[_WEIGHTS + bit, j]
                shift = curve[b, j, trial] if curve.size else 0.0
                if work[_SCALE, j] >= above + shift:
                    code, level, z = trial, above, z + work[_SHARES + bit, j]
            work[_CODE, j] = np.float64(code)
            work[_Z, j] = z


@njit(inline="always")
def _step(
    work: Array, sums: Array, curve: Array, knob: Array, noise: Array, n: int, t: int, b: int
) -> Any:  # fmt: skip
    """One step from the sums over rows: the output word."""
    noisy = noise.size > 0
    for j in range(BLOCK):
        work[_LINE_H, j] = sums[0, j] + work[0, j] + work[2, j] * work[_LINE_H, j]
        work[_LINE_Z, j] = sums[1, j] + work[1, j] + work[3, j] * work[_LINE_Z, j]
        work[_SCALE, j] = work[4, j] * work[_LINE_Z, j] + work[5, j]
    if noisy:
        for j in range(BLOCK):
            work[_SCALE, j] += work[13, j] * noise[n, t, 1, BLOCK * b + j]
    _convert(work, curve, b, int(knob[1]))
    for j in range(BLOCK):
        work[_GATES, j] += work[_CODE, j]
        held = work[7, j] + (work[_H, j] - work[7, j]) * work[8, j]
        injected = work[10, j] + work[11, j] * held
        rest = work[9, j] + (work[_CODE, j] * knob[0]) * injected
        work[_H, j] = held + work[_Z, j] * (work[_LINE_H, j] - held) + rest
    if noisy:
        for j in range(BLOCK):
            z = work[_Z, j]
            work[_H, j] += np.sqrt(z * (2.0 - z)) * work[12, j] * noise[n, t, 0, BLOCK * b + j]
    for j in range(BLOCK):
        work[_STATES, j] += work[_H, j]
        work[_SCALE, j] = work[_H, j]
    if noisy:
        for j in range(BLOCK):
            work[_SCALE, j] += work[14, j] * noise[n, t, 2, BLOCK * b + j]
    word = np.uint64(0)
    for j in range(BLOCK):
        word |= np.uint64(work[_SCALE, j] > work[6, j]) << np.uint64(j)
    for j in range(BLOCK):
        work[_ONES, j] += np.float64(work[_SCALE, j] > work[6, j])
    return word


@njit(inline="always")
def _record(codes: Array, states: Array, n: int, t: int, b: int, work: Array) -> None:
    """Keep codes and states of a step, where wanted."""
    if codes.size:
        for j in range(BLOCK):
            codes[n, t, BLOCK * b + j] = np.uint8(work[_CODE, j])
            states[n, t, BLOCK * b + j] = work[_H, j]


@njit(inline="always")
def _end(
    lines: Array, h: Array, ones: Array, gates: Array, summed: Array, n: int, b: int, work: Array
) -> None:
    """Results of a task, counts on top of those of earlier steps."""
    total = 0.0
    for j in range(BLOCK):
        lines[n, 0, BLOCK * b + j] = work[_LINE_H, j]
        lines[n, 1, BLOCK * b + j] = work[_LINE_Z, j]
        h[n, BLOCK * b + j] = work[_H, j]
        ones[n, BLOCK * b + j] += np.int64(work[_ONES, j])
        summed[n, BLOCK * b + j] += work[_STATES, j]
        total += work[_GATES, j]
    gates[n, b] += np.int64(total)


@njit(cache=True, parallel=True, error_model="numpy")
def binary(
    words: Array, table: Array, column: Array, curve: Array, knob: Array, noise: Array,
    lines: Array, h: Array, ones: Array, gates: Array, summed: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with binary inputs.

    ``table`` (blocks, fours of rows, 16, 2, 64), in steps of the grid; ``curve`` (blocks, 64, 2^bits): INL, or of
    size 0; ``noise`` (samples, steps, 3, 64 blocks) or of size 0; ``lines`` (samples, 2, 64 blocks) goes on from
    call to call, like ``h``, ``ones``, ``gates`` and ``summed`` (states); the rest as in ``mingru_ideal``.
    """
    steps, width, blocks = words.shape[1], words.shape[2], out.shape[2]
    for task in prange(words.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, sums = _start(column, lines, h, n, b), np.empty((2, BLOCK))
        count = np.empty((2, BLOCK), np.int32)
        for t in range(steps):
            for j in range(BLOCK):
                count[0, j] = 0
                count[1, j] = 0
            for w in range(width):
                x = words[n, t, w]
                # Four rows of the table at a time: fewer passes over the sums.
                for f in range(0, 16, 4):
                    p0 = np.int64((x >> np.uint64(4 * f)) & np.uint64(15))
                    p1 = np.int64((x >> np.uint64(4 * f + 4)) & np.uint64(15))
                    p2 = np.int64((x >> np.uint64(4 * f + 8)) & np.uint64(15))
                    p3 = np.int64((x >> np.uint64(4 * f + 12)) & np.uint64(15))
                    g = 16 * w + f
                    for c in range(2):
                        for j in range(BLOCK):
                            count[c, j] += (table[b, g, p0, c, j] + table[b, g + 1, p1, c, j]) + (
                                table[b, g + 2, p2, c, j] + table[b, g + 3, p3, c, j]
                            )
            for j in range(BLOCK):
                sums[0, j] = knob[2] * np.float64(count[0, j])
                sums[1, j] = knob[2] * np.float64(count[1, j])
            out[n, t, b] = _step(work, sums, curve, knob, noise, n, t, b)
            _record(codes, states, n, t, b, work)
        _end(lines, h, ones, gates, summed, n, b, work)


@njit(cache=True, parallel=True, error_model="numpy")
def analog(
    x: Array, weights: Array, column: Array, curve: Array, knob: Array, noise: Array,
    lines: Array, h: Array, ones: Array, gates: Array, summed: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with analog inputs ``x`` (samples, steps, rows) and ``weights`` (blocks, rows, 2, 64); rest as
    :func:`binary`.
    """
    steps, rows, blocks = x.shape[1], x.shape[2], out.shape[2]
    for task in prange(x.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, sums = _start(column, lines, h, n, b), np.empty((2, BLOCK))
        for t in range(steps):
            for j in range(BLOCK):
                sums[0, j] = 0.0
                sums[1, j] = 0.0
            for i in range(rows):
                for c in range(2):
                    for j in range(BLOCK):
                        sums[c, j] += x[n, t, i] * weights[b, i, c, j]
            out[n, t, b] = _step(work, sums, curve, knob, noise, n, t, b)
            _record(codes, states, n, t, b, work)
        _end(lines, h, ones, gates, summed, n, b, work)
