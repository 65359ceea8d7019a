"""Recipes: reading, overrides, noise, hold-out, acceptance, provenance, figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from calibration.fitting.result import FitResult
from calibration.measured import Campaign, DataSource, Measured
from calibration.recipe import Recipe, RecipeError, load_recipe, parse_recipe, recipes
from calibration.recipe_data import jitter_from_residuals, prepare
from calibration.recipe_plots import plot_recipe
from calibration.recipe_run import RecipeResult, run_recipe
from measurements.load import load, read_virtual

TEXT = """
[recipe]
name = "decay"
title = "decays"
[data]
source = "none"
[[filter]]
column = "time"
above = "80 ms"
reason = "after the end of the record"
[[response]]
column = "i"
law = "dpi_decay"
likelihood = "lognormal"
sigma = 0.02
[parameters]
amplitude = { value = "50 pA", per = "name" }
tau = { value = "20 ms", per = "code" }
kappa = { value = 1.0, vary = false }
[[holdout]]
name = "left out"
parameter = "tau"
leave = "name"
only = ["a", "b"]
limit = 0.05
[[accept]]
parameter = "tau[5]"
low = 0.009
high = 0.011
"""


def campaign(seed: int = 1) -> Campaign:
    """Three virtual decays, two of one bias code, with a read floor."""
    rng = np.random.default_rng(seed)
    source = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
    time = np.linspace(0, 0.1, 41)
    curves = []
    for name, amplitude, code in (("a", 1e-10, 5.0), ("b", 3e-11, 5.0), ("c", 1e-10, 10.0)):
        i = amplitude * np.exp(-time / (0.05 / code)) + 1e-14
        i *= np.exp(0.02 * rng.standard_normal(41))
        curves.append(
            Measured(
                name,
                {"time": time, "i": i},
                {"time": "s", "i": "A"},
                {"code": code},
                source,
                {"i": 5e-14},
            )
        )
    return tuple(curves)


@pytest.fixture(scope="module")
def decays() -> RecipeResult:
    return run_recipe(parse_recipe(TEXT, "decay.toml"), campaign())


def test_recipe_fits_shared_and_per_condition_parameters(decays: RecipeResult) -> None:
    joint = decays.fits["joint"]
    assert joint.verdict == "GOOD", joint.reasons
    assert joint["tau[5]"].value == pytest.approx(1e-2, rel=0.01)
    assert joint["tau[10]"].value == pytest.approx(5e-3, rel=0.01)
    assert "i_floor" in joint.parameters


def test_excluded_rows_keep_their_reason_and_censored_values_are_counted(decays: RecipeResult) -> None:
    assert {(item.curve, item.reason) for item in decays.excluded} == {
        (name, "after the end of the record") for name in "abc"
    }
    assert sum(item.rows for item in decays.excluded) == 3 * 8
    assert decays.n_censored > 0
    assert decays.summary()["sources"][0]["kind"] == "virtual"


def test_holdout_trains_without_the_condition_and_predicts_it(decays: RecipeResult) -> None:
    left = [metric for metric in decays.metrics if metric.check == "left out"]
    assert [metric.subject for metric in left] == ["a", "b"]
    assert all(metric.passed for metric in left)
    assert all(abs(metric.error) < 0.02 for metric in left)


def test_holdout_of_an_unseen_group_is_refused_without_a_law_for_it() -> None:
    with pytest.raises(RecipeError, match="proportional"):
        run_recipe(
            parse_recipe(TEXT.replace('only = ["a", "b"]', 'only = ["c"]'), "decay.toml"),
            campaign(),
        )


def test_extrapolated_prediction_is_shown_but_not_judged() -> None:
    text = TEXT.replace('only = ["a", "b"]', 'only = ["c"]\nproportional = "code"')
    metric = run_recipe(parse_recipe(text, "decay.toml"), campaign()).metrics[0]
    assert metric.passed is None
    assert "extrapolated" in metric.note
    assert metric.value == pytest.approx(2e-2, rel=0.02)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sigma = 0.02", "sgima = 0.02", r"decay.toml, line 15: unknown key 'sgima' in \[\[response\]\]"),
        ('law = "dpi_decay"', 'law = "dpi_decai"', "line 13: unknown law 'dpi_decai'"),
        ('above = "80 ms"', 'above = "80 mSec"', "line 9: above = '80 mSec'"),
        ('likelihood = "lognormal"', 'likelihood = "cauchy"', "line 14: likelihood = 'cauchy'; accepted"),
        ('reason = "after the end of the record"', 'reason = " "', "a reason"),
        ("[data]\n", "[data\n", "decay.toml: "),
        ("limit = 0.05\n", "", r"\[\[holdout\]\] needs the key 'limit'"),
    ],
)
def test_mistakes_in_a_recipe_are_named_with_their_line(old: str, new: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(TEXT.replace(old, new), "decay.toml")


def test_filter_limit_in_the_unit_of_something_else_is_refused() -> None:
    with pytest.raises(RecipeError, match="limit in V, but a has s"):
        run_recipe(parse_recipe(TEXT.replace("80 ms", "80 mV"), "decay.toml"), campaign())


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="dpi_coach"):
        load_recipe("dpi_caoch")


@pytest.mark.parametrize("name", recipes())
def test_every_committed_recipe_is_readable(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title


def test_overrides_set_starts_fixed_values_and_conditions() -> None:
    recipe = load_recipe("dpi_coach").override(
        {"kappa.fixed": 0.7, "condition.temperature": 310.0, "rate": 5e3}
    )
    assert not recipe.parameters["kappa"].vary
    assert recipe.parameters["rate"].value == 5e3
    assert recipe.conditions["temperature"] == 310.0
    with pytest.raises(RecipeError, match="kapa"):
        recipe.override({"kapa": 0.7})


def test_data_without_the_column_is_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="no column 'v_syn'"):
        run_recipe(
            Recipe(**{**vars(load_recipe("dpi_coach")), "split": None}),  # type: ignore[arg-type]
            campaign(),
        )


def test_in_the_loop_recipe_without_a_simulator_says_how_to_run_it() -> None:
    with pytest.raises(RecipeError, match="spicetwin fit dpi_netlist"):
        run_recipe("dpi_netlist", campaign())


def test_jitter_estimate_recovers_the_spread_of_the_instants() -> None:
    rng = np.random.default_rng(3)
    rate = np.full(4000, 9.6)
    rate[2000:] = 0.0
    residual = 1e-3 * rng.standard_normal(4000) + rate * 7e-4 * rng.standard_normal(4000)
    found = jitter_from_residuals(1e-3, [residual], [rate], [np.zeros(4000)])
    assert found == pytest.approx(7e-4, rel=0.05)


def test_filter_per_square_uses_the_geometry_of_each_curve() -> None:
    recipe = load_recipe("fet_subthreshold_ihp")
    datasets, _ = prepare(recipe, read_virtual("ihp_sg13g2_idvg"))
    for dataset in datasets:
        ratio = float(dataset.conditions["l"]) / float(dataset.conditions["w"])
        assert float(np.max(dataset.y)) * ratio <= 1.0001e-7


@pytest.fixture(scope="module")
def virtual_coach() -> RecipeResult:
    return run_recipe("dpi_coach", read_virtual("coach_dpi"))


def test_dpi_coach_finds_the_truth_of_the_virtual_chip(virtual_coach: RecipeResult) -> None:
    joint = virtual_coach.fits["joint"]
    assert joint.verdict == "GOOD", joint.reasons
    low, high = joint.interval("kappa", 0.999)
    assert low <= 0.74 <= high
    assert high - low < 0.15
    for name, code in (("base", 25), ("tau_small", 10)):
        slope = 3.3 * code / 256 * 60e-12 / 2e-12
        low, high = joint.interval(f"slope[{name}]", 0.999)
        assert low <= slope <= high


def test_virtual_chip_samples_without_jitter_and_the_recipe_finds_little(virtual_coach: RecipeResult) -> None:
    assert virtual_coach.noise["v_syn time jitter (s)"] < 1e-4
    judged = [metric for metric in virtual_coach.metrics if metric.passed is not None]
    assert len(judged) == 7 + 6 + 1 + 1
    assert all(metric.passed for metric in judged), judged


def test_fet_recipe_finds_the_truth_of_the_virtual_transistors() -> None:
    result = run_recipe("fet_subthreshold_ihp", read_virtual("ihp_sg13g2_idvg"))
    found = {
        (median.where["polarity"], round(float(median.where["temperature"]))): median.median
        for median in result.medians
        if median.parameter == "kappa"
    }
    # The law ends at 100 nA per square, a quarter of the virtual specific current: kappa reads a few % low.
    assert found["n", 300] == pytest.approx(0.764, rel=0.06)
    assert found["p", 300] == pytest.approx(0.752, rel=0.12)


@pytest.mark.measured
def test_dpi_coach_on_silicon(mirror: Path) -> None:
    result = run_recipe("dpi_coach", load("coach_dpi", mirror, virtual=False))
    joint: FitResult = result.fits["joint"]
    assert joint.verdict == "GOOD", joint.reasons
    low, high = joint.interval("kappa")
    assert 0.68 < low < joint["kappa"].value < high < 0.78
    held_out = [m for m in result.metrics if "left out" in m.check and m.passed is not None]
    assert {m.subject for m in held_out} == {
        *("base", "weight_high", "weight_low", "thr_small", "pulse_short", "pulse_long", "tau_small")
    }
    assert all(abs(m.error) <= 0.05 for m in held_out), held_out
    recovered = [m for m in result.metrics if "against the V_syn trace" in m.check]
    assert len(recovered) == 7
    assert np.median([abs(m.error) for m in recovered]) < 0.02
    assert all(abs(m.error) < 0.025 for m in recovered), recovered


@pytest.mark.measured
def test_fet_recipe_on_silicon_agrees_with_the_medians_of_the_data_sheet(mirror: Path) -> None:
    result = run_recipe("fet_subthreshold_ihp", load("ihp_sg13g2_idvg", mirror, virtual=False))
    assert all(metric.passed for metric in result.metrics), result.metrics
    assert len(result.fits) == 108
    assert result.n_censored > 0


def test_profile_interval_on_demand_is_close_to_that_of_the_covariance() -> None:
    result = run_recipe(parse_recipe(TEXT, "decay.toml"), campaign(), profile=["tau[10]"])
    low, high = result.fits["joint"].interval("tau[10]")
    assert result.profiles["tau[10]"] == pytest.approx((low, high), rel=2e-3)
    assert result.summary()["profiles"]["tau[10]"][0] < 5e-3


def test_result_and_figure_are_written(decays: RecipeResult, tmp_path: Path) -> None:
    text = json.dumps(decays.to_dict(), allow_nan=False)
    assert json.loads(text)["results"]["joint"]["datasets"][0]["prediction"]
    plot_recipe(decays, tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.png"]


def test_ekv_recipe_finds_kappa_and_specific_current_of_the_virtual_transistors() -> None:
    result = run_recipe("fet_ekv_ihp", read_virtual("ihp_sg13g2_idvg"))
    found = {
        (median.where["polarity"], round(float(median.where["temperature"])), median.parameter): median.median
        for median in result.medians
    }
    assert found["n", 300, "kappa"] == pytest.approx(0.764, rel=0.01)
    assert found["p", 300, "kappa"] == pytest.approx(0.752, rel=0.01)
    for polarity, slope in (("n", -0.00023), ("p", -0.00019)):
        trend = result.trends[f"kappa, polarity {polarity}"]
        assert trend["coefficient"].value * trend["value_ref"].value == pytest.approx(slope, abs=1e-4)
