"""Bias points of a calibration: a space-filling design over a box of biases and temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc


@dataclass(frozen=True)
class Range:
    """Closed range of one input; ``log`` ranges are sampled in the logarithm."""

    low: float
    high: float
    unit: str
    log: bool = True

    def at(self, fraction: float) -> float:
        """Value at a fraction 0..1 of the range."""
        if self.log:
            return float(self.low * (self.high / self.low) ** fraction)
        return float(self.low + fraction * (self.high - self.low))


Box = Mapping[str, Range]


def corners_and_fill(box: Box, n: int, seed: int) -> tuple[dict[str, float], ...]:
    """``n`` points: a scrambled Sobol sequence stretched so that its extremes touch the ends of every range.

    The box is a domain of interpolation only if points lie on its faces, which a plain sequence never does.
    """
    raw = _sobol(len(box), n, seed)
    low, high = raw.min(axis=0), raw.max(axis=0)
    return _points(box, (raw - low) / (high - low))


def inside(box: Box, n: int, seed: int) -> tuple[dict[str, float], ...]:
    """``n`` points inside the box, none of which a design of another seed holds."""
    return _points(box, _sobol(len(box), n, seed))


def _sobol(dimensions: int, n: int, seed: int) -> np.ndarray:
    power = max(int(np.ceil(np.log2(max(n, 2)))), 1)
    return qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random_base2(power)[:n]


def _points(box: Box, fractions: np.ndarray) -> tuple[dict[str, float], ...]:
    return tuple(
        {name: r.at(float(f)) for (name, r), f in zip(box.items(), row, strict=True)} for row in fractions
    )
