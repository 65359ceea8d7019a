"""What passes between layers: bits on channels over steps, or analog levels into a first layer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.errors import ModelError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A batch of samples in equal steps, as events or as levels.

    Attributes
    ----------
    events
        Bits that are 1: spikes, or outputs of a comparator.
    levels
        In [0, 1], shape (samples, steps): one analog signal for all inputs of a first layer.
    dt
        Length of a step (s).

    Raises
    ------
    ModelError
        When there are both or none, or ``dt`` is no time.
    """

    events: Events | None = None
    levels: FloatArray | None = None
    dt: float = 1e-3

    def __post_init__(self) -> None:
        """Check."""
        if (self.events is None) == (self.levels is None):
            raise ModelError("a signal is either events or levels; accepted: one of them")
        if not (np.isfinite(self.dt) and self.dt > 0.0):
            raise ModelError(f"signal: dt = {self.dt!r}; accepted: a time > 0 s")
        if self.levels is not None and (self.levels.ndim != 2 or not self.levels.size):
            raise ModelError(f"signal: levels of shape {self.levels.shape}; accepted: (samples, steps)")

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.events.samples if self.events is not None else len(self._levels)

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return self.events.steps if self.events is not None else int(self._levels.shape[1])

    @property
    def channels(self) -> int:
        """Number of channels; levels are one signal."""
        return self.events.channels if self.events is not None else 1

    @property
    def bits(self) -> Events:
        """The events.

        Raises
        ------
        ModelError
            For levels.
        """
        if self.events is None:
            raise ModelError("analog levels reach a layer that takes bits; accepted: spikes or bits")
        return self.events

    def dense(self) -> NDArray[np.uint8] | FloatArray:
        """Array (samples, steps, channels) of bits, or the levels (samples, steps)."""
        return self._levels if self.events is None else self.events.dense().view(np.uint8)

    def select(self, first: int, last: int) -> Signal:
        """Samples ``first`` to ``last`` - 1."""
        if self.events is None:
            return Signal(levels=self._levels[first:last], dt=self.dt)
        return Signal(events=self.events.select(np.arange(first, last)), dt=self.dt)

    def active(self) -> FloatArray:
        """Events of every sample (levels count as their sum), shape (samples,)."""
        if self.events is None:
            return np.asarray(self._levels.sum(axis=1))
        ends = self.events.start[:: self.events.steps]
        return np.diff(ends).astype(np.float64)

    def digest(self) -> str:
        """sha256 of the content."""
        arrays = [self._levels] if self.events is None else [self.events.start, self.events.channel]
        content = hashlib.sha256(f"{self.samples} {self.steps} {self.channels} {self.dt!r}".encode())
        for array in arrays:
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    @property
    def _levels(self) -> FloatArray:
        assert self.levels is not None
        return self.levels
