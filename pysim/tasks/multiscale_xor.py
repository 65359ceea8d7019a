"""XOR of a slow and a fast signal (multi-time-scale XOR).

After Zheng et al. (2024, doi:10.1038/s41467-023-44614-z), with the numbers of the temporal-hierarchy study (Moro et
al. 2024, arXiv:2407.18838): the first half of the channels carries one bit at the beginning and then falls silent, the
other half a sequence of bits. In every window the answer is the XOR of the first bit and the present one, so the
network must remember over the whole sample and react within a window. A bit is a rate: each channel of its half spikes
in a step with probability 0.2 or 0.6. A channel spikes by itself with probability 0.01.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pysim.mingru.streams import stream
from pysim.tasks.task import TaskError
from pysim.tasks.windowed_task import Part, WindowedTask


@dataclass(frozen=True, kw_only=True)
class MultiscaleXor:
    """Parameters of the task; times in steps.

    Attributes
    ----------
    channels
        Of each of the two halves.
    first
        Length of the slow signal's bit, from step 0 on.
    silence, coding
        A window of the fast signal: nothing, then its bit.
    bits
        Windows of a sample.
    low, high, noise
        Probability of a spike of a channel in a step for bit 0, for bit 1, and at any time.
    dt
        Length of a step (s).
    """

    channels: int = 20
    first: int = 10
    silence: int = 5
    coding: int = 10
    bits: int = 6
    low: float = 0.2
    high: float = 0.6
    noise: float = 0.01
    dt: float = 1e-3

    def __post_init__(self) -> None:
        """Refuse values without meaning.

        Raises
        ------
        TaskError
            Naming the value and what is accepted.
        """
        for name in ("channels", "first", "coding", "bits"):
            if getattr(self, name) < 1:
                raise TaskError(f"multi-time-scale XOR: {name} = {getattr(self, name)}; accepted: 1 or more")
        if self.silence < 0:
            raise TaskError(f"multi-time-scale XOR: silence = {self.silence}; accepted: 0 or more")
        for name in ("low", "high", "noise"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise TaskError(f"multi-time-scale XOR: {name} = {value!r}; accepted: a probability, 0 to 1")
        if not (math.isfinite(self.dt) and self.dt > 0.0):
            raise TaskError(f"multi-time-scale XOR: dt = {self.dt!r}; accepted: above 0 s")

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return self.first + self.bits * (self.silence + self.coding)

    @property
    def windows(self) -> list[tuple[int, int]]:
        """First step and the one behind the last of every answer: the coding part of each window."""
        length = self.silence + self.coding
        starts = [self.first + k * length + self.silence for k in range(self.bits)]
        return [(start, start + self.coding) for start in starts]

    def part(self, samples: int, seed: int, name: str) -> Part:
        """Samples of one part of the task; ``name`` keeps the parts' random streams apart."""
        if samples < 1:
            raise TaskError(f"multi-time-scale XOR: {samples} samples; accepted: 1 or more")
        rng = stream(seed, "multiscale_xor", name)
        slow = rng.integers(0, 2, samples)
        fast = rng.integers(0, 2, (samples, self.bits))
        chance = np.zeros((samples, self.steps, 2))
        chance[:, : self.first, 0] = np.where(slow == 1, self.high, self.low)[:, None]
        for k, (start, end) in enumerate(self.windows):
            chance[:, start:end, 1] = np.where(fast[:, k] == 1, self.high, self.low)[:, None]
        shape = (samples, self.steps, 2 * self.channels)
        spikes = rng.random(shape) < np.repeat(chance, self.channels, axis=2)
        spikes |= rng.random(shape) < self.noise
        return Part(spikes.astype(np.uint8), (slow[:, None] ^ fast).astype(np.int64))

    def task(self, train: int, validation: int, test: int, seed: int) -> WindowedTask:
        """The task with these numbers of samples, drawn from ``seed``."""
        return WindowedTask(
            "multi-time-scale XOR",
            self.dt,
            np.array(self.windows),
            2,
            self.part(train, seed, "train"),
            self.part(validation, seed, "validation"),
            self.part(test, seed, "test"),
        )
