"""Peaks of integrating somata behind delayed synapses, and their gradients, by events.

    V_t = max(0, a V_(t-1) + sum of w_ijs over events of input i in step t - d_ijs),   peak = max over t of V_t.

Between two touches of zero V is linear in the weights, so with t* the step of the peak and t_0 the first step behind
the last zero before it, d peak / d w_ijs = sum of a^(t* - t) over arrivals with t_0 <= t <= t*. One pass over the
events gives the peaks, another one the gradients: nothing is ever as large as inputs x delays x steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = Any


@njit(cache=True, error_model="numpy")
def _places(delays: Array, width: int) -> Array:
    """Where what a synapse passes on arrives, for an event of step 0, in rows of ``width`` steps a neuron."""
    inputs, neurons, copies = delays.shape
    place = np.empty((inputs, neurons * copies), np.int32)
    for i in range(inputs):
        for j in range(neurons):
            for s in range(copies):
                place[i, j * copies + s] = j * width + delays[i, j, s]
    return place


@njit(cache=True, error_model="numpy")
def peaks(
    start: Array, channel: Array, steps: int, batch: Array, weights: Array, delays: Array, keep: float,
    peak: Array, top: Array, since: Array,
) -> None:  # fmt: skip
    """Peaks (samples, neurons), their steps, and the first steps behind the last zero, for the samples ``batch``.

    ``weights`` and ``delays`` (inputs, neurons, copies); a neuron that never leaves zero peaks at -1.
    """
    neurons, width = weights.shape[1], steps + delays.max()
    place, weight = _places(delays, width), weights.reshape(weights.shape[0], -1)
    drive = np.zeros(neurons * width)
    for b in range(len(batch)):
        drive[:] = 0.0
        for t in range(steps):
            k, ahead = batch[b] * steps + t, drive[t:]
            for e in range(start[k], start[k + 1]):
                i = channel[e]
                for m in range(place.shape[1]):
                    # An unsigned place: no test for a negative one in the innermost loop.
                    ahead[np.uint64(place[i, m])] += weight[i, m]
        for j in range(neurons):
            v, zero = 0.0, 0
            peak[b, j], top[b, j], since[b, j] = 0.0, -1, 0
            for t in range(steps):
                v = keep * v + drive[j * width + t]
                if v <= 0.0:
                    v, zero = 0.0, t + 1
                if v > peak[b, j]:
                    peak[b, j], top[b, j], since[b, j] = v, t, zero


@njit(cache=True, error_model="numpy")
def gradient(
    start: Array, channel: Array, steps: int, batch: Array, slope: Array, delays: Array, keep: float,
    top: Array, since: Array, least: float, out: Array,
) -> None:  # fmt: skip
    """Add to ``out`` the gradient of the weights, given that of the peaks, ``slope`` (samples, neurons).

    Slopes up to ``least`` are left out: of a trained network most classes are out of the question for a sample.
    """
    neurons, copies, width = delays.shape[1], delays.shape[2], steps + delays.max()
    place, flat = _places(delays, width), out.reshape(out.shape[0], -1)
    share = np.zeros(neurons * width)
    active = np.empty(neurons, np.int64)
    for b in range(len(batch)):
        count, last = 0, -1
        for j in range(neurons):
            a = slope[b, j]
            if abs(a) <= least or top[b, j] < 0:
                continue
            active[count] = j
            count += 1
            share[j * width : (j + 1) * width] = 0.0
            for t in range(top[b, j], since[b, j] - 1, -1):
                share[j * width + t] = a
                a *= keep
            last = max(last, top[b, j])
        for t in range(last + 1):
            k, ahead = batch[b] * steps + t, share[t:]
            for e in range(start[k], start[k + 1]):
                i = channel[e]
                for q in range(count):
                    first = active[q] * copies
                    for m in range(first, first + copies):
                        flat[i, m] += ahead[np.uint64(place[i, m])]
