"""Adam and its learning rate, for trainings in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


class Adam:
    """Moments of one array of weights (Kingma and Ba 2015, arXiv:1412.6980)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Begin without any."""
        self._first, self._second, self._number = np.zeros(shape), np.zeros(shape), 0

    def step(self, slope: FloatArray, rate: float) -> FloatArray:
        """What to take from the weights, given their gradient."""
        self._number += 1
        self._first = _FIRST * self._first + (1 - _FIRST) * slope
        self._second = _SECOND * self._second + (1 - _SECOND) * slope**2
        mean = self._first / (1 - _FIRST**self._number)
        power = self._second / (1 - _SECOND**self._number)
        return np.asarray(rate * mean / (np.sqrt(power) + _TINY))


def cooled(share: float) -> float:
    """Learning rate over its first value, ``share`` of the training done."""
    return 1.0 if share < 0.5 else 0.2 if share < 0.8 else 0.05
