"""Spikes of a batch of samples as lists of events, in the order in which a network meets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError


@dataclass(frozen=True)
class Events:
    """Which channels spike in which step, sample after sample.

    Attributes
    ----------
    start
        int64, shape (samples steps + 1,): events of sample n in step t are ``start[n steps + t]`` up to the next.
    channel
        int32, shape (events,): channels, ascending within a step, so none spikes twice in one.
    samples, steps, channels
        Sizes.
    merged
        Spikes that fell into a step in which their channel had spiked already, and count once.
    """

    start: NDArray[np.int64]
    channel: NDArray[np.int32]
    samples: int
    steps: int
    channels: int
    merged: int = 0

    def __post_init__(self) -> None:
        """Refuse lists that are no such order.

        Raises
        ------
        ModelError
            Naming the place.
        """
        start, channel = np.asarray(self.start, np.int64), np.asarray(self.channel)
        if min(self.samples, self.steps, self.channels) < 1:
            raise ModelError(
                f"{self.samples} samples of {self.steps} steps on {self.channels} channels; accepted: 1 or more"
            )
        if start.shape != (self.samples * self.steps + 1,):
            raise ModelError(
                f"start has shape {start.shape}; accepted: {(self.samples * self.steps + 1,)}, one entry a step"
            )
        if start[0] != 0 or start[-1] != len(channel) or (np.diff(start) < 0).any():
            raise ModelError(f"start must rise from 0 to the number of events, {len(channel)}")
        wrong = np.flatnonzero((channel < 0) | (channel >= self.channels))
        if len(wrong):
            raise ModelError(
                f"event {wrong[0]} is on channel {channel[wrong[0]]}; accepted: 0 to {self.channels - 1}"
            )
        step = np.repeat(np.arange(len(start) - 1), np.diff(start))
        back = np.flatnonzero((np.diff(step) == 0) & (np.diff(channel) <= 0))
        if len(back):
            sample, t = divmod(int(step[back[0]]), self.steps)
            raise ModelError(
                f"sample {sample}, step {t}: channel {channel[back[0] + 1]} behind {channel[back[0]]}; accepted: "
                "ascending channels within a step"
            )
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "channel", channel.astype(np.int32))

    def __len__(self) -> int:
        """Number of events."""
        return len(self.channel)

    @property
    def step(self) -> NDArray[np.int64]:
        """Sample times steps plus step of every event."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    @classmethod
    def from_dense(cls, spikes: ArrayLike) -> Events:
        """Events of an array (samples, steps, channels) whose non-zero entries are spikes."""
        dense = np.asarray(spikes)
        if dense.ndim != 3:
            raise ModelError(f"spikes have shape {dense.shape}; accepted: (samples, steps, channels)")
        rows = dense.reshape(-1, dense.shape[2]) != 0
        start = np.concatenate([[0], np.cumsum(np.count_nonzero(rows, axis=1))])
        channel = np.flatnonzero(rows) % dense.shape[2]
        return cls(start, channel.astype(np.int32), *dense.shape)

    @classmethod
    def from_times(
        cls,
        trains: Sequence[tuple[ArrayLike, ArrayLike]],
        channels: int,
        duration: float,
        dt: float,
    ) -> Events:
        """Events of spike times.

        Parameters
        ----------
        trains
            For each sample the times (s), ascending, and the channel of each.
        channels
            Number of channels.
        duration, dt
            Length of the run and of a step (s); a spike at time t belongs to step floor(t / dt).

        Raises
        ------
        ModelError
            When times are not finite, not sorted or outside the run, or do not fit their channels.
        """
        if not (dt > 0 and np.isfinite(dt) and duration > 0 and np.isfinite(duration)):
            raise ModelError(f"duration {duration} s in steps of {dt} s; accepted: both > 0")
        steps = max(1, round(duration / dt))
        keys, total = [], 0
        for n, (times, units) in enumerate(trains):
            t, unit = np.asarray(times, np.float64), np.asarray(units)
            _check_train(n, t, unit, channels, duration)
            # A time such as 0.003 s lies a rounding error below its step of 1 ms.
            step = np.minimum((t / dt * (1 + 1e-12)).astype(np.int64), steps - 1)
            keys.append(np.unique((n * steps + step) * channels + unit.astype(np.int64)))
            total += len(t)
        key = np.concatenate(keys) if keys else np.zeros(0, np.int64)
        count = np.bincount(key // channels, minlength=len(trains) * steps)
        start = np.concatenate([[0], np.cumsum(count)])
        return cls(start, (key % channels).astype(np.int32), len(trains), steps, channels, total - len(key))

    def dense(self) -> NDArray[np.bool_]:
        """The spikes as an array (samples, steps, channels)."""
        spikes = np.zeros((self.samples * self.steps, self.channels), np.bool_)
        spikes[self.step, self.channel] = True
        return spikes.reshape(self.samples, self.steps, self.channels)

    def select(self, samples: ArrayLike) -> Events:
        """The events of some samples, in the order given."""
        chosen = np.asarray(samples, np.int64)
        first = self.start[chosen * self.steps]
        last = self.start[(chosen + 1) * self.steps]
        channel = [self.channel[a:b] for a, b in zip(first, last, strict=True)]
        count = np.diff(self.start).reshape(self.samples, self.steps)[chosen]
        start = np.concatenate([[0], np.cumsum(count)])
        return Events(
            start,
            np.concatenate([np.zeros(0, np.int32), *channel]),
            len(chosen),
            self.steps,
            self.channels,
        )


def _check_train(n: int, t: NDArray[np.float64], unit: NDArray[np.int64], channels: int, end: float) -> None:
    """One sample's times and channels."""
    if t.ndim != 1 or t.shape != unit.shape:
        raise ModelError(
            f"sample {n}: {t.shape} times for {unit.shape} channels; accepted: one channel a time"
        )
    wrong = np.flatnonzero(~(np.isfinite(t) & (t >= 0) & (t < end)))
    if len(wrong):
        k = wrong[0]
        raise ModelError(
            f"sample {n}: spike {k} at {t[k]} s is outside the run; accepted: 0 to below {end} s"
        )
    back = np.flatnonzero(np.diff(t) < 0)
    if len(back):
        k = back[0]
        raise ModelError(
            f"sample {n}: spike times are not sorted: {t[k + 1]} s behind {t[k]} s at spike {k + 1}"
        )
    wrong = np.flatnonzero((unit < 0) | (unit >= channels))
    if len(wrong):
        raise ModelError(
            f"sample {n}: spike {wrong[0]} on channel {unit[wrong[0]]}; accepted: 0 to {channels - 1}"
        )
