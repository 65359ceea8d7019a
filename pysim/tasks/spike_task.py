"""A classification task whose samples are spikes on channels over steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.task import TaskError


@dataclass(frozen=True)
class SpikeTask:
    """Spike trains with their classes, split once and for all.

    Attributes
    ----------
    name
        Label.
    dt
        Length of a step (s).
    train_x, test_x
        0 or 1, uint8, shape (samples, steps, channels).
    train_y, test_y
        Classes from 0 on, int64, shape (samples,).
    train_group, test_group
        Where a sample is from (speaker, record), int64: for splits that keep sources apart.
    train_raw, test_raw
        What the spikes were made of, a row of numbers a sample, for plain baselines.
    train_moved
        The training samples as another source might give them, each of the shape of ``train_x``: for choices that
        are to hold beyond the sources trained on.
    """

    name: str
    dt: float
    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]
    train_group: NDArray[np.int64]
    test_group: NDArray[np.int64]
    train_raw: NDArray[np.float64]
    test_raw: NDArray[np.float64]
    train_moved: tuple[NDArray[np.uint8], ...] = ()

    def __post_init__(self) -> None:
        """Refuse spikes without classes, and classes without a sample to learn from or to test with.

        Raises
        ------
        TaskError
            Naming the part and the class.
        """
        for part in ("train", "test"):
            x, y = getattr(self, f"{part}_x"), getattr(self, f"{part}_y")
            if x.ndim != 3 or len(x) != len(y) or not len(x):
                raise TaskError(
                    f"task {self.name}: {part}ing spikes have shape {x.shape} for {len(y)} classes; accepted: "
                    "(samples, steps, channels), one class a sample, at least one"
                )
            empty = sorted(set(range(self.classes)) - set(y.tolist()))
            if empty:
                raise TaskError(f"task {self.name}: class {empty[0]} has no {part}ing sample")

        for moved in self.train_moved:
            if moved.shape != self.train_x.shape:
                raise TaskError(
                    f"task {self.name}: moved samples of shape {moved.shape}; accepted: {self.train_x.shape}"
                )

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.train_y.max(), self.test_y.max())) + 1

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return int(self.train_x.shape[2])

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return int(self.train_x.shape[1])
