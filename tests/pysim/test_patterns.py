import numpy as np
import pytest

from pysim.tasks.patterns import patterns
from pysim.tasks.task import TaskError


def test_patterns_are_equal_for_equal_seeds_and_separable_from_unseen_samples() -> None:
    one, two = patterns(3), patterns(3)
    assert np.array_equal(one.test_x, two.test_x)
    assert not np.array_equal(one.test_x, patterns(4).test_x)
    centres = np.stack([one.train_raw[one.train_y == c].mean(axis=0) for c in range(one.classes)])
    distance = ((one.test_raw[:, None] - centres) ** 2).sum(axis=2)
    assert np.mean(distance.argmin(axis=1) == one.test_y) > 0.95


def test_rate_of_a_sample_is_what_is_kept_and_added() -> None:
    task = patterns(1, rate=0.05, samples=400)
    assert task.train_x.mean() == pytest.approx(0.05 * (0.7 + 0.3), rel=0.1)


def test_fewer_samples_than_classes_are_refused() -> None:
    with pytest.raises(TaskError, match=r"a sample for every class"):
        patterns(classes=5, samples=3)
