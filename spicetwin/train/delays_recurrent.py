"""A recurrent network of spiking neurons with as many parameters, to compare networks with delays to.

    V_t = a V_(t-1) (1 - s_(t-1)) + W_in x_t + W_rec s_(t-1),   s_t = [V_t >= 1]
    U_t = max(0, b U_(t-1) + W_out s_t),   answer: the output with the largest max over t of U_t

The read-out is that of the networks with delays. Gradients go through time, the reset included, and through a surrogate
of the step, 1 / (1 + 5 |V - 1|)^2 (Zenke and Ganguli 2018, doi:10.1162/neco_a_01086).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import logsumexp

from pysim.delays.events import Events
from spicetwin.train.delays_settings import RecurrentTraining
from spicetwin.train.learning import refuse_divergence
from spicetwin.train.optimise import Adam, cooled

Array = Any
FloatArray = NDArray[np.float64]

_STEEPNESS = 5.0


def units_of(parameters: int, inputs: int, classes: int) -> int:
    """Recurrent neurons with at most ``parameters`` weights, h (inputs + h + classes)."""
    half = 0.5 * (inputs + classes)
    return max(1, int(math.sqrt(half * half + parameters) - half))


@dataclass
class RecurrentNet:
    """Recurrent spiking neurons and integrating outputs.

    Attributes
    ----------
    inwards, recurrent, outwards
        Weights (inputs, units), (units, units), (units, classes); rows are where a spike comes from.
    keep, keep_out
        Decay of a step, of the neurons and of the outputs.
    """

    inwards: FloatArray
    recurrent: FloatArray
    outwards: FloatArray
    keep: float
    keep_out: float

    @classmethod
    def drawn(
        cls, inputs: int, units: int, classes: int, dt: float, how: RecurrentTraining, seed: int
    ) -> RecurrentNet:
        """Random start from ``seed``."""
        rng = np.random.default_rng([seed, 3])

        def normal(rows: int, columns: int, scale: float) -> FloatArray:
            return np.asarray(scale / math.sqrt(rows) * rng.standard_normal((rows, columns)))

        return cls(
            normal(inputs, units, 1.5),
            normal(units, units, 0.5),
            np.abs(normal(units, classes, 0.3)),
            math.exp(-dt / how.tau_membrane),
            math.exp(-dt / how.tau_readout),
        )

    @property
    def weights(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """All weights."""
        return self.inwards, self.recurrent, self.outwards

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(w.size for w in self.weights)

    def decide(self, events: Events) -> NDArray[np.int64]:
        """Classes of the samples."""
        return np.asarray(self.peaks(events, np.arange(events.samples)).argmax(axis=1))

    def peaks(self, events: Events, batch: NDArray[np.int64]) -> FloatArray:
        """Largest output voltages of some samples."""
        peak = np.empty((len(batch), self.outwards.shape[1]))
        nothing = np.zeros((0, 0))
        _pass(
            events.start, events.channel, events.steps, batch, *self.weights, self.keep, self.keep_out,
            peak, np.zeros(0, np.int64), np.zeros(0), nothing, nothing, nothing,
        )  # fmt: skip
        return peak


def train_recurrent(
    events: Events,
    classes: NDArray[np.int64],
    net: RecurrentNet,
    how: RecurrentTraining,
    seed: int,
    importance: FloatArray,
) -> None:
    """Train ``net`` in place with Adam on the cross-entropy; ``importance`` weighs the classes.

    Raises
    ------
    DivergenceError
        With the step and the weights after the last whole epoch.
    """
    rng = np.random.default_rng([seed, 4])
    optimisers = [Adam(w.shape) for w in net.weights]
    names, number = ("inwards", "recurrent", "outwards"), 0
    for epoch in range(how.epochs):
        good = {name: w.copy() for name, w in zip(names, net.weights, strict=True)}
        order = rng.permutation(events.samples)
        for k in range(0, len(order), how.batch):
            batch = order[k : k + how.batch]
            slopes = [np.zeros_like(w) for w in net.weights]
            peak = np.empty((len(batch), net.outwards.shape[1]))
            wanted, number = classes[batch], number + 1
            share = importance[wanted] / len(batch)
            _pass(
                events.start, events.channel, events.steps, batch, *net.weights, net.keep, net.keep_out,
                peak, wanted, share, *slopes,
            )  # fmt: skip
            right = peak[np.arange(len(batch)), wanted]
            loss = float((share * (logsumexp(peak, axis=1) - right)).sum())
            refuse_divergence(number, epoch + 1, loss, dict(zip(names, slopes, strict=True)), good)
            for weight, slope, optimiser in zip(net.weights, slopes, optimisers, strict=True):
                weight -= optimiser.step(slope, how.rate * cooled(epoch / how.epochs))


@njit(cache=True, error_model="numpy")
def _pass(
    start: Array, channel: Array, steps: int, batch: Array, inwards: Array, recurrent: Array, outwards: Array,
    keep: float, keep_out: float, peak: Array, wanted: Array, share: Array,
    slope_in: Array, slope_rec: Array, slope_out: Array,
) -> None:  # fmt: skip
    """Peaks of the samples ``batch``; with ``wanted`` classes the gradients of ``share`` times the loss are added."""
    units, classes = outwards.shape
    back = recurrent.T.copy()
    v, s = np.zeros((steps, units)), np.zeros((steps, units))
    g = np.zeros((steps, classes))
    u, top, since = np.zeros(classes), np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for n in range(len(batch)):
        first = batch[n] * steps
        for j in range(classes):
            u[j], peak[n, j], top[j], since[j] = 0.0, 0.0, -1, 0
        last_zero = np.zeros(classes, np.int64)
        for t in range(steps):
            for k in range(units):
                v[t, k] = keep * v[t - 1, k] * (1.0 - s[t - 1, k]) if t else 0.0
            for e in range(start[first + t], start[first + t + 1]):
                for k in range(units):
                    v[t, k] += inwards[channel[e], k]
            if t:
                for q in range(units):
                    if s[t - 1, q] != 0.0:
                        for k in range(units):
                            v[t, k] += recurrent[q, k]
            for j in range(classes):
                u[j] *= keep_out
            for k in range(units):
                s[t, k] = 1.0 if v[t, k] >= 1.0 else 0.0
                if s[t, k] != 0.0:
                    for j in range(classes):
                        u[j] += outwards[k, j]
            for j in range(classes):
                if u[j] <= 0.0:
                    u[j], last_zero[j] = 0.0, t + 1
                if u[j] > peak[n, j]:
                    peak[n, j], top[j], since[j] = u[j], t, last_zero[j]
        if wanted.size == 0:
            continue
        # Gradient of the outputs' drive: what of it is left at the peak.
        total = 0.0
        for j in range(classes):
            total += math.exp(peak[n, j] - peak[n].max())
        last = -1
        g[:] = 0.0
        for j in range(classes):
            a = share[n] * (math.exp(peak[n, j] - peak[n].max()) / total - (1.0 if j == wanted[n] else 0.0))
            for t in range(top[j], since[j] - 1, -1):
                g[t, j] = a
                a *= keep_out
            last = max(last, top[j])
        later, now = np.zeros(units), np.zeros(units)
        for t in range(last, -1, -1):
            for k in range(units):
                now[k] = -keep * v[t, k] * later[k]
            for q in range(units):
                if later[q] != 0.0:
                    for k in range(units):
                        now[k] += back[q, k] * later[q]
            for k in range(units):
                for j in range(classes):
                    now[k] += outwards[k, j] * g[t, j]
                if s[t, k] != 0.0:
                    for j in range(classes):
                        slope_out[k, j] += g[t, j]
                    for q in range(units):
                        slope_rec[k, q] += later[q]
                surrogate = 1.0 / (1.0 + _STEEPNESS * abs(v[t, k] - 1.0)) ** 2
                now[k] = now[k] * surrogate + keep * (1.0 - s[t, k]) * later[k]
            for e in range(start[first + t], start[first + t + 1]):
                for k in range(units):
                    slope_in[channel[e], k] += now[k]
            later, now = now, later
