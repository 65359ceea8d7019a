"""Gradients of the recurrent network of :mod:`pysim.memcap.network` through time, and their place in torch.

The forward pass is the twin's own kernel. Backward, with g_t the gradient of the output integrators and d_t that of the
membranes,

    g_t = (share of the windows that hold t) + b g_(t+1)
    d_t = (W_out g_t + W_rec d_(t+1)) surrogate(V_t) + a (1 - s_t) d_(t+1)      (the last term above the floor only)

The step function takes the surrogate slope 1 / (1 + steepness |V - V_th|)^2 (Zenke and Ganguli 2018,
doi:10.1162/neco_a_01086); the reset is taken as given, no gradient passes through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange

from pysim.kernels import memcap
from pysim.memcap.network import MemcapNetwork

Array = Any


@njit(cache=True, parallel=True, error_model="numpy")
def backward(
    start: Array, channel: Array, steps: int, batch: Array, w_rec: Array, w_out: Array, keep: Array, keep_out: Array,
    threshold: float, floor: float, steepness: float, windows: Array, slope: Array, slope_count: Array, trace: Array,
    d_in: Array, d_rec: Array, d_out: Array, d_keep: Array, d_keep_out: Array,
) -> None:  # fmt: skip
    """Add gradients given those of the scores (samples, windows, outputs) and of the spike counts (samples, neurons).

    There is a set of sums a block of samples, ``d_in`` (blocks, inputs, neurons) and so on; the caller sums over
    blocks, in an order that no number of threads changes.
    """
    samples, neurons, outputs = trace.shape[0], trace.shape[2], w_out.shape[1]
    blocks = d_in.shape[0]
    back = w_rec.T.copy()
    for b in prange(blocks):
        u, g = np.zeros((steps, outputs)), np.zeros((steps + 1, outputs))
        later, now = np.zeros(neurons), np.zeros(neurons)
        for n in range(b * samples // blocks, (b + 1) * samples // blocks):
            v = trace[n]
            for t in range(steps):
                for c in range(outputs):
                    u[t, c] = keep_out[c] * u[t - 1, c] if t else 0.0
                for j in range(neurons):
                    if v[t, j] >= threshold:
                        for c in range(outputs):
                            u[t, c] += w_out[j, c]
            g[:] = 0.0
            for w in range(windows.shape[0]):
                length = windows[w, 1] - windows[w, 0]
                for t in range(windows[w, 0], windows[w, 1]):
                    for c in range(outputs):
                        g[t, c] += slope[n, w, c] / length
            for t in range(steps - 1, -1, -1):
                for c in range(outputs):
                    g[t, c] += keep_out[c] * g[t + 1, c]
                    if t:
                        d_keep_out[b, c] += g[t, c] * u[t - 1, c]
            later[:] = 0.0
            for t in range(steps - 1, -1, -1):
                now[:] = slope_count[n]
                for q in range(neurons):
                    if later[q] != 0.0:
                        for j in range(neurons):
                            now[j] += back[q, j] * later[q]
                for j in range(neurons):
                    for c in range(outputs):
                        now[j] += w_out[j, c] * g[t, c]
                    fired = v[t, j] >= threshold
                    if fired:
                        for c in range(outputs):
                            d_out[b, j, c] += g[t, c]
                        for q in range(neurons):
                            d_rec[b, j, q] += later[q]
                    else:
                        # What the next step kept of this one.
                        d_keep[b, j] += later[j] * max(v[t, j], floor)
                    surrogate = 1.0 / (1.0 + steepness * abs(max(v[t, j], floor) - threshold)) ** 2
                    carried = 0.0 if fired or v[t, j] < floor else keep[j] * later[j]
                    now[j] = now[j] * surrogate + carried
                k = batch[n] * steps + t
                for e in range(start[k], start[k + 1]):
                    row = d_in[b, channel[e]]
                    for j in range(neurons):
                        row[j] += now[j]
                later, now = now, later


#: Blocks of samples that run side by side.
BLOCKS = 4


class Recurrent(torch.autograd.Function):
    """Scores (samples, windows, outputs) and spike counts (samples, neurons); weights are steps of the membranes."""

    @staticmethod
    def forward(
        context: Any, w_in: Any, w_rec: Any, w_out: Any, keep: Any, keep_out: Any, threshold: float, floor: float,
        steepness: float, events: Any, batch: Array, windows: Array,
    ) -> Any:  # fmt: skip
        """The twin's kernel, with its membranes kept."""
        weights: Any = [
            np.ascontiguousarray(w.detach().numpy()) for w in (w_in, w_rec, w_out, keep, keep_out)
        ]
        samples, neurons = len(batch), w_rec.shape[0]
        score = np.empty((samples, len(windows), w_out.shape[1]))
        count = np.empty((samples, neurons), dtype=np.int64)
        trace = np.empty((samples, events.steps, neurons))
        rest: Any = (*weights, threshold, floor, windows, score, count, trace)
        memcap.run(events.start, events.channel, events.steps, batch, *rest)
        context.kept = (weights, threshold, floor, steepness, events, batch, windows, trace)
        return torch.from_numpy(score), torch.from_numpy(count.astype(np.float64))

    @staticmethod
    def backward(context: Any, slope: Any, slope_count: Any) -> Any:
        """Through time."""
        (w_in, w_rec, w_out, keep, keep_out), *rest = context.kept
        threshold, floor, steepness, events, batch, windows, trace = rest
        sums: Any = [np.zeros((BLOCKS, *w.shape)) for w in (w_in, w_rec, w_out, keep, keep_out)]
        backward(
            events.start, events.channel, events.steps, batch, w_rec, w_out, keep, keep_out, threshold, floor,
            steepness, windows, np.ascontiguousarray(slope.numpy()), np.ascontiguousarray(slope_count.numpy()), trace,
            *sums,
        )  # fmt: skip
        return (*(torch.from_numpy(s.sum(axis=0)) for s in sums), None, None, None, None, None, None)


