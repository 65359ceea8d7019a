"""A classification task that asks for an answer in each of several windows of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError

#: Share of the training samples that :func:`one_window` sets aside to choose with.
VALIDATION = 0.15


@dataclass(frozen=True)
class Part:
    """Samples of one part of a task: spikes 0 or 1 (samples, steps, channels), classes (samples, windows)."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.x)


@dataclass(frozen=True)
class WindowedTask:
    """Spike trains with a class per window; train, validation and test apart.

    Attributes
    ----------
    name
        Label.
    dt
        Length of a step (s).
    windows
        First step and the one behind the last of every window, int64, shape (windows, 2).
    classes
        Number of classes.
    train, validation, test
        What is learned from, chosen with, and judged by.
    """

    name: str
    dt: float
    windows: NDArray[np.int64]
    classes: int
    train: Part
    validation: Part
    test: Part

    def __post_init__(self) -> None:
        """Refuse parts that do not fit the windows.

        Raises
        ------
        TaskError
            Naming the part.
        """
        for name in ("train", "validation", "test"):
            part: Part = getattr(self, name)
            if part.x.ndim != 3 or part.y.shape != (len(part.x), len(self.windows)) or not len(part):
                raise TaskError(
                    f"task {self.name}, {name}: spikes {part.x.shape} with classes {part.y.shape}; accepted: "
                    f"(samples, steps, channels) with (samples, {len(self.windows)}), at least one sample"
                )
            if part.y.min() < 0 or part.y.max() >= self.classes:
                raise TaskError(f"task {self.name}, {name}: a class outside 0 to {self.classes - 1}")
        low, high = self.windows[:, 0], self.windows[:, 1]
        if np.any(low < 0) or np.any(high > self.steps) or np.any(low >= high):
            raise TaskError(
                f"task {self.name}: windows {self.windows.tolist()}; accepted: within 0 to {self.steps}, not empty"
            )

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return int(self.train.x.shape[2])

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return int(self.train.x.shape[1])


def one_window(task: SpikeTask, speed: float, seed: int) -> WindowedTask:
    """A task with one answer a sample, replayed ``speed`` times as fast; a part of its training samples validates.

    Raises
    ------
    TaskError
        For a speed that is not positive and finite.
    """
    if not (np.isfinite(speed) and speed > 0.0):
        raise TaskError(f"task {task.name}: speed = {speed!r}; accepted: finite, above 0")
    order = np.random.default_rng([seed, 11]).permutation(len(task.train_y))
    aside, kept = np.split(order, [round(VALIDATION * len(order))])
    return WindowedTask(
        task.name,
        task.dt / speed,
        np.array([[0, task.steps]]),
        task.classes,
        Part(task.train_x[kept], task.train_y[kept, None]),
        Part(task.train_x[aside], task.train_y[aside, None]),
        Part(task.test_x, task.test_y[:, None]),
    )
