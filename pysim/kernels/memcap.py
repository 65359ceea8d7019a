"""Compiled recurrent network with a time constant per neuron: :mod:`pysim.memcap.network`.

Samples are independent and run in parallel. Only neurons that spiked are visited by the recurrent and output weights;
sums of weights are exact in float64 in any order, because the weights are multiples of a power of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

Array = Any


@njit(cache=True, parallel=True, error_model="numpy")
def run(
    start: Array, channel: Array, steps: int, batch: Array, w_in: Array, w_rec: Array, w_out: Array,
    keep: Array, keep_out: Array, threshold: float, floor: float, windows: Array,
    score: Array, count: Array, trace: Array,
) -> None:  # fmt: skip
    """Fill ``score`` (samples, windows, outputs) and ``count`` (samples, neurons) of spikes for the samples ``batch``.

    ``trace`` (samples, steps, neurons) takes the membrane before floor and reset, unless it has size 0. Rows of weights
    are where a spike comes from.
    """
    samples, neurons, outputs = count.shape[0], count.shape[1], w_out.shape[1]
    wide = trace.size > 0
    for n in prange(samples):
        v, drive = np.zeros(neurons), np.zeros(neurons)
        u, fed = np.zeros(outputs), np.zeros(outputs)
        who, fired = np.zeros(neurons, np.int32), 0
        total = np.zeros((windows.shape[0], outputs))
        spikes = np.zeros(neurons, np.int64)
        for t in range(steps):
            # Apart from the membrane: only sums of weights alone are exact.
            drive[:] = 0.0
            k = batch[n] * steps + t
            for e in range(start[k], start[k + 1]):
                row = w_in[channel[e]]
                for j in range(neurons):
                    drive[j] += row[j]
            for f in range(fired):
                row = w_rec[who[f]]
                for j in range(neurons):
                    drive[j] += row[j]
            for j in range(neurons):
                v[j] = keep[j] * v[j] + drive[j]
            if wide:
                for j in range(neurons):
                    trace[n, t, j] = v[j]
            fired = 0
            for j in range(neurons):
                # Written always, counted only for a spike: no branch to mispredict.
                over = v[j] >= threshold
                who[fired] = j
                fired += over
                spikes[j] += over
                v[j] = 0.0 if over else max(v[j], floor)
            fed[:] = 0.0
            for f in range(fired):
                row = w_out[who[f]]
                for c in range(outputs):
                    fed[c] += row[c]
            for c in range(outputs):
                u[c] = keep_out[c] * u[c] + fed[c]
            for w in range(windows.shape[0]):
                if windows[w, 0] <= t < windows[w, 1]:
                    for c in range(outputs):
                        total[w, c] += u[c]
        count[n] = spikes
        for w in range(windows.shape[0]):
            for c in range(outputs):
                score[n, w, c] = total[w, c] / (windows[w, 1] - windows[w, 0])
