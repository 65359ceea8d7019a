"""One training loop for all families: what the forward pass sees is ideal, rounded, noisy, or a chip.

Modes, of which each batch's forward pass sees:

=============== ======================================================================================
ideal           the typical instance, weights as they are
quantised       the typical instance, weights rounded to levels (straight-through)
noise_aware     the typical instance, weights with normal noise drawn anew (straight-through)
distribution    a chip drawn anew, out of the table that the chips come from
chip            one frozen chip whose parameters are known to the differentiable twin
in_the_loop     one frozen chip, run by the simulator (or a real one); the backward pass is that of the typical twin,
                which knows of the chip only what it answered
=============== ======================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicetwin.train.optimise import Adam, cooled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Weights = Mapping[str, FloatArray]

MODES = ("ideal", "quantised", "noise_aware", "distribution", "chip", "in_the_loop")
#: Modes that need a frozen chip.
ON_CHIP = ("chip", "in_the_loop")
#: Parts of a task: what is trained on, what is held out of it, what is looked at once.
PARTS = ("training", "validation", "test")
#: Loss (nats) beyond which a training has diverged.
LARGEST_LOSS = 1e3

C = TypeVar("C")


class DivergenceError(ValueError):
    """A loss or gradient is not finite, or the loss is absurd.

    Attributes
    ----------
    step
        Number of the failing step, from 1 on.
    weights
        As they were after the last whole epoch; empty where the trained network holds them itself.
    """

    def __init__(self, step: int, epoch: int, loss: float, weights: Weights | None = None) -> None:
        """Tell where."""
        super().__init__(
            f"training diverged at step {step} (epoch {epoch}): loss {loss:.4g}; accepted: a lower rate"
        )
        self.step, self.weights = step, {} if weights is None else weights


class Family(Protocol[C]):
    """A network on a task, as the loop sees it; ``C`` is its kind of chip, ``None`` the typical instance."""

    @property
    def samples(self) -> int:
        """Number of training samples."""

    @property
    def origin(self) -> str:
        """Digest of what chips and first weights come from beside their seeds: the table, a trained network."""

    @property
    def programmed(self) -> tuple[str, ...]:
        """Names of the weights that rounding and programming noise touch."""

    def begin(self, seed: int) -> Weights:
        """Weights to start from."""

    def chip(self, seed: int) -> C:
        """The frozen chip ``seed``."""

    def gradient(
        self, weights: Weights, batch: IntArray, twin: C | None, seen: C | None
    ) -> tuple[float, Weights]:
        """Mean loss of the training samples ``batch``, and its gradient.

        ``twin`` is the instance of the differentiable twin. With ``seen`` the values of the forward pass are those
        that this chip gave in the simulator.
        """

    def limited(self, weights: Weights) -> Weights:
        """The nearest weights that can be programmed."""

    def rate(self, name: str) -> float:
        """Learning rate of an array over that of the training."""

    def wanted(self, part: str) -> IntArray:
        """Classes of a part of the task."""

    def decide(self, weights: Weights, part: str, chip: C | None) -> IntArray:
        """Answers of the simulator for a part of the task."""


@dataclass(frozen=True)
class Learning:
    """How to train.

    Attributes
    ----------
    mode
        Out of :data:`MODES`.
    epochs, batch, rate
        Passes, samples of a step, learning rate of Adam; a fifth of it after half, a twentieth after 80 %.
    noise
        Deviation of the noise of ``noise_aware``, over the largest |weight| of an array.
    levels
        Levels of ``quantised`` between the largest negative and positive weight.
    """

    mode: str
    epochs: int
    batch: int
    rate: float
    noise: float = 0.05
    levels: int = 16


@dataclass(frozen=True)
class Learned:
    """Weights, and the mean loss (nats) of every epoch."""

    weights: Weights
    losses: tuple[float, ...]


def learn(
    family: Family[C],
    begin: Weights,
    how: Learning,
    seed: int,
    chip: C | None = None,
    after: Callable[[int, float], None] | None = None,
) -> Learned:
    """Train from the weights ``begin``.

    Parameters
    ----------
    seed
        Of the order of samples and of all that is drawn.
    chip
        Frozen chip of the modes ``chip`` and ``in_the_loop``.
    after
        Called behind every epoch with its number and loss.

    Raises
    ------
    DivergenceError
        With the step and the weights after the last whole epoch.
    ValueError
        For a mode without its chip.
    """
    if how.mode not in MODES or (how.mode in ON_CHIP) != (chip is not None):
        raise ValueError(f"mode {how.mode!r}; accepted: {', '.join(MODES)}, with a chip for {ON_CHIP} alone")
    rng = np.random.default_rng([seed, 11])
    weights = {name: np.array(w, dtype=np.float64) for name, w in begin.items()}
    optimisers = {name: Adam(w.shape) for name, w in weights.items()}
    losses: list[float] = []
    number = 0
    for epoch in range(how.epochs):
        good = {name: w.copy() for name, w in weights.items()}
        order, total = rng.permutation(family.samples), 0.0
        rate = how.rate * cooled(epoch / how.epochs)
        for k in range(0, len(order), how.batch):
            batch, number = order[k : k + how.batch], number + 1
            twin = family.chip(_draw(seed, number)) if how.mode == "distribution" else chip
            seen = chip if how.mode == "in_the_loop" else None
            if seen is not None:
                twin = None
            loss, slopes = family.gradient(_touched(weights, family, how, rng), batch, twin, seen)
            refuse_divergence(number, epoch + 1, loss, slopes, good)
            for name, slope in slopes.items():
                weights[name] -= optimisers[name].step(slope, rate * family.rate(name))
            weights = dict(family.limited(weights))
            total += loss * len(batch)
        losses.append(total / len(order))
        if after is not None:
            after(epoch + 1, losses[-1])
    return Learned(weights, tuple(losses))


def refuse_divergence(step: int, epoch: int, loss: float, slopes: Weights, good: Weights) -> None:
    """Stop a training whose loss or gradient is absurd.

    Raises
    ------
    DivergenceError
        With the numbers of the step and the epoch (from 1 on) and the ``good`` weights before this epoch.
    """
    finite = np.isfinite(loss) and all(np.isfinite(s).all() for s in slopes.values())
    if not finite or loss > LARGEST_LOSS:
        raise DivergenceError(step, epoch, loss, good)


def _draw(seed: int, number: int) -> int:
    """Seed of the chip of step ``number``: 128 bits, no chance to meet a chip that is tested on."""
    words = np.random.SeedSequence([seed, 12, number]).generate_state(4)
    return int.from_bytes(words.tobytes(), "little")


def _touched(
    weights: Mapping[str, FloatArray], family: Family[C], how: Learning, rng: np.random.Generator
) -> Weights:
    """Weights that the forward pass sees."""
    if how.mode not in ("quantised", "noise_aware"):
        return weights
    seen = dict(weights)
    for name in family.programmed:
        w = weights[name]
        if how.mode == "quantised":
            seen[name] = rounded(w, how.levels)
        else:
            noise = how.noise * np.abs(w).max() * rng.standard_normal(w.shape)
            seen[name] = np.where(w != 0.0, w + noise, 0.0)
    return seen


def rounded(weights: FloatArray, levels: int) -> FloatArray:
    """Weights on ``levels`` evenly spaced levels from -max|w| to max|w|; what is 0 (no synapse) stays."""
    top = float(np.abs(weights).max())
    if top == 0.0:
        return weights
    step = 2.0 * top / (levels - 1)
    return np.where(weights != 0.0, np.rint((weights + top) / step) * step - top, 0.0)
