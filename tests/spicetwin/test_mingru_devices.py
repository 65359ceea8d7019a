"""Fits of capacitors and switches become table entries that predict with spread, domain and provenance."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.entry import Entry, OutOfDomain, TableError
from calibration.recipe_run import RecipeResult
from calibration.table import CalibrationTable, write
from calibration.table import load as load_table
from measurements.virtual.capacitors import GATES, MIM
from spicetwin.calibrate.mingru_devices import device_entries, fit_devices
from spicetwin.calibrate.origin import recipe_provenance


@pytest.fixture(scope="module")
def results() -> dict[str, RecipeResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPICETWIN_MIRROR", raising=False)
        patch.setenv("SPICETWIN_DATA", "/nonexistent")
        return fit_devices()


@pytest.fixture(scope="module")
def entries(results: dict[str, RecipeResult]) -> dict[str, Entry]:
    return device_entries(results)


def test_entries_survive_the_table_file(
    results: dict[str, RecipeResult], entries: dict[str, Entry], tmp_path: Path
) -> None:
    origin = recipe_provenance(results)
    assert origin.kind == "virtual"
    assert len(origin.sources) > 50
    table = CalibrationTable("mingru_devices", "1.0.0", "2026-11-21T00:00:00Z", entries, origin)
    kept = load_table(write(table, tmp_path))
    assert set(kept.entries) == {
        *("mingru.capacitor.c0", "mingru.capacitor.vcc1", "mingru.capacitor.vcc2"),
        *(f"mingru.switch.{name}_{polarity}" for name in ("r_on", "i_off", "c_gate") for polarity in "np"),
    }
    assert kept.digest == table.digest


def test_unit_capacitor_follows_from_its_geometry_inside_the_domain_only(entries: dict[str, Entry]) -> None:
    plate = {"area": 400e-12, "perimeter": 80e-6}
    found = entries["mingru.capacitor.c0"].predict(plate)
    truth = MIM["m3"].c_area * 400e-12 + MIM["m3"].c_perim * 80e-6
    assert found.value == pytest.approx(truth, rel=2e-3)
    assert found.stderr < 0.01 * found.value
    with pytest.raises(OutOfDomain, match="area"):
        entries["mingru.capacitor.c0"].predict({"area": 1e-12, "perimeter": 4e-6})


def test_switch_entries_answer_for_a_transmission_gate(entries: dict[str, Entry]) -> None:
    bias = {"v_gs": 1.2, "v_sb": 0.0, "temperature": 300.15, "w": 1e-6, "l": 0.13e-6, "v_t": 0.42}
    n, p = (entries[f"mingru.switch.r_on_{polarity}"].predict(bias) for polarity in "np")
    # By hand: (L + l_end)/(W - dW) over the gain times 0.725 V of drive, times a mobility loss of 1.28.
    assert n.value == pytest.approx(0.19 / 0.995 / (3.5e-4 * 0.725) * 1.28, rel=0.1)
    assert p.value == pytest.approx(0.15 / 1.02 / (9e-5 * 0.725) * 1.28, rel=0.1)
    assert 0 < n.spread["within_die"] < 0.2 * n.value
    half = entries["mingru.switch.r_on_n"].predict({**bias, "w": 2e-6})
    assert n.value / half.value == pytest.approx(2.0, rel=0.02)
    leak = entries["mingru.switch.i_off_n"]
    cold, warm = (leak.predict({"temperature": t, "v_ds": 0.6, "w": 1e-6}).value for t in (300.15, 358.15))
    assert 5 < warm / cold < 40


def test_gate_capacitance_of_a_switch_is_without_the_pads_of_its_test_structure(
    entries: dict[str, Entry],
) -> None:
    truth = GATES["n"]
    found = entries["mingru.switch.c_gate_n"].predict({"v_gc": 1.0, "w": 10e-6, "l": 1e-6})
    expected = 10e-6 * (truth.c_ox * (1e-6 - truth.dl) + truth.c_overlap)
    assert found.value == pytest.approx(expected, rel=0.01)


def test_missing_recipe_is_named(results: dict[str, RecipeResult]) -> None:
    with pytest.raises(TableError, match="switch_ihp"):
        device_entries({name: result for name, result in results.items() if name != "switch_ihp"})
