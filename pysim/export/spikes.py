"""Comparison of spikes that a receiving tool found with the twin's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pysim.population import Spikes

FloatArray = NDArray[np.float64]


def unmatched(twin: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Share of spikes (samples, steps, neurons) without one of the other side in the same step."""
    total = int(twin.sum() + found.sum())
    return float(2 * np.count_nonzero(twin != found) / (2 * total)) if total else 0.0


def largest_shift(twin: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Largest shift of a spike in steps, by order within its neuron; infinite where their numbers differ."""
    worst = 0.0
    for a, b in zip(np.moveaxis(twin, 1, -1), np.moveaxis(found, 1, -1), strict=True):
        for x, y in zip(a, b, strict=True):
            worst = max(worst, shift_of(np.flatnonzero(x), np.flatnonzero(y)))
    return worst


def shift_of(twin: NDArray[np.int64] | FloatArray, found: NDArray[np.int64] | FloatArray) -> float:
    """Largest difference of two trains in order; infinite where their numbers differ."""
    if twin.shape != found.shape:
        return float("inf")
    return float(np.abs(twin - found).max()) if twin.size else 0.0


def population_shift(twin: Spikes, neuron: NDArray[np.int64], time: FloatArray) -> float:
    """Largest shift (s) of a spike of the first chip; infinite where a neuron's numbers of spikes differ.

    A spike within a millionth of the end may fall to either side of it.
    """
    last = twin.duration * (1.0 - 1e-6)
    worst = 0.0
    for k in range(twin.shape[1]):
        mine, other = twin.of(0, k), np.sort(time[neuron == k])
        worst = max(worst, shift_of(mine[mine < last], other[other < last]))
    return worst
