"""Virtual truth: 95 % intervals of repeated fits hold the true value in 90 to 98 % of 200 repeats."""

from __future__ import annotations

import pytest

from benchmarks.coverage import LIMITS, PROBLEMS, REPEATS, coverage


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_intervals_of_two_hundred_fits_cover_the_truth(name: str) -> None:
    for parameter, share in coverage(name, REPEATS).items():
        assert LIMITS[0] <= share <= LIMITS[1], parameter


@pytest.mark.parametrize("name", ["decay_censored", "tau_law"])
def test_intervals_of_forty_fits_are_neither_blind_nor_narrow(name: str) -> None:
    for parameter, share in coverage(name, 40).items():
        assert share >= 0.82, parameter
    assert all(share < 0.95 for share in coverage(name, 40, level=0.6).values())
