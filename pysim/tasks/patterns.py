"""Spike patterns: every class is a fixed random pattern on half of the channels, every sample a noisy copy of it.

Needs no data. Made for tests, benchmarks and first steps, not for claims about networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError

#: Share of a pattern's spikes that a sample keeps, and that it adds at random.
KEPT, ADDED = 0.7, 0.3


def patterns(
    seed: int = 0,
    *,
    classes: int = 4,
    channels: int = 32,
    steps: int = 100,
    rate: float = 0.05,
    samples: int = 200,
    dt: float = 1e-3,
) -> SpikeTask:
    """Training and test samples of ``classes`` patterns, ``samples`` of each part.

    Parameters
    ----------
    rate
        Probability of a spike per channel and step, over all channels of a pattern.
    dt
        Step (s).

    Raises
    ------
    TaskError
        For fewer samples than classes, or a rate that is no probability.
    """
    if min(classes, channels, steps) < 1 or samples < classes or not 0.0 < rate <= 1.0:
        raise TaskError(
            f"patterns: {classes} classes, {channels} channels, {steps} steps, rate {rate}, {samples} samples; "
            "accepted: 1 or more of each, a rate in (0, 1], a sample for every class"
        )
    rng = np.random.default_rng([seed, 11])
    # Twice the rate on half of the channels: classes differ in which channels spike and in when.
    used = rng.random((classes, 1, channels)) < 0.5
    truth = used & (rng.random((classes, steps, channels)) < min(2.0 * rate, 1.0))
    drawn = [_part(rng, truth, rate, samples) for _ in range(2)]
    (train_x, train_y), (test_x, test_y) = drawn
    nobody = np.zeros(samples, np.int64)
    raw = [x.mean(axis=1).astype(np.float64) for x in (train_x, test_x)]
    return SpikeTask("patterns", dt, train_x, train_y, test_x, test_y, nobody, nobody, *raw)


def _part(
    rng: np.random.Generator, truth: NDArray[np.bool_], rate: float, samples: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    y = np.arange(samples) % len(truth)
    shape = (samples, *truth.shape[1:])
    shift = rng.integers(-1, 2, samples)
    x = np.stack([np.roll(truth[c], s, axis=0) for c, s in zip(y, shift, strict=True)])
    x = (x & (rng.random(shape) < KEPT)) | (rng.random(shape) < ADDED * rate)
    return x.astype(np.uint8), y.astype(np.int64)
