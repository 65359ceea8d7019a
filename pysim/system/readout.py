"""Digital read-out of a mixed network: from what the last layer did to classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEATURES = ("mean_output", "mean_state", "last_state", "rate", "peak")


@dataclass(frozen=True)
class LinearReadout:
    """Matrix on a feature of the last layer; the largest score is the class.

    Attributes
    ----------
    weight, bias
        Shapes (neurons, classes) and (classes,).
    feature
        Out of :data:`FEATURES`; which of them there are depends on the last layer.
    """

    weight: FloatArray
    bias: FloatArray
    feature: str = "mean_output"

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            For shapes that do not fit or numbers that are not finite.
        """
        weight, bias = np.asarray(self.weight, np.float64), np.asarray(self.bias, np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[1:] or self.feature not in FEATURES:
            raise ModelError(
                f"read-out: weight {weight.shape}, bias {bias.shape}, feature {self.feature!r}; accepted: "
                f"(neurons, classes), (classes,), one of {', '.join(FEATURES)}"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ModelError("read-out: a number is not finite; accepted: finite weights and biases")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def scores(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Scores, shape (samples, classes).

        Raises
        ------
        ModelError
            When the last layer has no such feature.
        """
        if self.feature not in features:
            raise ModelError(
                f"the last layer has no feature {self.feature!r}; accepted: {', '.join(features)}"
            )
        return np.asarray(features[self.feature] @ self.weight + self.bias)


def counting(neurons: int, feature: str = "mean_output") -> LinearReadout:
    """The neuron that was 1 most often, or has the largest number of another feature, is the class."""
    return LinearReadout(np.eye(neurons), np.zeros(neurons), feature)


def ridge(
    features: FloatArray, labels: IntArray, feature: str = "mean_output", strength: float = 1e-3
) -> LinearReadout:
    """Read-out by regularised least squares on targets of +-1, features brought to unit spread.

    Closed form w = (X'X + strength n 1)^-1 X'Y (Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634); a
    feature that never changes gets no weight.

    Parameters
    ----------
    features, labels
        Shapes (samples, neurons) and (samples,); of training samples, never of the test's.
    """
    classes = int(labels.max()) + 1
    mean, spread = features.mean(axis=0), features.std(axis=0)
    alive = spread > 1e-12
    x = np.where(alive, (features - mean) / np.where(alive, spread, 1.0), 0.0)
    y = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    gram = x.T @ x + strength * len(x) * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, x.T @ (y - y.mean(axis=0)))
    weight = np.where(alive[:, None], weight / np.where(alive, spread, 1.0)[:, None], 0.0)
    return LinearReadout(weight, y.mean(axis=0) - mean @ weight, feature)
