"""The packaged table against transistor level on stimuli that no fit has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.table import load, resolve
from circuits.ngspice.pool import Pool
from spicetwin.compare import CompareError, compare_family
from spicetwin.compare.dpi import (
    INTERVAL,
    WEAK_INVERSION,
    Comparison,
    compare_dpi,
    validated,
    write_waveforms,
)


@pytest.fixture(scope="module")
def comparison(pool: Pool) -> Comparison:
    return compare_dpi(pool, load(resolve("dpi_generic130")), quick=True)


@pytest.mark.ngspice
def test_epsc_of_held_out_stimuli_is_within_one_percent_of_the_peak(comparison: Comparison) -> None:
    assert len(comparison.synapse) == 15
    assert max(case.error for case in comparison.synapse) <= WEAK_INVERSION


@pytest.mark.ngspice
def test_intervals_without_adaptation_are_within_one_percent(comparison: Comparison) -> None:
    alone = [case for case in comparison.neuron if not case.adapting]
    assert len(alone) == 6
    assert max(case.worst for case in alone) <= INTERVAL


@pytest.mark.ngspice
def test_intervals_of_the_adapting_neuron_are_within_one_percent_but_for_a_few(
    comparison: Comparison,
) -> None:
    errors = np.concatenate([case.errors for case in comparison.neuron if case.adapting])
    assert np.median(errors) <= 0.3 * INTERVAL
    assert np.mean(errors <= INTERVAL) >= 0.9
    assert errors.max() <= 4 * INTERVAL


@pytest.mark.ngspice
def test_comparison_is_written_whole_and_its_errors_enter_the_table(
    comparison: Comparison, tmp_path: Path
) -> None:
    import xarray

    path = tmp_path / "compare.nc"
    write_waveforms(comparison, path)
    with xarray.open_dataset(path) as stored:
        assert stored["epsc_error"].sizes["case"] == len(comparison.synapse)
        assert stored["i_syn_spice"].attrs["units"] == "A"
    assert [p.name for p in tmp_path.iterdir()] == ["compare.nc"]
    table = validated(load(resolve("dpi_generic130")), comparison)
    assert table.entry("synapse.tau").validation[0].value <= WEAK_INVERSION
    assert table.entry("adaptation.tau").validation[0].limit == INTERVAL


def test_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CompareError, match="known: dpi, mingru"):
        compare_family("nosuch")
