"""Gate capacitances: laws, recipe on virtual structures, the reader's corrections, silicon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.laws import get_law
from calibration.measured import Campaign, DataSource, Measured
from calibration.recipe_run import run_recipe
from measurements.load import load

SOURCE = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
TRUTH = {"c_ox": 0.0125, "dl": 6e-8, "c_overlap": 7e-10, "overlap_slope": 0.2, "c_fixed": 9e-13}


def structures() -> Campaign:
    """Virtual gate-channel curves of three lengths, 1 % of noise, with a transition that no law describes."""
    rng = np.random.default_rng(7)
    law = get_law("gate_channel_capacitance")
    v = np.linspace(-1.35, 1.35, 55)
    curves = []
    for w, length in ((0.096, 0.13e-6), (0.0792, 0.25e-6), (0.0048, 10e-6)):
        c = law({"v_gc": v, "w": np.full(55, w), "l": np.full(55, length)}, TRUTH)
        c = c * (1 + 0.01 * rng.standard_normal(55))
        c = np.where((v > -0.25) & (v < 0.85), 1e-9, c)
        conditions: dict[str, float | str] = {
            "structure": "gate_channel",
            "polarity": "n",
            "w": w,
            "l": length,
        }
        units = {"v_gc": "V", "c_gc": "F"}
        curves.append(Measured(f"l{length:g}", {"v_gc": v, "c_gc": c}, units, conditions, SOURCE))
    return tuple(curves)


def test_recipe_finds_oxide_and_overlap_of_virtual_structures_beside_the_transition() -> None:
    result = run_recipe("mos_cv_ihp", structures())
    assert result.verdict == "GOOD", result.metrics
    for name, truth in TRUTH.items():
        group = name if name in result.fits["joint"].parameters else f"{name}[n]"
        low, high = result.fits["joint"].interval(group, 0.999)
        assert low <= truth <= high, name
    excluded = {item.curve: item.rows for item in result.excluded}
    assert set(excluded.values()) == {23}, "the rows between -0.3 V and 0.9 V, ends kept"


def test_channel_and_overlap_add_up() -> None:
    law = get_law("gate_channel_capacitance")
    on = law({"v_gc": [1.0], "w": [1e-6], "l": [0.5e-6]}, TRUTH | {"c_fixed": 0.0})
    assert on[0] == pytest.approx(1e-6 * (0.0125 * 0.44e-6 + 7e-10))
    off = law({"v_gc": [-1.0], "w": [1e-6], "l": [0.5e-6]}, TRUTH | {"c_fixed": 0.0})
    assert off[0] == pytest.approx(1e-6 * 7e-10 * 0.8)


def test_accumulation_layer_halves_the_oxide_where_its_depth_is_one_layer_voltage() -> None:
    law = get_law("accumulation_capacitance")
    params = {"c_ox": 0.0125, "v_fb": -0.9, "v_layer": 0.05}
    assert law({"v_gb": [-0.95], "area": [1e-12]}, params)[0] == pytest.approx(0.00625e-12)
    assert law({"v_gb": [-100.0], "area": [1e-12]}, params)[0] == pytest.approx(0.0125e-12, rel=1e-3)


@pytest.mark.measured
def test_mos_capacitances_of_silicon(mirror: Path) -> None:
    campaign = load("ihp_sg13g2_cv", mirror, virtual=False)
    result = run_recipe("mos_cv_ihp", campaign)
    assert result.verdict == "GOOD", result.metrics
    channel = result.fits["joint"]
    oxide = run_recipe("mos_oxide_ihp", campaign)
    assert oxide.verdict == "GOOD", oxide.metrics
    # Two structures and two laws: the n-type oxide agrees to a few per cent.
    assert oxide.fits["joint"]["c_ox[n]"].value == pytest.approx(channel["c_ox[n]"].value, rel=0.03)


@pytest.mark.measured
def test_corrected_lengths_give_the_p_type_structures_the_capacitance_of_the_n_type(mirror: Path) -> None:
    top = {
        (curve.conditions["polarity"], round(curve.number("l") * 1e9)): float(np.max(curve["c_gc"]))
        / curve.number("w")
        for curve in load("ihp_sg13g2_cv", mirror, virtual=False)
        if curve.conditions["structure"] == "gate_channel"
    }
    assert set(top) == {(polarity, length) for polarity in "np" for length in (130, 250, 10000)}
    for length in (130, 250, 10000):
        assert top["p", length] == pytest.approx(top["n", length], rel=0.05)
