"""Small default task: the 8 x 8 digits inside scikit-learn, 64 steps, nothing to download."""

from __future__ import annotations

import numpy as np

from pysim.tasks.task import Task, TaskError

#: Share of each class kept for the test.
TEST_SHARE = 0.2
_FULL_SCALE = 16


def digits(seed: int = 0) -> Task:
    """1,797 handwritten digits, a fifth of each class for the test, drawn with ``seed``.

    Grey values 0..16 become 0..255. Writers are not labelled in the data, so the test holds digits, not
    writers, that the training did not see.

    Raises
    ------
    TaskError
        When scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise TaskError(
            "the digits lie inside scikit-learn, which is not installed: pip install 'spicetwin[train]'"
        ) from error
    data = load_digits()
    x = np.rint(data.images * (255.0 / _FULL_SCALE)).astype(np.uint8)
    y = data.target.astype(np.int64)
    rng = np.random.default_rng(seed)
    test = np.zeros(len(y), dtype=np.bool_)
    for digit in range(10):
        members = rng.permutation(np.flatnonzero(y == digit))
        test[members[: round(TEST_SHARE * len(members))]] = True
    return Task("digits", x[~test], y[~test], x[test], y[test])
