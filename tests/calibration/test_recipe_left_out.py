"""What recipes may leave out and select: curves by condition, rows between limits, predictions of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.measured import Campaign, DataSource, Measured
from calibration.recipe import RecipeError, parse_recipe
from calibration.recipe_run import run_recipe

TEXT = """
[recipe]
name = "lines"
title = "lines"
[data]
source = "none"
where = { kind = "good" }
[[filter]]
column = "x"
between = ["1.5 V", "2.5 V"]
reason = "a kink"
[[response]]
column = "y"
law = "line"
likelihood = "gaussian"
sigma = 0.01
[parameters]
slope = { value = 1.0 }
offset = { value = 0.5 }
[[residual]]
name = "residual"
response = "y"
limit = 0.02
[[predict]]
name = "group left out"
leave = "group"
limit = 0.05
only = ["1", "2"]
note = "odd one"
[[predict]]
name = "row left out"
leave = "x"
where = { group = 2.0 }
limit = 0.05
"""


def campaign(odd: float = 1.0) -> Campaign:
    """Lines y = 2 x + 1, one of which is scaled; a curve of another kind is nonsense."""
    rng = np.random.default_rng(0)
    x = np.arange(0.0, 5.0)
    source = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
    curves = []
    for group, scale, kind in ((1.0, 1.0, "good"), (2.0, 1.0, "good"), (3.0, odd, "good"), (4.0, 9.0, "bad")):
        y = scale * (2 * x + 1) + 0.01 * rng.standard_normal(5)
        y[2] += 5.0
        units = {"x": "V", "y": "1"}
        curves.append(
            Measured(f"g{group:g}", {"x": x, "y": y}, units, {"group": group, "kind": kind}, source)
        )
    return tuple(curves)


def test_curves_are_selected_and_rows_between_limits_are_left_out() -> None:
    result = run_recipe(parse_recipe(TEXT, "lines.toml"), campaign())
    joint = result.fits["joint"]
    assert joint.n_points == 3 * 4
    assert joint["slope"].value == pytest.approx(2.0, abs=0.01)
    assert {(item.curve, item.rows) for item in result.excluded} == {("g1", 1), ("g2", 1), ("g3", 1)}
    assert result.verdict == "GOOD", result.metrics


def test_every_group_is_predicted_by_the_others_and_only_the_named_ones_are_judged() -> None:
    result = run_recipe(parse_recipe(TEXT, "lines.toml"), campaign(odd=1.5))
    found = {m.subject: m for m in result.metrics if m.check == "group left out"}
    assert found["3"].passed is None
    assert found["3"].value == pytest.approx(np.log(1.5), rel=0.03)
    assert found["3"].note.endswith("odd one")
    assert found["1"].passed is False, "trained with the odd one, the fit misses the good lines"


def test_rows_of_some_curves_are_left_out_by_an_input() -> None:
    metrics = run_recipe(parse_recipe(TEXT, "lines.toml"), campaign()).metrics
    found = [m for m in metrics if m.check == "row left out"]
    assert [m.subject for m in found] == ["0", "1", "3", "4"]
    assert all(m.passed for m in found)


def test_data_of_one_group_are_fitted_without_a_prediction() -> None:
    result = run_recipe(parse_recipe(TEXT, "lines.toml"), campaign()[:1])
    assert result.fits["joint"].verdict == "GOOD"
    (metric,) = [m for m in result.metrics if m.check == "group left out"]
    assert metric.passed is None
    assert metric.note == "not possible: all data have group = 1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('leave = "group"', 'leave = "gruop"', "no condition or input 'gruop'"),
        ('kind = "good"', 'kind = "none"', "no rows are left"),
        ('response = "y"', 'response = "z"', "no fit of 'z'"),
        ('["1.5 V", "2.5 V"]', '["2.5 V", "1.5 V"]', "between must be two rising values"),
        ("where = { group = 2.0 }", "whree = 1", r"unknown key 'whree' in \[\[predict\]\]"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        run_recipe(parse_recipe(TEXT.replace(old, new), "lines.toml"), campaign())
