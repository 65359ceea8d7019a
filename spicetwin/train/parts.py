"""Samples held out of a training set, source by source and class by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Part of the training samples of every class of every source (record, speaker) that is held out: the last ones.
HELD_OUT = 0.2


def held_out(group: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The last fifth of the samples of every class of every source."""
    held = np.zeros(len(group), np.bool_)
    for pair in np.unique(np.stack([group, classes]), axis=1).T:
        own = np.flatnonzero((group == pair[0]) & (classes == pair[1]))
        held[own[round((1.0 - HELD_OUT) * len(own)) :]] = True
    return held
