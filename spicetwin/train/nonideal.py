"""Non-idealities of the core injected into training, drawn anew for every batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spicetwin.train.settings import Spread

#: Length of the pool of noise numbers: long against a layer, short enough for the cache.
POOL = 1 << 16


class Nonideal:
    """Draws of a :class:`.settings.Spread`; ``restart`` sets the random stream."""

    def __init__(self, spread: Spread, *seed: int) -> None:
        """Draw from the stream of ``seed``."""
        self.drawn = spread
        self.restart(*seed)

    def restart(self, *seed: int) -> None:
        """Begin the stream of ``seed``."""
        self.generator = np.random.default_rng(seed)

    def _normal(self, shape: tuple[int, ...], like: Any) -> Any:
        return torch.from_numpy(self.generator.standard_normal(shape)).to(like.dtype)

    def mismatched(self, levels: Any) -> Any:
        """Weights with the mismatch of their capacitors."""
        if self.drawn.capacitor == 0.0:
            return levels
        return levels * (1.0 + self.drawn.capacitor * self._normal(tuple(levels.shape), levels))

    def spread(self, column: Any) -> Any:
        """Scan parameters of drawn columns; their state is counted from the threshold, which a comparator shifts."""
        drawn, shape = self.drawn, (column.shape[1],)
        h_gain, h_bias, z_gain, z_bias, start, z_unit = column.unbind(0)
        slope = 1.0 + drawn.gate_slope * self._normal(shape, column)
        lsb = z_gain / h_gain
        zero = drawn.gate_offset * self._normal(shape, column) + lsb * (
            drawn.line_offset * self._normal(shape, column)
        )
        threshold = drawn.comparator_offset * self._normal(shape, column)
        return torch.stack(
            [
                h_gain,
                h_bias + drawn.candidate_offset * self._normal(shape, column) - threshold,
                z_gain * slope,
                z_bias * slope + zero,
                start - threshold,
                z_unit * (1.0 - drawn.gate_loss),
            ]
        )

    def noise(self, samples: int, steps: int, columns: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Pool of noise numbers and the place in it of each sample and step."""
        if self.drawn.state_noise == 0.0:
            return np.zeros(1, dtype=np.float32), np.zeros((0, 0), dtype=np.int64)
        pool = (self.drawn.state_noise * self.generator.standard_normal(POOL + columns)).astype(np.float32)
        return pool, self.generator.integers(0, POOL, (samples, steps))
