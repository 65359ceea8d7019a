"""Fits of resistive-memory arrays become table entries that delay chips are drawn from."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from calibration.entry import Entry, OutOfDomain, TableError
from calibration.recipe import load_recipe
from calibration.recipe_run import RecipeResult, run_recipe
from calibration.table import CalibrationTable, write
from calibration.table import load as load_table
from measurements.load import load
from measurements.virtual.rram import STATES
from pysim.delays.draw import assumed_table, draw
from spicetwin.calibrate.denram_devices import (
    ASSUMED_R_HRS,
    cell_and_cycle,
    fit_memories,
    low_state_sigma,
    memory_entries,
    with_measured_memory,
)
from spicetwin.calibrate.origin import recipe_provenance


@pytest.fixture(scope="module")
def results() -> dict[str, RecipeResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPICETWIN_MIRROR", raising=False)
        patch.setenv("SPICETWIN_DATA", "/nonexistent")
        return fit_memories()


@pytest.fixture(scope="module")
def entries(results: dict[str, RecipeResult]) -> dict[str, Entry]:
    return memory_entries(results)


def test_entries_survive_the_table_file(
    results: dict[str, RecipeResult], entries: dict[str, Entry], tmp_path: Path
) -> None:
    origin = recipe_provenance(results)
    assert origin.kind == "virtual"
    table = CalibrationTable("denram_devices", "1.0.0", "2026-11-21T00:00:00Z", entries, origin)
    kept = load_table(write(table, tmp_path))
    assert kept.digest == table.digest
    assert {name for name in kept.entries if name.startswith("denram.")} == {
        f"denram.{name}" for name in ("r_hrs", "r_lrs", "sinh_v", "g_weight", "relaxation", "read_noise")
    }


def test_spread_is_split_into_cell_and_cycle(entries: dict[str, Entry]) -> None:
    spread = {term.source: term.sigma for term in entries["denram.r_hrs"].variation}
    cell, cycle = (
        STATES.sigma_high * math.sqrt(STATES.rho_high),
        STATES.sigma_high * math.sqrt(1 - STATES.rho_high),
    )
    assert spread["within_die"] == pytest.approx(cell, rel=0.15)
    assert spread["cycle"] == pytest.approx(cycle, rel=0.15)
    assert math.hypot(*cell_and_cycle(0.8, 0.3)) == pytest.approx(0.8)
    with pytest.raises(TableError, match="accepted: 0 to 1"):
        cell_and_cycle(0.8, 1.2)


def test_spread_of_a_filament_in_series_with_a_resistance_is_that_of_draws() -> None:
    draws = np.log(6200 + 1250 * np.exp(0.42 * np.random.default_rng(1).standard_normal(400_000)))
    assert low_state_sigma(6200.0, 1250.0, 0.42) == pytest.approx(float(draws.std()), rel=5e-3)


def test_assumed_scale_keeps_the_measured_spread_and_says_so(
    results: dict[str, RecipeResult], entries: dict[str, Entry]
) -> None:
    scaled = memory_entries(results, ASSUMED_R_HRS)["denram.r_hrs"]
    assert scaled.predict({}).value == pytest.approx(461.6e9, rel=1e-3)
    assert scaled.reference is not None
    assert scaled.reference["tag"] == "assumed"
    assert scaled.reference["measured_median"] == entries["denram.r_hrs"].predict({}).value
    assert scaled.variation == entries["denram.r_hrs"].variation
    with pytest.raises(TableError, match="accepted: a positive resistance"):
        memory_entries(results, 0.0)


def test_chips_are_drawn_with_measured_memories(results: dict[str, RecipeResult]) -> None:
    base = assumed_table()
    table = with_measured_memory(base, results)
    assert table.name == "denram_assumed_memory"
    assert len(table.provenance.sources) > 5
    chip = draw(table, (4, 2000), 3)
    logs = np.log(chip.values["r_hrs"])
    assert np.exp(np.median(logs)) == pytest.approx(ASSUMED_R_HRS, rel=0.1)
    assert logs.std() == pytest.approx(STATES.sigma_high, rel=0.15)
    assert draw(base, (4, 2000), 3).values["r_hrs"].std() < chip.values["r_hrs"].std()
    g = chip.conductance(8e-5)
    assert 0.1 < np.std(g) / 8e-5 < 0.35
    assert np.median(g) == pytest.approx(8e-5, rel=0.05)
    with pytest.raises(TableError, match=r"no entry denram\.r_hrs"):
        with_measured_memory(
            dataclasses.replace(base, entries={"x": base.entries["denram.c_delay"]}), results
        )


def test_low_state_follows_the_word_line_inside_its_domain_only(entries: dict[str, Entry]) -> None:
    entry = entries["denram.r_lrs"]
    strong, weak = (entry.predict({"v_wl": v}).value for v in (3.0, 0.8))
    assert weak > 1.8 * strong > 1.8 * 6000
    with pytest.raises(OutOfDomain, match="v_wl"):
        entry.predict({"v_wl": 0.3})


def test_missing_recipe_is_named(results: dict[str, RecipeResult]) -> None:
    with pytest.raises(TableError, match="rram_set"):
        memory_entries({name: result for name, result in results.items() if name != "rram_set"})


@pytest.mark.measured
def test_drawn_states_are_closer_to_the_measured_ones_than_the_limits(mirror: Path) -> None:
    """Kolmogorov-Smirnov distance of drawn to measured resistances: 0.05 for the low state, 0.08 for the high one."""
    names = ("rram_lrs_spread", "rram_hrs_spread", "rram_cell_cycle")
    results = {
        name: run_recipe(name, load(load_recipe(name).source, mirror, virtual=False)) for name in names
    }
    (cycles,) = load("rram_cycles", mirror, virtual=False)
    rng = np.random.default_rng(7)
    low, high, pair = (results[name].fits["joint"] for name in names)
    n = 200_000
    z = {}
    for state in ("r_low", "r_high"):
        rho = pair[f"rho[{state}]"].value
        z[state] = math.sqrt(rho) * rng.standard_normal(n) + math.sqrt(1 - rho) * rng.standard_normal(n)
    drawn_low = low["r_series"].value + low["median"].value * np.exp(low["sigma"].value * z["r_low"])
    assert stats.ks_2samp(drawn_low, cycles["r_low"]).statistic <= 0.05
    switched = high["median"].value * np.exp(high["sigma"].value * z["r_high"])
    failed = high["median_failed"].value * np.exp(high["sigma_failed"].value * rng.standard_normal(n))
    drawn_high = np.where(rng.random(n) < high["failed"].value, failed, switched)
    ceiling = cycles.ceilings["r_high"]
    seen, made = cycles["r_high"][cycles["r_high"] < ceiling], drawn_high[drawn_high < ceiling]
    # Among the uncensored alone, and of all cells below the ceiling: the first is the harder.
    assert stats.ks_2samp(made, seen).statistic <= 0.08
    assert abs(len(seen) / cycles.rows - len(made) / n) <= 0.02
    assert recipe_provenance(results).kind == "silicon"
