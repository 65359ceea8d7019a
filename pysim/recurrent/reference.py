"""NumPy definition of a recurrent DPI network's steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def forward(
    decay: FloatArray,
    jump: FloatArray,
    keep: FloatArray,
    threshold: FloatArray,
    x: NDArray[np.uint8],
    voltage: FloatArray,
    fired: NDArray[np.uint8],
) -> None:
    """Fill ``voltage`` (samples, steps, targets) and ``fired`` (samples, steps, neurons); symbols as in
    :mod:`.network`, ``jump`` with the weights in it.
    """
    samples, steps, _ = x.shape
    neurons = threshold.size
    v = np.zeros((samples, keep.size))
    current = np.zeros((samples, *decay.shape))
    for t in range(steps):
        v = keep * v + current.sum(axis=1)
        s = v[:, :neurons] >= threshold
        voltage[:, t], fired[:, t] = v, s
        v[:, :neurons] = np.where(s, 0.0, v[:, :neurons])
        arrived = np.concatenate([x[:, t].astype(np.float64), s.astype(np.float64)], axis=1)
        current = decay * current + arrived[:, :, None] * jump
