"""Comparison of delay cells: transistor level against the shipped tables on a few held-out points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.laws import get_law
from calibration.table import OutOfDomain, load, resolve
from circuits.families.denram_spiking import SpikingBranch
from circuits.ngspice.pool import Pool
from spicetwin.calibrate.denram import BOXES
from spicetwin.calibrate.denram_table import table_name
from spicetwin.compare import CompareError, compare_family
from spicetwin.compare.denram import (
    DelayCase,
    DenramComparison,
    TrainCase,
    compare_delays,
    compare_train,
    hot_corners,
    write_cases,
)
from spicetwin.compare.denram_branch import CoincidenceCase, twin_of, twin_peaks
from spicetwin.compare.denram_fire import FireCase, compare_fire


@pytest.mark.parametrize("variant", ["decay_comparator", "charge_comparator"])
def test_twin_delays_hold_within_one_percent_of_ngspice(variant: str, pool: Pool) -> None:
    table = load(resolve(table_name(variant, "generic130")))
    case, failures = compare_delays(pool, variant, table, "generic130", 3)
    assert not failures
    assert case.errors.max() <= 0.01
    # Equal numbers would mean that the twin was given the answer.
    assert case.errors.max() > 1e-7


@pytest.mark.parametrize("variant", ["decay_comparator", "charge_schmitt"])
def test_the_twin_loses_the_same_spikes_of_a_random_train(variant: str, pool: Pool) -> None:
    table = load(resolve(table_name(variant, "generic130")))
    case, failures = compare_train(pool, variant, table, "generic130", 8)
    assert not failures
    assert case is not None
    assert case.identical
    assert 0 < case.spice.size < 8


def test_hot_corners_take_the_largest_memory_and_both_ends_of_every_level() -> None:
    box = BOXES["decay_comparator"]
    corners = hot_corners(box)
    assert len({tuple(c.values()) for c in corners}) == 8
    assert {c["r_read"] for c in corners} == {box["r_read"].high}
    assert {c["v_th"] for c in corners} == {box["v_th"].low, box["v_th"].high}


def test_checks_fail_where_an_error_is_too_large(tmp_path: Path) -> None:
    ones = np.ones(3)
    inputs = {"r_read": ones}
    gaps = np.linspace(-2.0, 2.0, 9)
    tuning = 1.0 + np.exp(-np.abs(gaps))
    good = DenramComparison(
        (DelayCase("a", inputs, ones, 1.009 * ones),),
        (TrainCase("a", ones, ones, ones + 1e-6, 1.0),),
        (CoincidenceCase("b", gaps, tuning, 1.01 * tuning),),
        (),
        (FireCase("c", 0.0, ones, 1.009 * ones), FireCase("t", 0.0, np.ones(20), np.ones(19), False)),
    )
    assert all(check.passed for check in good.checks())
    bad = DenramComparison(
        (DelayCase("a", inputs, ones, 1.011 * ones),),
        (TrainCase("a", ones, ones, ones[:2], 1.0),),
        (CoincidenceCase("b", gaps, tuning, 1.0 + 1.05 * np.exp(-np.abs(gaps) / 1.2)),),
        ("a: it failed",),
        (
            FireCase("c", 0.0, ones, ones[:2]),
            FireCase("d", 0.0, ones, 1.011 * ones),
            FireCase("t", 0.0, ones, ones[:2], False),
        ),
    )
    assert not any(check.passed for check in bad.checks())
    write_cases(bad, tmp_path / "cases.nc")
    assert (tmp_path / "cases.nc").stat().st_size > 0


def test_spiking_soma_fires_as_often_and_when_ngspice_does(pool: Pool) -> None:
    table, dpi = load(resolve("denram_generic130")), load(resolve("dpi_generic130"))
    (together, apart), failures = compare_fire(pool, table, dpi, "generic130", quick=True)
    assert not failures
    assert together.spice.size == together.twin.size > 0
    assert apart.equal
    assert apart.spice.size < together.spice.size
    assert 1e-7 < max(together.error, apart.error) <= 0.01


def test_twin_of_a_branch_peaks_where_its_delays_coincide() -> None:
    from circuits.families.denram_branch import DenramBranch

    table, dpi = load(resolve("denram_generic130")), load(resolve("dpi_generic130"))
    twin = twin_of(table, dpi, DenramBranch(r_first=12e9, r_last=8e9))
    apart = float(np.diff(twin.elements.delay())[0])
    peaks = twin_peaks(twin, -apart + np.array([-0.02, 0.0, 0.02]))
    assert peaks[1] > 1.3 * max(peaks[0], peaks[2])


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(CompareError, match="known: dpi, mingru, denram"):
        compare_family("denrma")


def test_weight_cell_drifts_only_in_tables_calibrated_over_temperature() -> None:
    at = {"conductance": np.array([1e-5, 3e-5, 6e-5])}
    fixed = {"i_ref": 3e-8, "r_access": 1e4, "exponent": 0.85, "g_ref": 3e-5}
    drift = {**fixed, "coefficient": 2e-3, "exponent_drift": -2e-4, "temperature_ref": 300.15}
    plain = get_law("delay_weight")(at, fixed)
    warm = get_law("delay_weight_drift")
    np.testing.assert_allclose(warm({**at, "temperature": 300.15}, drift), plain, rtol=1e-12)
    hot = warm({**at, "temperature": 320.15}, drift) / plain
    # At the reference conductance the current drifts alone; a flatter law in warmth raises small ones above.
    assert hot[1] == pytest.approx(np.exp(0.04), rel=1e-12)
    assert hot[0] > hot[1] > hot[2]
    table, dpi = load(resolve("denram_generic130@1.1.0")), load(resolve("dpi_generic130"))
    with pytest.raises(OutOfDomain, match=r"i_weight holds at 300.15 K alone, not at 315.15 K"):
        twin_of(table, dpi, SpikingBranch(), 315.15)
