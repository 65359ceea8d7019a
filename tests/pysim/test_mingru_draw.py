"""Chips drawn from a table: sources kept apart, temperature, sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from mingru_cases import network

from calibration.table import CalibrationTable, Entry, OutOfDomain, Parameter
from pysim.errors import ModelError
from pysim.mingru import MinGruNetwork, assumed_table, draw


@pytest.fixture(scope="module")
def net() -> MinGruNetwork:
    return network(64, 64, 64)


@pytest.fixture(scope="module")
def table() -> CalibrationTable:
    return assumed_table()


def with_entry(table: CalibrationTable, name: str, entry: Entry) -> CalibrationTable:
    return dataclasses.replace(table, entries={**table.entries, name: entry})


def test_equal_arguments_give_equal_chips_and_layers_their_own_columns(
    net: MinGruNetwork, table: CalibrationTable
) -> None:
    a, b, c = draw(net, table, 1), draw(net, table, 1), draw(net, table, 2)
    assert a.id == b.id != c.id
    offsets = [chip.cores[k].array("offset_h") for chip in (a, b, c) for k in (0, 1)]
    np.testing.assert_array_equal(offsets[0], offsets[2])
    assert (offsets[0] != offsets[1]).all()
    assert (offsets[0] != offsets[4]).all()
    assert (a.cores[0].array("capacitor_h") != a.cores[0].array("capacitor_z")).all()


def test_drawn_spreads_are_those_of_the_table(net: MinGruNetwork, table: CalibrationTable) -> None:
    core = draw(net, table, 3).cores[0]
    # 4096 capacitors: their standard deviation is known to 1.1 %.
    assert core.array("capacitor_h").std() == pytest.approx(2.2e-3, rel=0.05)
    # 64 comparators, 3 mV of V_FS / 2 = 0.4 V; known to 9 %.
    assert core.array("comparator_offset").std() == pytest.approx(3e-3 / 0.4, rel=0.35)
    # sqrt(kT / (N C)) at 300.15 K is 56.9 uV.
    np.testing.assert_allclose(core.array("state_noise"), 56.9e-6 / 0.4, rtol=1e-3)


def test_a_source_left_out_changes_no_other_draw(net: MinGruNetwork, table: CalibrationTable) -> None:
    everything, quiet, typical = (
        draw(net, table, 4, sources)
        for sources in (("within_die", "noise", "temperature"), ("within_die",), ())
    )
    for name in ("capacitor_h", "offset_z", "gate_weight", "retention"):
        np.testing.assert_array_equal(everything.cores[0].array(name), quiet.cores[0].array(name))
    assert everything.cores[0].noisy
    assert not quiet.cores[0].noisy
    assert not typical.cores[0].array("capacitor_h").any()
    assert np.ptp(typical.cores[0].array("retention")) == 0.0


def test_heat_raises_leakage_and_thermal_noise_by_their_laws(
    net: MinGruNetwork, table: CalibrationTable
) -> None:
    cold, hot = (draw(net, table, 5, temperature=t).cores[0] for t in (300.15, 358.15))
    rate = np.log(hot.array("retention")) / np.log(cold.array("retention"))
    activation = 0.6 * 1.602176634e-19 / 1.380649e-23
    np.testing.assert_allclose(rate, np.exp(activation * (1 / 300.15 - 1 / 358.15)), rtol=1e-9)
    noise = hot.array("state_noise") / cold.array("state_noise")
    np.testing.assert_allclose(noise, np.sqrt(358.15 / 300.15))
    still = draw(net, table, 5, ("within_die",), temperature=358.15).cores[0]
    np.testing.assert_array_equal(still.array("retention"), cold.array("retention"))


def test_a_table_of_another_core_size_is_refused(table: CalibrationTable) -> None:
    with pytest.raises(
        ModelError, match=r"mingru\.v_fs was measured on a core of 64 rows, the layer has 128"
    ):
        draw(network(128, 8), table, 0)


def test_tables_that_are_none_of_a_core_are_refused(net: MinGruNetwork, table: CalibrationTable) -> None:
    other = dataclasses.replace(table, entries={"synapse.tau": table.entry("mingru.t_step")})
    with pytest.raises(ModelError, match=r"lacks the entry mingru\.v_fs"):
        draw(net, other, 0)
    strange = with_entry(table, "mingru.gian_h", table.entry("mingru.gain_h"))
    with pytest.raises(ModelError, match=r"mingru\.gian_h is unknown; accepted: v_fs,"):
        draw(net, strange, 0)


def test_sources_and_temperatures_out_of_range_are_refused(
    net: MinGruNetwork, table: CalibrationTable
) -> None:
    with pytest.raises(ModelError, match="source 'cycle' cannot be drawn; accepted: fit,"):
        draw(net, table, 0, ("cycle",))
    with pytest.raises(OutOfDomain, match="temperature"):
        draw(net, table, 0, temperature=500.0)
    with pytest.raises(ModelError, match="temperature nan"):
        draw(net, table, 0, temperature=float("nan"))


def test_a_quantity_without_entry_is_ideal_and_energy_comes_from_the_table(net: MinGruNetwork) -> None:
    entry = Entry("full scale", "V", "constant", {"value": Parameter(1.0, "V")}, scale="log")
    cost = Entry("energy", "J", "constant", {"value": Parameter(2e-12, "J")}, scale="log")
    few = dataclasses.replace(assumed_table(), entries={"mingru.v_fs": entry, "mingru.energy_column": cost})
    chip = draw(net, few, 0)
    x = np.random.default_rng(0).random((2, 20))
    run, ideal = net.run(x, chip), net.run(x)
    np.testing.assert_array_equal(run.words, ideal.words)
    np.testing.assert_allclose(run.energy, 2 * 64 * 20 * 2e-12)
