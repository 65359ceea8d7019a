"""Training of weights behind fixed delays (published model, EIS-Hub/DenRAM), in NumPy and two compiled passes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import IntegratingSoma
from spicetwin.train import delays_kernels as kernels
from spicetwin.train.delays_score import importance
from spicetwin.train.delays_settings import DelayTraining
from spicetwin.train.learning import refuse_divergence
from spicetwin.train.optimise import Adam, cooled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Probability below which a wrong class leaves no gradient.
_LEAST = 1e-3


@dataclass(frozen=True)
class DelayNet:
    """A trained layer.

    Attributes
    ----------
    weights, delays
        Shape (inputs, classes, copies); delays in steps.
    dt, tau_membrane
        Step and time constant of the somata (s).
    loss
        Mean cross-entropy of every epoch (nats).
    """

    weights: FloatArray
    delays: IntArray
    dt: float
    tau_membrane: float
    loss: tuple[float, ...] = ()

    def decide(
        self, events: Events, weights: FloatArray | None = None, delays: IntArray | None = None
    ) -> IntArray:
        """Classes of the samples, by the behavioural simulator; weights and delays of a chip instead of its own."""
        layer = DelayLayer(
            weights=self.weights if weights is None else weights,
            delays=(self.delays if delays is None else delays).astype(np.uint16),
            soma=IntegratingSoma(tau_membrane=self.tau_membrane),
            dt=self.dt,
        )
        return run_layer(layer, events).decision


def noisy(weights: FloatArray, noise: float, rng: np.random.Generator) -> FloatArray:
    """Weights with normal noise of ``noise`` times the largest |weight| on every weight that is not zero."""
    if noise == 0.0:
        return weights
    scale = noise * np.abs(weights).max()
    return np.where(weights != 0.0, weights + scale * rng.standard_normal(weights.shape), 0.0)


def train(
    events: Events,
    classes: IntArray,
    delays: IntArray,
    tau_membrane: float,
    dt: float,
    how: DelayTraining,
    seed: int,
    noise: float = 0.0,
) -> DelayNet:
    """Train the weights of a layer whose delays stay as they are.

    Softmax and cross-entropy on the largest voltages. With ``noise`` the forward pass sees weights with noise drawn
    anew for every batch, and the gradient goes to the weights without it (straight-through); the weights then keep to
    the bound: without one the largest grow, and the noise of all with them.

    Parameters
    ----------
    events, classes
        Training samples.
    delays
        Steps, shape (inputs, classes, copies).
    noise
        Standard deviation over the largest |weight|.

    Raises
    ------
    DivergenceError
        With the step and the weights after the last whole epoch.
    """
    rng = np.random.default_rng([seed, 1])
    synapses = delays.shape[0] * delays.shape[2]
    weights = np.abs(rng.standard_normal(delays.shape)) * how.start / math.sqrt(synapses)
    adam, keep = Adam(weights.shape), math.exp(-dt / tau_membrane)
    weight = importance(classes, how.balance)
    losses: list[float] = []
    number = 0
    for epoch in range(how.epochs):
        # Steps make new arrays: this one stays as it is.
        good = {"weights": weights}
        rate = how.rate * cooled(epoch / how.epochs)
        order, total = rng.permutation(events.samples), 0.0
        for k in range(0, len(order), how.batch):
            batch = order[k : k + how.batch]
            seen = noisy(weights, noise, rng)
            loss, slope = batch_gradient(events, classes, delays, keep, batch, seen, weight)
            number += 1
            refuse_divergence(number, epoch + 1, loss, {"weights": slope}, good)
            total += loss * len(batch)
            weights = weights - adam.step(slope, rate)
            if noise > 0.0 and how.bound > 0.0:
                weights = np.clip(weights, -how.bound, how.bound)
        losses.append(total / len(order))
    return DelayNet(weights, delays, dt, tau_membrane, tuple(losses))


def batch_gradient(
    events: Events,
    classes: IntArray,
    delays: IntArray,
    keep: float,
    batch: IntArray,
    weights: FloatArray,
    of_class: FloatArray,
) -> tuple[float, FloatArray]:
    """Mean loss of a batch, and its gradient."""
    shape = (len(batch), weights.shape[1])
    peak, top, since = np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int64)
    stream = (events.start, events.channel, events.steps, batch)
    kernels.peaks(*stream, weights, delays, keep, peak, top, since)
    likely = np.exp(peak - peak.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    wanted = classes[batch]
    row = np.arange(len(batch))
    weight = of_class[wanted] / len(batch)
    loss = float(-(weight * np.log(likely[row, wanted] + 1e-300)).sum())
    likely[row, wanted] -= 1.0
    out = np.zeros_like(weights)
    slope = likely * weight[:, None]
    kernels.gradient(*stream, slope, delays, keep, top, since, _LEAST / len(batch), out)
    return loss, out
