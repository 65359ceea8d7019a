"""Transistor switches: limits of the laws, recipes on virtual switches of known truth and on silicon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.laws import get_law
from calibration.laws.law import BOLTZMANN, CHARGE, FloatArray, thermal_voltage
from calibration.laws.switch import T_REF
from calibration.measured import Campaign, DataSource, Measured
from calibration.recipe import load_recipe
from calibration.recipe_run import run_recipe
from measurements.load import load
from measurements.virtual.switches import SWITCHES

SOURCE = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
ON = {
    "gain": 3e-4,
    "exponent": 1.5,
    "theta1": 0.3,
    "theta2": 0.1,
    "l_end": 4e-8,
    "dw": 1e-8,
    "v_offset": 0.02,
    "tc_vt": -7e-4,
    "body": 0.3,
    "phi": 0.7,
    "slope": 1.4,
}
PLAIN = ON | {"theta1": 0.0, "theta2": 0.0, "l_end": 0.0, "dw": 0.0, "v_offset": 0.0}
WIDTHS = (0.5e-6, 1e-6, 2e-6, 5e-6)
LENGTHS = (0.2e-6, 0.5e-6, 1e-6, 5e-6)
OFF = {"i_ref": 1e-5, "activation": 0.45, "dibl": 0.02, "i_band": 3e-7}


def r_on(params: Mapping[str, float], **inputs: float) -> float:
    given = {"v_gs": 1.2, "v_sb": 0.0, "temperature": T_REF, "w": 1e-6, "l": 1e-6, "v_t": 0.3} | inputs
    return float(get_law("switch_on")(given, params))


def i_off(**inputs: float) -> float:
    return float(get_law("switch_off")({"temperature": T_REF, "v_ds": 0.6, "w": 1e-6} | inputs, OFF))


def test_on_resistance_in_strong_inversion_is_that_of_the_long_channel() -> None:
    expected = 1.0 / (3e-4 * (1.2 - 0.3 - 1.4 * 0.025))
    assert r_on(PLAIN) == pytest.approx(expected, rel=1e-3)
    assert r_on(PLAIN, w=2e-6) == pytest.approx(r_on(PLAIN) / 2, rel=1e-12)
    assert r_on(PLAIN, l=3e-6) == pytest.approx(3 * r_on(PLAIN), rel=1e-12)


def test_on_resistance_in_weak_inversion_falls_with_the_slope_factor() -> None:
    ratio = r_on(PLAIN, v_gs=0.0) / r_on(PLAIN, v_gs=0.01)
    expected = 0.01 / (1.4 * float(thermal_voltage(T_REF)))
    assert math.log(ratio) == pytest.approx(expected, rel=0.01)


def test_body_bias_and_cold_raise_the_threshold() -> None:
    shift = 0.3 * (math.sqrt(0.7 + 0.6) - math.sqrt(0.7))
    assert r_on(PLAIN, v_sb=0.6) == pytest.approx(r_on(PLAIN, v_gs=1.2 - shift), rel=1e-9)
    frozen = PLAIN | {"exponent": 0.0, "tc_vt": 0.0}
    cold = r_on(PLAIN, temperature=233.15) * (T_REF / 233.15) ** 1.5
    shifted = r_on(frozen, temperature=233.15, v_gs=1.2 - 7e-4 * (T_REF - 233.15))
    assert cold == pytest.approx(shifted, rel=1e-9)


def test_leakage_is_activated_and_ends_at_the_part_that_heat_does_not_raise() -> None:
    assert i_off(v_ds=0.0) == 0.0
    assert i_off(temperature=100.0) == pytest.approx(3e-7 * 1e-6, rel=1e-6)
    hot, warm = i_off(temperature=400.0) - 3e-13, i_off(temperature=350.0) - 3e-13
    inverse = CHARGE / BOLTZMANN * (1 / 350.0 - 1 / 400.0)
    barrier = 0.02 * 0.6 * (1 / float(thermal_voltage(400.0)) - 1 / float(thermal_voltage(350.0)))
    assert math.log(hot / warm) == pytest.approx(0.45 * inverse + barrier, rel=1e-3)


def on_curves(factor_at_cold: float = 1.0, seed: int = 2) -> Campaign:
    """Virtual switches of two polarities, four lengths and four widths, some of them heated, 2 % of noise."""
    rng = np.random.default_rng(seed)
    law = get_law("switch_on")
    v_gs, v_sb = (grid.ravel() for grid in np.meshgrid(np.linspace(0.6, 1.35, 12), [0.0, 0.6, 1.2]))
    curves = []
    for polarity, gain in (("n", 3e-4), ("p", 8e-5)):
        for w, length in ((w, length) for w in WIDTHS for length in LENGTHS):
            heated = w in WIDTHS[::3] and length in LENGTHS[::3]
            for temperature in (233.15, 300.15, 398.15) if heated else (300.15,):
                conditions: dict[str, float | str] = {
                    "kind": "on",
                    "polarity": polarity,
                    "device": f"{polarity}_{w:g}_{length:g}",
                    "w": w,
                    "l": length,
                    "temperature": temperature,
                    "v_t": 0.25 + 0.02 * rng.standard_normal(),
                }
                r = law({"v_gs": v_gs, "v_sb": v_sb, **conditions_in(conditions)}, ON | {"gain": gain})
                r = r * np.exp(0.02 * rng.standard_normal(r.size))
                r = r * (factor_at_cold if temperature < 250 else 1.0)
                name = f"{polarity}_{w:g}_{length:g}_{temperature:g}"
                columns = {"v_gs": v_gs, "v_sb": v_sb, "v_over": v_gs, "r_on": r}
                units = {"v_gs": "V", "v_sb": "V", "v_over": "V", "r_on": "ohm"}
                curves.append(Measured(name, columns, units, conditions, SOURCE))
    return tuple(curves)


def conditions_in(conditions: Mapping[str, float | str]) -> dict[str, float]:
    """Conditions that the law takes as inputs."""
    return {name: float(conditions[name]) for name in ("temperature", "w", "l", "v_t")}


def test_on_resistance_recipe_predicts_the_temperature_left_out_of_virtual_switches() -> None:
    recipe = load_recipe("switch_ihp")
    result = run_recipe(replace(recipe, predictions=recipe.predictions[:1]), on_curves())
    joint = result.fits["joint"]
    assert joint.verdict == "GOOD", joint.reasons
    for name, truth in (("exponent", 1.5), ("tc_vt", -7e-4), ("body", 0.3)):
        low, high = joint.interval(f"{name}[n]", 0.999)
        assert low <= truth <= high
    assert len(result.metrics) == 3
    assert all(metric.value < 0.03 for metric in result.metrics), result.metrics


def test_intervals_from_the_spread_of_devices_hold_the_truth_of_the_virtual_switches() -> None:
    recipe = replace(load_recipe("switch_ihp"), predictions=(), split=None)
    joint = run_recipe(recipe, load("ihp_sg13g2_switch", virtual=True)).fits["joint"]
    assert joint.verdict == "GOOD", joint.reasons
    for polarity, truth in SWITCHES.items():
        for name in get_law("switch_on").params:
            if name != "slope":
                low, high = joint.interval(f"{name}[{polarity}]", 0.999)
                assert low <= getattr(truth, name) <= high, name


def test_temperature_that_does_not_follow_the_law_fails_when_left_out() -> None:
    recipe = load_recipe("switch_ihp")
    result = run_recipe(replace(recipe, predictions=recipe.predictions[:1]), on_curves(factor_at_cold=1.4))
    assert result.verdict == "POOR"
    cold = next(metric for metric in result.metrics if metric.subject == "233.15")
    assert cold.passed is False
    assert cold.value > 0.25


def off_curves(seed: int = 5) -> Campaign:
    """Virtual leakage of n-type switches, 10 % of noise and a read floor of 0.5 pA."""
    rng = np.random.default_rng(seed)
    law = get_law("switch_off")
    temperature, v_ds = (grid.ravel() for grid in np.meshgrid([233.15, 300.15, 398.15], [0.05, 0.6]))
    curves = []
    for length, activation in ((0.13, 0.48), (10.0, 0.36)):
        for w in (0.3e-6, 2e-6, 10e-6):
            given = {"temperature": temperature, "v_ds": v_ds, "w": np.full(6, w)}
            i: FloatArray = law(given, OFF | {"activation": activation})
            i = i * np.exp(0.1 * rng.standard_normal(6))
            conditions: dict[str, float | str] = {
                "kind": "off",
                "polarity": "n",
                "channel": f"nmos_l{length:g}u",
                "w": w,
                "l": length * 1e-6,
            }
            columns = {"temperature": temperature, "v_ds": v_ds, "i_off": i}
            units = {"temperature": "K", "v_ds": "V", "i_off": "A"}
            name = f"n_{w:g}_{length:g}"
            curves.append(Measured(name, columns, units, conditions, SOURCE, {"i_off": 5e-13}))
    return tuple(curves)


def test_leakage_recipe_finds_the_activation_energy_through_censored_values() -> None:
    result = run_recipe("switch_leakage_ihp", off_curves())
    assert result.n_censored > 0
    joint = result.fits["joint"]
    for name, truth in (
        ("activation[nmos_l0.13u]", 0.48),
        ("activation[nmos_l10u]", 0.36),
        ("i_band[n]", 3e-7),
    ):
        low, high = joint.interval(name, 0.999)
        assert low <= truth <= high
    room = next(metric for metric in result.metrics if metric.subject == "300.15")
    assert room.passed, room


@pytest.mark.measured
def test_switch_recipes_on_silicon_predict_what_is_left_out(mirror: Path) -> None:
    campaign = load("ihp_sg13g2_switch", mirror, virtual=False)
    assert len(campaign) == 108 + 16
    recipe = load_recipe("switch_ihp")
    # The body voltages of a transistor in one data set: the same fit in a third of the calls.
    on = run_recipe(replace(recipe, predictions=recipe.predictions[:1], split=None), campaign)
    assert on.verdict == "GOOD", on.metrics
    assert all(metric.value < 0.13 for metric in on.metrics)
    assert on.fits["joint"]["tc_vt[n]"].value == pytest.approx(-0.6e-3, rel=0.1)
    off = run_recipe("switch_leakage_ihp", campaign)
    assert off.verdict == "GOOD", off.metrics
    assert off.n_censored > 20
    found = off.fits["joint"]
    # Longer n-type channels have lower thresholds, so less to climb.
    assert 0.34 < found["activation[nmos_l10u]"].value < 0.37
    assert 0.46 < found["activation[nmos_l0.13u]"].value < 0.50


@pytest.mark.measured
def test_threshold_of_the_reader_carries_100_na_per_square(mirror: Path) -> None:
    campaign = load("ihp_sg13g2_switch", mirror, virtual=False)
    curve = next(c for c in campaign if c.name == "nmos_w10u_l10u_300k")
    at_zero = curve["v_sb"] == 0.0
    current = np.interp(curve.number("v_t"), curve["v_gs"][at_zero], np.log(0.05 / curve["r_on"][at_zero]))
    assert math.exp(float(current)) == pytest.approx(1e-7, rel=1e-6)
    assert float(np.interp(curve.number("v_t"), curve["v_gs"][at_zero], curve["v_over"][at_zero])) == (
        pytest.approx(0.0, abs=1e-9)
    )
