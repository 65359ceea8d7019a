"""MIM capacitors: law, reader, recipe on virtual structures of known truth and on silicon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.laws import get_law
from calibration.measured import Campaign, DataSource, Measured, Origin, ReadError
from calibration.readers.mim import read_sky130_mim
from calibration.recipe import RecipeError, load_recipe
from calibration.recipe_metric import Metric
from calibration.recipe_run import RecipeResult, run_recipe
from measurements.load import load

SOURCE = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
C_AREA, C_PERIM, VCC1, VCC2 = 1.9e-3, 1.8e-10, -1e-5, 4e-5
LAYOUTS = {
    "large_4530": (40e-6, 40e-6, 11),
    "large_4546": (40e-6, 40e-6, 11),
    "area_4532": (35e-6, 35e-6, 5),
    "periphery_4532": (2e-6, 35e-6, 72),
}
LEFT_OUT = "C0 from area and perimeter, stack m3: left out"


def structures(noise: float = 80e-6, factors: dict[str, float] | None = None, seed: int = 4) -> Campaign:
    """Virtual arrays that differ from the law by 0.1 % of mismatch, and by ``factors``."""
    rng = np.random.default_rng(seed)
    v = np.linspace(-3.3, 3.3, 331)
    curves = []
    for name, (w, length, count) in LAYOUTS.items():
        area, perimeter = w * length * count, 2 * (w + length) * count
        c0 = (C_AREA * area + C_PERIM * perimeter) * (1 + 1e-3 * rng.standard_normal())
        c0 *= (factors or {}).get(name, 1.0)
        c = c0 * (1 + VCC1 * v + VCC2 * v**2) * (1 + noise * rng.standard_normal(v.size))
        conditions: dict[str, float | str] = {"stack": "m3", "area": area, "perimeter": perimeter}
        curves.append(Measured(name, {"v": v, "c": c}, {"v": "V", "c": "F"}, conditions, SOURCE))
    return tuple(curves)


@pytest.fixture(scope="module")
def virtual() -> RecipeResult:
    return run_recipe("mim_sky130", structures())


def left_out(result: RecipeResult) -> dict[str, Metric]:
    return {metric.subject: metric for metric in result.metrics if metric.check.startswith(LEFT_OUT)}


def test_recipe_finds_the_truth_of_virtual_capacitors(virtual: RecipeResult) -> None:
    assert virtual.verdict == "GOOD", virtual.metrics
    trend = virtual.trends["C0 from area and perimeter, stack m3"]
    for name, truth in (("c_area", C_AREA), ("c_perim", C_PERIM)):
        low, high = trend.interval(name, 0.99)
        assert low <= truth <= high
    for fitted in virtual.fits.values():
        low, high = fitted.interval("vcc2", 0.999)
        assert low <= VCC2 <= high
        assert high - low < 2e-5


def test_structure_left_out_is_judged_only_where_the_others_hold_the_law(virtual: RecipeResult) -> None:
    found = left_out(virtual)
    assert set(found) == set(LAYOUTS)
    assert all(abs(found[name].error) < 0.01 for name in ("large_4530", "large_4546", "area_4532"))
    assert found["periphery_4532"].passed is None
    assert "perimeter term" in found["periphery_4532"].note


def test_structure_off_the_law_by_a_twentieth_is_found_by_leaving_it_out() -> None:
    result = run_recipe("mim_sky130", structures(factors={"area_4532": 1.05}))
    assert result.verdict == "POOR"
    found = left_out(result)["area_4532"]
    assert found.passed is False
    assert found.error == pytest.approx(-0.05, abs=0.01)


def test_noise_above_the_limit_of_the_residual_is_reported() -> None:
    result = run_recipe("mim_sky130", structures(noise=300e-6))
    residuals = [metric for metric in result.metrics if metric.check == "rms residual of C(V)"]
    assert len(residuals) == 4
    assert all(metric.passed is False for metric in residuals)
    assert residuals[0].value == pytest.approx(300e-6, rel=0.15)


def test_voltage_dependence_left_out_of_the_law_shows_in_the_residual() -> None:
    recipe = load_recipe("mim_sky130").override({"vcc2.fixed": 0.0})
    result = run_recipe(replace(recipe, acceptances=()), structures(noise=20e-6))
    # The rms of 40 ppm/V^2 V^2 over 3.3 V about its mean is 40e-6 3.3^2 sqrt(4/45) = 130 ppm.
    assert result.metrics[0].value == pytest.approx(130e-6, rel=0.05)


def test_single_structure_of_a_user_is_fitted_and_says_what_it_cannot_hold() -> None:
    result = run_recipe("mim_sky130", structures()[:1])
    assert result.verdict == "GOOD"
    assert "C0 from area and perimeter, stack m3" not in result.trends
    shown = [metric for metric in result.metrics if metric.passed is None]
    assert [metric.note for metric in shown] == [
        "not possible: 1 values cannot determine 2 parameters",
        "not possible: it is the only fit",
    ]


def test_curves_of_another_stack_are_not_fitted() -> None:
    with pytest.raises(RecipeError, match="no rows are left"):
        run_recipe("mim2_sky130", structures())


def test_capacitance_of_a_unit_capacitor_from_area_and_perimeter() -> None:
    law = get_law("mim_geometry")
    params = {"c_area": 1.87e-3, "c_perim": 1.77e-10, "c_fixed": 0.0}
    # 1 um by 1 um: 1.87 fF of area and 4 um times 0.177 fF/um of edge.
    found = law({"area": [1e-12], "perimeter": [4e-6]}, params)
    assert found[0] == pytest.approx(2.578e-15)


def mdm(tmp_path: Path, name: str, column: str = "cbc") -> Path:
    path = tmp_path / name
    path.write_text(
        "BEGIN_HEADER\n ICCAP_INPUTS\n  vbc V B C CM 0.1 LIN 1 -1 1 3 1\n"
        f" ICCAP_OUTPUTS\n  {column} C B C CM B\nEND_HEADER\nBEGIN_DB\n #vbc {column}\n"
        " -1 1.0e-12\n 0 1.1e-012\n 1 1.2e-12\nEND_DB\n"
    )
    return path


def test_reader_takes_the_geometry_of_the_whole_array_from_the_file_name(tmp_path: Path) -> None:
    path = mdm(tmp_path, "periphery_intensive_mim2_cap_2_by_35_m72(4542_1_2).mdm")
    (curve,) = read_sky130_mim([path], Origin("virtual", "Apache-2.0", "test"))
    assert curve.name == "periphery_4542"
    assert curve.conditions["stack"] == "m4"
    assert curve.number("area") == pytest.approx(72 * 70e-12)
    assert curve.number("perimeter") == pytest.approx(72 * 74e-6)
    assert curve["c"].tolist() == [1.0e-12, 1.1e-12, 1.2e-12]


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("mim_cap.mdm", "cbc", "does not state the geometry"),
        ("large_mim_cap_40_by_40_m11(4530_1_2).mdm", "gbc", "not a MIM C\\(V\\) file"),
    ],
)
def test_file_that_is_no_mim_curve_is_refused(tmp_path: Path, name: str, column: str, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read_sky130_mim([mdm(tmp_path, name, column)], Origin("virtual", "Apache-2.0", "test"))


@pytest.mark.measured
def test_mim_recipe_on_silicon_meets_its_limits(mirror: Path) -> None:
    result = run_recipe("mim_sky130", load("sky130_mim_cv", mirror, virtual=False))
    assert result.verdict == "GOOD", result.metrics
    residuals = [metric for metric in result.metrics if metric.check == "rms residual of C(V)"]
    assert len(residuals) == 4
    assert all(metric.value <= 200e-6 for metric in residuals)
    assert all(abs(m.error) <= 0.03 for m in left_out(result).values() if m.passed is not None)
    published = [m for m in result.metrics if "open PDK" in m.check]
    assert len(published) == 4
    assert all(abs(metric.error) < 0.01 for metric in published)
    trend = result.trends["C0 from area and perimeter, stack m3"]
    low, high = trend.interval("c_perim")
    assert low < 1.9e-10 < high, "the open PDK's perimeter term lies in the interval found"


@pytest.mark.measured
def test_upper_mim_of_silicon_is_honestly_poor(mirror: Path) -> None:
    result = run_recipe("mim2_sky130", load("sky130_mim_cv", mirror, virtual=False))
    assert result.verdict == "POOR"
    errors = [m.error for m in result.metrics if "left out" in m.check and m.passed is False]
    assert sorted(round(error, 3) for error in errors) == [-0.047, 0.049]


@pytest.mark.measured
def test_stacked_capacitor_is_the_sum_of_its_two_halves(mirror: Path) -> None:
    at_zero = {
        curve.name: float(np.polyfit(curve["v"], curve["c"], 2)[2]) for curve in load("sky130_mim_cv", mirror)
    }
    total = at_zero["large_4530"] + at_zero["large_4541"]
    assert at_zero["stacked_4548"] == pytest.approx(total, rel=0.005)
