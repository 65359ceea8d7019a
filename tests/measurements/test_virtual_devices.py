"""Virtual capacitors and switches follow their truth and look like the originals they stand in for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from calibration.laws import get_law
from measurements.load import load
from measurements.registry import sources
from measurements.virtual.switches import SWITCHES, off_current, on_resistance

FOLDER = Path(__file__).resolve().parents[2] / "measurements" / "virtual"
ON_PARAMETERS = (
    *("gain", "exponent", "theta1", "theta2", "l_end", "dw"),
    *("v_offset", "tc_vt", "body", "phi", "slope"),
)


def test_virtual_switch_is_that_of_the_law() -> None:
    truth = SWITCHES["n"]
    given = {"v_gs": np.linspace(0.3, 1.35, 8), "v_sb": np.linspace(0.0, 1.2, 8)}
    place = {"w": 1e-6, "temperature": 350.0, "v_t": 0.4}
    made = on_resistance(truth, given["v_gs"], given["v_sb"], 1e-6, 0.5e-6, 350.0, 0.4)
    law = get_law("switch_on")(
        {**given, **place, "l": 0.5e-6}, {name: getattr(truth, name) for name in ON_PARAMETERS}
    )
    np.testing.assert_allclose(made, law, rtol=1e-6)


def test_virtual_leakage_is_that_of_the_law() -> None:
    truth = SWITCHES["p"]
    params = {"i_ref": truth.i_ref, "activation": 0.4, "dibl": truth.dibl, "i_band": truth.i_band}
    for temperature, v_ds in ((233.15, 0.05), (398.15, 0.6)):
        law = get_law("switch_off")({"temperature": temperature, "v_ds": v_ds, "w": 2e-6}, params)
        assert off_current(truth, 0.4, 2e-6, temperature, v_ds) == pytest.approx(float(law), rel=1e-6)


def test_virtual_capacitors_have_their_true_density() -> None:
    truth = tomllib.loads((FOLDER / "sky130_mim_cv" / "truth.toml").read_text())
    for curve in load("sky130_mim_cv", virtual=True):
        section = truth[str(curve.conditions["stack"])]
        expected = section["c_area"] * curve.number("area") + section["c_perim"] * curve.number("perimeter")
        assert float(np.median(curve["c"])) == pytest.approx(expected, rel=5e-3)


@pytest.mark.measured
@pytest.mark.parametrize("name", ["sky130_mim_cv", "ihp_sg13g2_cv", "ihp_sg13g2_switch"])
def test_virtual_devices_have_the_columns_and_conditions_of_the_originals(name: str, mirror: Path) -> None:
    def shapes(virtual: bool) -> dict[frozenset[str], frozenset[str]]:
        """Conditions by set of columns."""
        curves = load(name, None if virtual else mirror, virtual=virtual)
        return {frozenset(curve.columns): frozenset(curve.conditions) for curve in curves}

    assert shapes(virtual=True) == shapes(virtual=False)


@pytest.mark.measured
@pytest.mark.parametrize(
    "name", sorted(name for name in sources() if name.startswith("rram_") and sources()[name].virtual)
)
def test_virtual_memories_have_the_curves_and_units_of_the_originals(name: str, mirror: Path) -> None:
    virtual, measured = load(name, virtual=True), load(name, mirror, virtual=False)
    assert [curve.name for curve in virtual] == [curve.name for curve in measured]
    for made, original in zip(virtual, measured, strict=True):
        assert dict(made.units) == dict(original.units)
        assert dict(made.conditions) == dict(original.conditions)
