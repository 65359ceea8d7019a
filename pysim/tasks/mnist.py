"""Sequential MNIST: 28 x 28 pixels one by one, 784 steps; 60,000 training and 10,000 test digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.idx import read_idx
from pysim.tasks.task import Task, TaskError


def mnist(folder: Path) -> Task:
    """MNIST from the four idx files in ``folder``, compressed (``.gz``) or not.

    Raises
    ------
    TaskError
        When a file is absent or damaged, or images and labels do not fit together.
    """
    train_x, train_y = _part(folder, "train")
    test_x, test_y = _part(folder, "t10k")
    return Task("mnist", train_x, train_y, test_x, test_y)


def _part(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte"), 1)
    return read_idx(_find(folder, f"{part}-images-idx3-ubyte"), 3), labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise TaskError(f"{folder}: holds no {name}.gz; accepted: a folder with the four idx files of MNIST")
