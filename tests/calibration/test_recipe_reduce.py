"""Reductions of a recipe: statistics with their errors, histograms, small groups, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.measured import DataSource, Measured
from calibration.recipe import RecipeError, Reduction, parse_recipe
from calibration.recipe_reduce import reduced
from calibration.recipe_run import run_recipe

SOURCE = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")


def cells(n: int = 4000, seed: int = 2) -> Measured:
    """Two voltages with log-normal resistances of 10 and 20 kohm, and three cells at a third voltage."""
    rng = np.random.default_rng(seed)
    v = np.concatenate([np.ones(n), np.full(n, 2.0), np.full(3, 3.0)])
    r = 1e4 * v * np.exp(0.3 * rng.standard_normal(len(v)))
    return Measured("cells", {"v": v, "r": r}, {"v": "V", "r": "ohm"}, {"array": 1.0}, SOURCE)


@pytest.mark.parametrize(
    ("statistic", "below", "expected", "error"),
    [
        ("median", None, 1e4, 1e4 * 0.3 * np.sqrt(np.pi / 2)),
        ("mean", None, 1e4 * np.exp(0.045), 1e4 * np.exp(0.045) * np.sqrt(np.exp(0.09) - 1)),
        ("log_width", None, 0.3, 0.3 * 0.93),
        ("share", 1e4, 0.5, 0.5),
    ],
)
def test_statistic_and_its_error_are_those_of_the_distribution(
    statistic: str, below: float | None, expected: float, error: float
) -> None:
    rule = Reduction("r", statistic, ("v",), 10, below)  # type: ignore[arg-type]
    found = reduced(cells(), rule)
    assert found["v"].tolist() == [1.0, 2.0]
    assert found["r"][0] == pytest.approx(expected, rel=0.05)
    assert found["r_sigma"][0] == pytest.approx(error / np.sqrt(4000), rel=0.1)
    assert found.conditions == {"array": 1.0}
    assert found.exclusions[0].rows == 3


def test_error_of_a_spread_follows_repeated_draws() -> None:
    rule = Reduction("r", "spread", ("v",), 10)
    many = [reduced(cells(400, seed), rule) for seed in range(200)]
    scatter = np.std([one["r"][0] for one in many])
    assert np.median([one["r_sigma"][0] for one in many]) == pytest.approx(scatter, rel=0.2)


def test_histogram_counts_all_rows_with_open_ends() -> None:
    rule = Reduction("r", "counts", ("v",), 10, edges=(8e3, 2.5e4), bins=20)
    found = reduced(cells(), rule)
    assert found.rows == 2 * 22
    first = found["v"] == 1.0
    assert found["counts"][first].sum() == 4000 == found["total"][0]
    assert found["counts"][first][0] == np.count_nonzero(cells()["r"][:4000] < 8e3)
    assert np.all(found["high"][first][:-1] == found["low"][first][1:])


def test_reduction_of_a_missing_column_or_of_too_few_rows_is_refused() -> None:
    with pytest.raises(RecipeError, match="no column 'q' to reduce; it has v, r"):
        reduced(cells(), Reduction("q", "median", ()))
    with pytest.raises(RecipeError, match="no group of 9000 rows by v"):
        reduced(cells(), Reduction("r", "median", ("v",), 9000))


TEXT = """
[recipe]
name = "medians"
title = "medians"
[data]
source = "none"
[reduce]
column = "r"
statistic = "median"
by = ["v"]
minimum = 10
[[response]]
column = "r"
law = "power_law"
likelihood = "lognormal"
sigma_column = "r_sigma"
inputs = { x = "v" }
[parameters]
scale = { value = 9e3 }
x_ref = { value = 1.0, vary = false }
exponent = { value = 0.5 }
[[residual]]
name = "largest"
response = "r"
limit = 0.05
measure = "largest"
[[predict]]
name = "together"
leave = "v"
together = [7.0]
limit = 0.1
"""


def test_recipe_fits_the_reduced_rows_with_their_errors() -> None:
    text = TEXT[: TEXT.index("[[predict]]")]
    result = run_recipe(parse_recipe(text, "medians.toml"), (cells(),))
    joint = result.fits["joint"]
    assert joint.n_points == 2
    assert joint["exponent"].value == pytest.approx(1.0, abs=0.05)
    assert joint["exponent"].stderr == pytest.approx(0.3 * 1.2533 * np.sqrt(2 / 4000) / np.log(2), rel=0.1)
    assert result.metrics[0].error < 0.01


def test_values_left_out_together_must_be_in_the_data() -> None:
    with pytest.raises(RecipeError, match="together: no data at x = 7; they have 1, 2"):
        run_recipe(parse_recipe(TEXT.replace('leave = "v"', 'leave = "x"'), "m.toml"), (cells(),))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('statistic = "median"', 'statistic = "mode"', "statistic = 'mode'; accepted: median"),
        ('statistic = "median"', 'statistic = "share"', "a share needs below"),
        ('measure = "largest"', 'measure = "most"', "measure = 'most'; accepted: rms, largest, distance"),
        ('statistic = "median"', 'statistic = "median"\nbelow = 3', "a share needs below"),
    ],
)
def test_mistakes_in_a_reduction_are_named(old: str, new: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(TEXT.replace(old, new), "medians.toml")
