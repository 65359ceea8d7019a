"""Figures of a classifier, intervals over repetitions, and the plain linear baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pysim.tasks.spike_task import SpikeTask

IntArray = NDArray[np.int64]
LEVEL = 0.95


@dataclass(frozen=True)
class Score:
    """Figures of one classifier on one test.

    Attributes
    ----------
    accuracy, balanced
        Share of right answers, and its mean over classes.
    f1
        Of class 1 of a task with two classes, else the mean over classes.
    """

    accuracy: float
    balanced: float
    f1: float


def score(wanted: IntArray, given: IntArray, classes: int) -> Score:
    """Figures of the answers ``given``; a class without samples must not occur."""
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (wanted, given), 1)
    right = np.diag(confusion)
    recall = right / confusion.sum(axis=1)
    f1 = 2 * right / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    return Score(
        float(right.sum() / confusion.sum()),
        float(recall.mean()),
        float(f1[1] if classes == 2 else f1.mean()),
    )


def summary(values: Sequence[float]) -> dict[str, float | list[float]]:
    """Mean of shares with its 95 % interval (Student's t, cut to 0 to 1), standard deviation, the values themselves."""
    x = np.asarray(values, np.float64)
    mean = float(x.mean())
    sd = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(x) - 1) * sd / np.sqrt(len(x))) if len(x) > 1 else 0.0
    return {
        "mean": mean,
        "low": max(mean - half, 0.0),
        "high": min(mean + half, 1.0),
        "sd": sd,
        "values": x.tolist(),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and the interval that holds 95 % of the values (quantiles)."""
    low, high = np.quantile(values, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return {
        "mean": float(np.mean(values)),
        "low": float(low),
        "high": float(high),
        "count": float(len(values)),
    }


def importance(classes: IntArray, balance: bool) -> NDArray[np.float64]:
    """Weights of the classes: all 1, or such that all count the same."""
    count = np.bincount(classes)
    if not balance:
        return np.ones(len(count))
    return np.asarray(len(classes) / (len(count) * count))


def linear(task: SpikeTask, balance: bool) -> Score:
    """Logistic regression on what the spikes were made of (:attr:`SpikeTask.train_raw`)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(max_iter=5000, C=0.1, class_weight="balanced" if balance else None),
    )
    model.fit(task.train_raw, task.train_y)
    return score(task.test_y, model.predict(task.test_raw), task.classes)
