"""A classification task with a fixed split into training and test samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError


class TaskError(ModelError):
    """The data of a task are absent or not what they should be; the message says where and what is accepted."""


@dataclass(frozen=True)
class Task:
    """Images with their classes.

    Attributes
    ----------
    name
        Label.
    train_x, test_x
        Grey values 0..255, uint8, shape (samples, height, width); presented pixel by pixel, row after row.
    train_y, test_y
        Classes from 0 on, int64, shape (samples,).
    """

    name: str
    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse images without classes and the other way round.

        Raises
        ------
        TaskError
            When shapes do not fit.
        """
        for part, x, y in (("train", self.train_x, self.train_y), ("test", self.test_x, self.test_y)):
            if x.ndim != 3 or y.shape != x.shape[:1] or x.shape[1:] != self.train_x.shape[1:]:
                raise TaskError(
                    f"task {self.name}, {part}: images {x.shape} with classes {y.shape}; accepted: "
                    "(samples, height, width) with (samples,), one size of images"
                )
            if len(y) == 0 or y.min() < 0:
                raise TaskError(f"task {self.name}, {part}: no samples, or a negative class")

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.train_y.max(), self.test_y.max())) + 1

    @property
    def steps(self) -> int:
        """Pixels of an image, which are the steps of a sequence."""
        return int(self.train_x.shape[1] * self.train_x.shape[2])

    @property
    def test_pixels(self) -> NDArray[np.float64]:
        """Test sequences in [0, 1], shape (samples, steps)."""
        return self.test_x.reshape(len(self.test_x), -1) / 255.0
