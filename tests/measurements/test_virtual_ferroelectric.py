"""Virtual ferroelectrics and varactors: recipes find their truth, and they have the shape of the originals."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.recipe_run import run_recipe
from measurements.load import load
from measurements.virtual.ferroelectric import PULSES, VARACTORS, ReversalTruth, write_ferroelectric

FOLDER = Path(__file__).resolve().parents[2] / "measurements" / "virtual"
NAMES = ("fecap_pund", "fecap_cv", "fecap_forc", "sky130_varactor_cv")


@pytest.mark.parametrize("name", ["fecap_pund", "fecap_cv"])
def test_recipe_finds_the_branches_that_were_put_in(name: str) -> None:
    result = run_recipe(name, load(name, virtual=True))
    assert result.verdict == "GOOD", result.metrics
    for branch, truth in PULSES.items():
        found = result.fits[branch]
        assert found["v_c"].value == pytest.approx(truth.v_c, rel=0.01)
        if name == "fecap_pund":
            assert found["p_s"].value == pytest.approx(truth.p_s, rel=0.01)


def test_background_recipe_finds_capacitance_and_leakage() -> None:
    fit = run_recipe("fecap_background", load("fecap_pund", virtual=True)).fits["joint"]
    for branch, truth in PULSES.items():
        assert fit[f"c[{branch}]"].value == pytest.approx(truth.capacitance, rel=0.02)


def test_reversal_recipe_predicts_the_curves_left_out() -> None:
    result = run_recipe("fecap_forc", load("fecap_forc", virtual=True))
    assert result.verdict == "GOOD", result.metrics
    assert result.fits["joint"]["v_up"].value == pytest.approx(ReversalTruth().v_up, abs=0.01)


def test_varactor_recipe_stays_within_one_percent() -> None:
    result = run_recipe("varactor_sky130", load("sky130_varactor_cv", virtual=True))
    assert result.verdict == "GOOD", result.metrics
    for name, truth in VARACTORS.items():
        assert result.fits[name]["c_middle"].value == pytest.approx(truth.c_middle, rel=0.2)


def test_committed_files_are_those_of_the_generator(tmp_path: Path) -> None:
    write_ferroelectric(tmp_path)
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (FOLDER / path.relative_to(tmp_path)).read_bytes(), path.name


def test_without_the_originals_the_stand_in_is_taken_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        assert {curve.source.kind for curve in load(name)} == {"virtual"}


@pytest.mark.measured
@pytest.mark.parametrize("name", NAMES)
def test_stand_in_has_columns_and_conditions_of_the_originals(name: str, mirror: Path) -> None:
    shapes = [
        {(frozenset(curve.units.items()), frozenset(curve.conditions)) for curve in curves}
        for curves in (load(name, virtual=True), load(name, mirror, virtual=False))
    ]
    assert shapes[0] == shapes[1]
