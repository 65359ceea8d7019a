"""Compiled layers with delays whose crossings are located inside the step: :func:`pysim.delays.reference.located`.

As :func:`pysim.kernels.delays.spiking`; after each step only the neurons are looked at again that are above the
threshold or may have been above it inside the step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from pysim.delays.crossing import advance, first_crossing
from pysim.delays.soma import coupling
from pysim.kernels.delays import BLOCK, scatter

if TYPE_CHECKING:
    from pysim.delays.events import Events
    from pysim.delays.layer import DelayLayer
    from pysim.delays.soma import SpikingSoma

Array = Any


def run(
    layer: DelayLayer, soma: SpikingSoma, events: Events
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Spikes as bits (samples, steps, blocks), and rows (sample, neuron, time) as the definition gives them."""
    tau_s = float(np.asarray(layer.tau_synapse))
    dt, tau_m = layer.dt, soma.tau_membrane
    gain = float(coupling(dt, tau_m, tau_s))
    knob = np.array(
        [
            layer.grid, math.exp(-dt / tau_m), gain, math.exp(-dt / tau_s), soma.threshold, soma.reset, dt,
            tau_m, tau_s,
        ]
    )  # fmt: skip
    codes, offsets = layer.packed
    words = np.empty((events.samples, events.steps, len(codes)), np.uint64)
    count = np.zeros((events.samples, len(codes)), np.int64)
    # Room for an eighth of a spike a neuron and step; the counts tell how much was missing.
    room = events.steps * BLOCK // 8
    while True:
        place = np.empty((*count.shape, room), np.int32)
        time = np.empty((*count.shape, room))
        _located(
            events.start, events.channel, events.steps, codes, offsets, layer.rows, knob, words, count,
            place, time,
        )  # fmt: skip
        if count.max() <= room:
            break
        room = int(count.max())
    return words, _rows(count, place, time, layer.neurons)


def _rows(
    count: NDArray[np.int64], place: NDArray[np.int32], time: NDArray[np.float64], neurons: int
) -> NDArray[np.float64]:
    """Rows (sample, neuron, time) sorted by these; within a task the kernel found them in order of time."""
    used = count.ravel()
    task = np.repeat(np.arange(used.size), used)
    nth = np.arange(len(task)) - np.repeat(np.cumsum(used) - used, used)
    at = task * place.shape[2] + nth
    sample, neuron = task // count.shape[1], BLOCK * (task % count.shape[1]) + place.ravel()[at]
    order = _stable(neuron)
    order = order[_stable(sample[order])]
    rows = np.stack([sample, neuron, time.ravel()[at]], axis=1)[order]
    return np.asarray(rows[rows[:, 1] < neurons])


def _stable(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stable order of ``key``; NumPy sorts short integers by radix, several times as fast."""
    short = len(key) == 0 or key.max() < 2**16
    return np.argsort(key.astype(np.uint16) if short else key, kind="stable")


@njit(cache=True, parallel=True, error_model="numpy")
def _located(
    start: Array, channel: Array, steps: int, codes: Array, offsets: Array, rows: int, knob: Array,
    words: Array, count: Array, place: Array, time: Array,
) -> None:  # fmt: skip
    """As ``spiking``; ``knob`` goes on with dt, tau_m, tau_s; ``place`` (samples, blocks, room) takes the neuron."""
    samples = words.shape[0]
    grid, keep, gain, decay, threshold, reset = knob[0], knob[1], knob[2], knob[3], knob[4], knob[5]
    dt, tau_m, tau_s = knob[6], knob[7], knob[8]
    for task in prange(codes.shape[0] * samples):
        b, n = task // samples, task % samples
        code, offset = codes[b], offsets[b]
        ring = np.zeros(2 * rows * BLOCK, np.int32)
        voltage, current, after = np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
        fall, found = dt / tau_m, 0
        # With steps longer than the membrane's time constant the bound below says nothing.
        least = (1.0 - fall) * threshold * (1.0 - 1e-12) if fall < 1.0 else -np.inf
        for t in range(steps):
            here = (t & (rows - 1)) * BLOCK
            scatter(ring[here:], code, offset, start, channel, n * steps + t)
            row, other = ring[here : here + BLOCK], ring[here + rows * BLOCK : here + (rows + 1) * BLOCK]
            maybe = np.uint64(0)
            for j in range(BLOCK):
                v = keep * voltage[j] + gain * current[j]
                after[j] = v
                # Above the threshold at the end, or a maximum inside the step which may have been above it: from
                # there V falls no faster than (V_peak - I_end) / tau_m, so V_peak (1 - r) <= V_end - r I_end with
                # r = dt / tau_m. Only a current above the threshold can lift the membrane to it.
                end = decay * current[j]
                look = (current[j] > threshold) & ((v >= threshold) | ((end < v) & (v - fall * end >= least)))
                look |= voltage[j] >= threshold
                maybe |= (np.uint64(1) << np.uint64(j)) if look else np.uint64(0)
            word, j = np.uint64(0), 0
            while maybe != np.uint64(0):
                while maybe & np.uint64(0xFF) == np.uint64(0):
                    maybe >>= np.uint64(8)
                    j += 8
                if maybe & np.uint64(1):
                    i, left = current[j], dt
                    wait = first_crossing(voltage[j], i, after[j], decay * i, left, tau_m, tau_s, threshold)
                    while wait >= 0.0:
                        left -= wait
                        i *= math.exp(-wait / tau_s)
                        word |= np.uint64(1) << np.uint64(j)
                        if found < place.shape[2]:
                            place[n, b, found] = j
                            time[n, b, found] = t * dt - left
                        found += 1
                        v_end, i_end = advance(reset, i, left, tau_m, tau_s)
                        after[j] = v_end
                        wait = first_crossing(reset, i, v_end, i_end, left, tau_m, tau_s, threshold)
                maybe >>= np.uint64(1)
                j += 1
            for j in range(BLOCK):
                voltage[j] = after[j]
                current[j] = decay * current[j] + grid * np.float64(row[j] + other[j])
                row[j] = 0
                other[j] = 0
            words[n, t, b] = word
        count[n, b] = found
