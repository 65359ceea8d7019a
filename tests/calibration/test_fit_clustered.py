"""Covariance where data sets of one device share errors: honest where the ordinary one is far too narrow."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from calibration.fit import Dataset, FitError, FitResult, fit, law_model, law_parameters
from calibration.laws import get_law

LINE = get_law("line")
X = np.linspace(0.0, 1.0, 10)


def lines(rng: np.random.Generator, devices: int, offset: float) -> list[Dataset]:
    """y = 2 x + 1 of many devices, two data sets each, with one random offset per device."""
    found = []
    for device in range(devices):
        shift = offset * rng.standard_normal()
        for part in range(2):
            y = 2 * X + 1 + shift + 0.05 * rng.standard_normal(10)
            found.append(
                Dataset(f"{device}.{part}", {"x": X}, y, sigma=0.05, conditions={"device": str(device)})
            )
    return found


def solved(datasets: list[Dataset], cluster: str | None) -> FitResult:
    return fit(
        partial(law_model, law=LINE), datasets, law_parameters(LINE), relative_sigma=True, cluster=cluster
    )


def test_clustered_standard_error_is_the_spread_over_other_devices() -> None:
    rng = np.random.default_rng(11)
    pairs = [
        (solved(data, "device")["offset"], solved(data, None)["offset"])
        for data in (lines(rng, 25, 0.3) for _ in range(80))
    ]
    spread = float(np.std([robust.value for robust, _ in pairs]))
    robust = float(np.mean([one.stderr or 0.0 for one, _ in pairs]))
    ordinary = float(np.mean([one.stderr or 0.0 for _, one in pairs]))
    assert spread == pytest.approx(0.3 / 5, rel=0.2), "25 devices average their offsets"
    assert robust == pytest.approx(spread, rel=0.2)
    assert ordinary < 0.6 * spread
    inside = [abs(one.value - 1.0) < 2.06 * (one.stderr or 0.0) for one, _ in pairs]
    assert np.mean(inside) > 0.87


def test_without_shared_errors_both_covariances_agree() -> None:
    data = lines(np.random.default_rng(5), 60, 0.0)
    robust, ordinary = solved(data, "device")["slope"], solved(data, None)["slope"]
    assert robust.value == ordinary.value
    assert robust.stderr == pytest.approx(ordinary.stderr, rel=0.25)


def test_too_few_devices_leave_the_ordinary_intervals_and_say_so() -> None:
    data = lines(np.random.default_rng(6), 2, 0.1)
    few, ordinary = solved(data, "device"), solved(data, None)
    assert few["slope"].stderr == ordinary["slope"].stderr
    assert few.verdict == "POOR"
    assert few.reasons == ("too few values of device for intervals that hold for another",)


def test_unknown_condition_to_share_errors_by_is_refused() -> None:
    with pytest.raises(FitError, match=r"0\.0 has no condition 'chip'"):
        solved(lines(np.random.default_rng(7), 3, 0.1), "chip")