class AtChip(torch.autograd.Function):
    """As :class:`Recurrent`, told by a chip: its scores and spikes, and the slopes of the given network at its spikes.

    Membranes of the given network follow the chip's spikes. Where the two disagree about a spike, the slope is that at
    the threshold.
    """

    @staticmethod
    def forward(
        context: Any, w_in: Any, w_rec: Any, w_out: Any, keep: Any, keep_out: Any, threshold: float, floor: float,
        steepness: float, events: Any, batch: Array, windows: Array, chip: MemcapNetwork,
    ) -> Any:  # fmt: skip
        """The chip in the simulator."""
        weights: Any = [
            np.ascontiguousarray(w.detach().numpy()) for w in (w_in, w_rec, w_out, keep, keep_out)
        ]
        samples, neurons = len(batch), w_rec.shape[0]
        score = np.empty((samples, len(windows), w_out.shape[1]))
        count = np.empty((samples, neurons), dtype=np.int64)
        trace = np.empty((samples, events.steps, neurons))
        memcap.run(
            events.start, events.channel, events.steps, batch, *chip.steps(), *chip.keeps(), chip.threshold,
            chip.floor, windows, score, count, trace,
        )  # fmt: skip
        fired = trace >= chip.threshold
        w_in, w_rec, _, keep, _ = weights
        follow(events.start, events.channel, batch, w_in, w_rec, keep, floor, fired, trace)
        trace = np.where(
            fired, np.maximum(trace, threshold), np.minimum(trace, np.nextafter(threshold, -np.inf))
        )
        context.kept = (weights, threshold, floor, steepness, events, batch, windows, trace)
        return torch.from_numpy(score), torch.from_numpy(count.astype(np.float64))

    @staticmethod
    def backward(context: Any, slope: Any, slope_count: Any) -> Any:
        """Through time."""
        return (*Recurrent.backward(context, slope, slope_count), None)


@njit(cache=True, error_model="numpy")
def follow(
    start: Array, channel: Array, batch: Array, w_in: Array, w_rec: Array, keep: Array, floor: float, fired: Array,
    trace: Array,
) -> None:  # fmt: skip
    """Fill ``trace`` with the membranes before floor and reset, given who ``fired`` (samples, steps, neurons)."""
    samples, steps, neurons = fired.shape
    for n in range(samples):
        v = np.zeros(neurons)
        for t in range(steps):
            v *= keep
            k = batch[n] * steps + t
            for e in range(start[k], start[k + 1]):
                v += w_in[channel[e]]
            if t:
                for q in range(neurons):
                    if fired[n, t - 1, q]:
                        v += w_rec[q]
            trace[n, t] = v
            for j in range(neurons):
                v[j] = 0.0 if fired[n, t, j] else max(v[j], floor)


class Quantised(torch.autograd.Function):
    """Nearest of ``2 levels + 1`` values in equal steps between -max and max of a matrix; gradients pass unchanged."""

    @staticmethod
    def forward(context: Any, weight: Any, levels: int) -> Any:
        """Ties away from minus infinity."""
        values = weight.detach().numpy()
        unit = np.abs(values).max() / levels
        return torch.from_numpy(np.floor(values / unit + 0.5) * unit)

    @staticmethod
    def backward(context: Any, slope: Any) -> Any:
        """Straight through."""
        return slope, None
