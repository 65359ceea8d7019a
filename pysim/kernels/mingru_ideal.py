"""Compiled ideal minGRU layers: the arithmetic of ``pysim.mingru.reference.ideal``, operation for operation.

Binary inputs come as words of 64 rows, weights as two bit-planes, so that with S = sum_i (2 code_i - 3) x_i

    S = 2 [pop(x & plane_0) + 2 pop(x & plane_1)] - 3 pop(x)

needs no multiplication and is exact. Columns go in blocks of 64, a task is a block of a sample: its state stays
in the first cache, its loops have a fixed length and become vector instructions. Sequences between layers are
bits, so a whole one of a sample fits into the cache as well.

Rows of ``column`` (blocks, 3, 64): 0 bias of a_h, 1 bias of the gate's scale, 2 theta. Entries of ``knob``: 0 factor
of S_h, 1 factor of S_z, 2 largest code, 3 z of one code. Columns that only fill a block have theta = inf and a
bias that keeps their gate at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic

Array = Any

#: Columns of a block.
BLOCK = 64


def _popcount_code(context: Any, value: Any) -> Any:
    """Bits set in a word: one instruction, which vectorises where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount_code)


@njit(inline="always")
def _scan(work: Array, sums: Array, knob: Array, code: Array) -> Any:
    """One step from the sums S_h, S_z: the output word.

    Rows of ``work``: 0-2 of ``column``, 3 h, sums of 4 codes, 5 ones, 6 states.
    """
    for j in range(BLOCK):
        a = sums[0, j] * knob[0] + work[0, j]
        s = sums[1, j] * knob[1] + work[1, j]
        k = min(max(np.floor(s), 0.0), knob[2])
        code[j] = k
        work[4, j] += k
        work[3, j] += (k * knob[3]) * (a - work[3, j])
        work[6, j] += work[3, j]
    word = np.uint64(0)
    for j in range(BLOCK):
        word |= np.uint64(work[3, j] > work[2, j]) << np.uint64(j)
    for j in range(BLOCK):
        work[5, j] += np.float64(work[3, j] > work[2, j])
    return word


@njit(inline="always")
def _start(column: Array, b: int) -> Array:
    """Local state of a task."""
    work = np.zeros((7, BLOCK))
    for row in range(3):
        for j in range(BLOCK):
            work[row, j] = column[b, row, j]
    return work


@njit(inline="always")
def _record(codes: Array, states: Array, n: int, t: int, b: int, code: Array, work: Array) -> None:
    """Keep codes and states of a step, where wanted."""
    if codes.size:
        for j in range(BLOCK):
            codes[n, t, BLOCK * b + j] = np.uint8(code[j])
            states[n, t, BLOCK * b + j] = work[3, j]


@njit(inline="always")
def _end(h: Array, ones: Array, gates: Array, summed: Array, n: int, b: int, work: Array) -> None:
    """Results of a task."""
    total = 0.0
    for j in range(BLOCK):
        h[n, BLOCK * b + j] = work[3, j]
        ones[n, BLOCK * b + j] = np.int64(work[5, j])
        summed[n, BLOCK * b + j] = work[6, j]
        total += work[4, j]
    gates[n, b] = np.int64(total)


@njit(cache=True, parallel=True, error_model="numpy")
def binary(
    words: Array, planes: Array, column: Array, knob: Array,
    h: Array, ones: Array, gates: Array, summed: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with binary inputs.

    ``words`` (samples, steps, words of rows); ``planes`` (blocks, words of rows, 4, 64): h_0, h_1, z_0, z_1. Filled:
    ``h``, ``ones`` and ``summed`` (of the states) (samples, 64 blocks), ``gates`` (samples, blocks), ``out`` (samples,
    steps, blocks); ``codes`` and ``states`` (samples, steps, 64 blocks), or of size 0 where not wanted.
    """
    steps, width, blocks = words.shape[1], words.shape[2], out.shape[2]
    for task in prange(words.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, code, sums = _start(column, b), np.zeros(BLOCK), np.empty((2, BLOCK))
        plane = np.empty((4 * width, BLOCK), np.uint64)
        for w in range(width):
            for p in range(4):
                for j in range(BLOCK):
                    plane[4 * w + p, j] = planes[b, w, p, j]
        count = np.empty((2, BLOCK), np.int64)
        for t in range(steps):
            if width == 1:
                x = words[n, t, 0]
                active = 3 * np.int64(popcount(x))
                for j in range(BLOCK):
                    low, high = popcount(x & plane[0, j]), popcount(x & plane[1, j])
                    sums[0, j] = np.float64(2 * np.int64(low + (high << np.uint64(1))) - active)
                    low, high = popcount(x & plane[2, j]), popcount(x & plane[3, j])
                    sums[1, j] = np.float64(2 * np.int64(low + (high << np.uint64(1))) - active)
            else:
                for j in range(BLOCK):
                    count[0, j] = 0
                    count[1, j] = 0
                active = np.int64(0)
                for w in range(width):
                    x = words[n, t, w]
                    active += 3 * np.int64(popcount(x))
                    for j in range(BLOCK):
                        low, high = popcount(x & plane[4 * w, j]), popcount(x & plane[4 * w + 1, j])
                        count[0, j] += np.int64(low + (high << np.uint64(1)))
                        low, high = popcount(x & plane[4 * w + 2, j]), popcount(x & plane[4 * w + 3, j])
                        count[1, j] += np.int64(low + (high << np.uint64(1)))
                for j in range(BLOCK):
                    sums[0, j] = np.float64(2 * count[0, j] - active)
                    sums[1, j] = np.float64(2 * count[1, j] - active)
            out[n, t, b] = _scan(work, sums, knob, code)
            _record(codes, states, n, t, b, code, work)
        _end(h, ones, gates, summed, n, b, work)


@njit(cache=True, parallel=True, error_model="numpy")
def analog(
    x: Array, levels: Array, column: Array, knob: Array,
    h: Array, ones: Array, gates: Array, summed: Array, out: Array, codes: Array, states: Array,
) -> None:  # fmt: skip
    """A layer with analog inputs ``x`` (samples, steps, rows); ``levels`` (blocks, rows, 2, 64); rest as
    :func:`binary`.

    A signal that drives all rows is one row whose levels are the sums of the columns.
    """
    steps, rows, blocks = x.shape[1], x.shape[2], out.shape[2]
    for task in prange(x.shape[0] * blocks):
        n, b = task // blocks, task % blocks
        work, code, sums = _start(column, b), np.zeros(BLOCK), np.empty((2, BLOCK))
        for t in range(steps):
            for j in range(BLOCK):
                sums[0, j] = 0.0
                sums[1, j] = 0.0
            for i in range(rows):
                for j in range(BLOCK):
                    sums[0, j] += x[n, t, i] * levels[b, i, 0, j]
                    sums[1, j] += x[n, t, i] * levels[b, i, 1, j]
            out[n, t, b] = _scan(work, sums, knob, code)
            _record(codes, states, n, t, b, code, work)
        _end(h, ones, gates, summed, n, b, work)
