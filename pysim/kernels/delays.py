"""Compiled layers with delays: :mod:`pysim.delays.reference`.

A block of 64 neurons keeps what is under way to it in a ring of its own, which stays in the first cache: rows r and
rows + r hold what arrives in the steps t = r (mod rows). An event adds one weight a synapse at a stored offset from
the present row; the ring's second half takes what lies beyond its end, so no place has to be wrapped. Weights are
integer codes, so their sums are exact in any order. Tasks are pairs of block and sample, block first, so that a core
meets the same weights again and again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

Array = Any
BLOCK = 64


@njit(inline="always")
def scatter(ahead: Array, codes: Array, offsets: Array, start: Array, channel: Array, k: int) -> None:
    """Add the weights of the events of step ``k`` (sample times steps plus step) to the ring from its row on."""
    for e in range(start[k], start[k + 1]):
        i = channel[e]
        for m in range(codes.shape[1]):
            # An unsigned place: no test for a negative one in the innermost loop.
            ahead[np.uint64(offsets[i, m])] += codes[i, m]


@njit(cache=True, parallel=True, error_model="numpy")
def spiking(
    start: Array, channel: Array, steps: int, codes: Array, offsets: Array, rows: int, knob: Array, words: Array
) -> None:  # fmt: skip
    """Spikes of a layer with threshold, as bits of ``words`` (samples, steps, blocks).

    ``codes`` and ``offsets`` (blocks, inputs, synapses of a block); entries of ``knob``: grid of the codes, exp(-dt
    / tau_m), coupling, exp(-dt / tau_s), threshold, reset.
    """
    samples = words.shape[0]
    grid, keep, gain, decay, threshold, reset = knob[0], knob[1], knob[2], knob[3], knob[4], knob[5]
    for task in prange(codes.shape[0] * samples):
        b, n = task // samples, task % samples
        code, offset = codes[b], offsets[b]
        ring = np.zeros(2 * rows * BLOCK, np.int32)
        voltage, current = np.zeros(BLOCK), np.zeros(BLOCK)
        for t in range(steps):
            here = (t & (rows - 1)) * BLOCK
            scatter(ring[here:], code, offset, start, channel, n * steps + t)
            row, other = ring[here : here + BLOCK], ring[here + rows * BLOCK : here + (rows + 1) * BLOCK]
            word = np.uint64(0)
            for j in range(BLOCK):
                v = keep * voltage[j] + gain * current[j]
                over = v >= threshold
                voltage[j] = reset if over else v
                word |= (np.uint64(1) << np.uint64(j)) if over else np.uint64(0)
                current[j] = decay * current[j] + grid * np.float64(row[j] + other[j])
                row[j] = 0
                other[j] = 0
            words[n, t, b] = word


@njit(cache=True, parallel=True, error_model="numpy")
def integrating(
    start: Array, channel: Array, steps: int, codes: Array, offsets: Array, rows: int, knob: Array, peak: Array
) -> None:  # fmt: skip
    """Largest voltages ``peak`` (samples, blocks, neurons of a block); entries of ``knob``: grid, exp(-dt / tau)."""
    samples, block = peak.shape[0], peak.shape[2]
    grid, keep = knob[0], knob[1]
    for task in prange(codes.shape[0] * samples):
        b, n = task // samples, task % samples
        code, offset = codes[b], offsets[b]
        ring = np.zeros(2 * rows * block, np.int32)
        voltage, top = np.zeros(block), np.zeros(block)
        for t in range(steps):
            here = (t & (rows - 1)) * block
            scatter(ring[here:], code, offset, start, channel, n * steps + t)
            row, other = ring[here : here + block], ring[here + rows * block : here + (rows + 1) * block]
            for j in range(block):
                v = keep * voltage[j] + grid * np.float64(row[j] + other[j])
                v = v if v > 0.0 else 0.0
                voltage[j] = v
                top[j] = v if v > top[j] else top[j]
                row[j] = 0
                other[j] = 0
        for j in range(block):
            peak[n, b, j] = top[j]


@njit(cache=True)
def events_of(words: Array, start: Array, channel: Array) -> None:
    """Event list of the bits of ``words`` (rows, blocks): ``start`` is given, ``channel`` is filled."""
    for r in range(words.shape[0]):
        k = start[r]
        for b in range(words.shape[1]):
            word, place = words[r, b], 64 * b
            while word != np.uint64(0):
                if word & np.uint64(1):
                    channel[k] = place
                    k += 1
                word >>= np.uint64(1)
                place += 1
