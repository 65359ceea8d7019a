"""Twin from the shipped table: model, drawn integrators, what the table must hold."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from calibration.table import CalibrationTable, load, resolve
from pysim.errors import ModelError
from pysim.memcap.draw import MemcapChip
from pysim.memcap.program import program
from pysim.memcap.table import integrators, memcap_model, spiking_cell


@pytest.fixture(scope="module")
def table() -> CalibrationTable:
    return load(resolve("memcap_generic130"))


def test_every_entry_says_whether_it_is_assumed_or_simulated(table: CalibrationTable) -> None:
    for name, entry in table.entries.items():
        assert (entry.reference or {})["source"] in ("assumed", "ngspice"), name
    assumed = {n for n, e in table.entries.items() if (e.reference or {})["source"] == "assumed"}
    assert {"memcap.retention", "memcap.disturb", "memcap.window_excess", "memcap.r_m"} <= assumed


def test_law_of_tau_is_the_twin_of_the_typical_cell(table: CalibrationTable) -> None:
    chip = MemcapChip(memcap_model(table), (1, 1), 0, ())
    for state in (0.0, 0.4, 1.0):
        chip.state[:] = state
        cell = integrators(table, chip)
        top = cell.spike(np.zeros((1, 1)), 10.1e-6)
        expected = table.entry("memcap.tau").predict({"x": state}).value
        assert float(cell.decay(top, top / math.e)[0, 0]) == pytest.approx(expected, rel=0.005)
        assert float(top[0, 0]) == pytest.approx(
            table.entry("memcap.step").predict({"x": state}).value, rel=0.01
        )


def test_programming_of_calibrated_chips_meets_the_target(table: CalibrationTable) -> None:
    model = memcap_model(table)
    chip = MemcapChip(model, (20, 100), 4)
    low, high = model.range
    done = program(chip, np.random.default_rng(4).uniform(low, high, chip.shape))
    assert done.yield_ >= 0.95
    assert done.pulses.mean() < 10


def test_die_and_device_spread_of_the_input_are_apart(table: CalibrationTable) -> None:
    model = memcap_model(table)
    whole, die = (MemcapChip(model, (4, 5), 3, s) for s in (("die", "within_die"), ("die",)))
    common = np.asarray(integrators(table, die).i_in)
    assert np.ptp(common, axis=1).max() == 0.0
    assert np.ptp(common[:, 0]) > 0.0
    ratio = np.log(np.asarray(integrators(table, whole).i_in) / common)
    assert 0.02 < ratio.std() < 0.5


def test_table_without_retention_is_refused(table: CalibrationTable) -> None:
    entries = {n: e for n, e in table.entries.items() if n != "memcap.retention"}
    with pytest.raises(ModelError, match=r"lacks the entry memcap\.retention"):
        memcap_model(dataclasses.replace(table, entries=entries))


def test_neuron_of_a_chip_fires_as_the_typical_one_where_nothing_is_drawn(table: CalibrationTable) -> None:
    model = memcap_model(table)
    typical = MemcapChip(model, (2, 3), 1, ())
    one = spiking_cell(table, typical, (1, 2))
    # By hand: t_ref + r_m C ln[I r_m/(I r_m - V_th)], linear; sinh and leakage lengthen it by 6 %.
    current = 2.2445e-10
    expected = 14e-6 + 3e9 * 2.5e-12 * math.log(current * 3e9 / (current * 3e9 - 0.3))
    assert 1.02 < one.interval(current) / expected < 1.1
    # The same point at transistor level, among those of the calibration.
    assert one.interval(current) == pytest.approx(4.70365e-3, rel=1e-3)
    typical.state[:] = 1.0
    assert spiking_cell(table, typical, (1, 2)).interval(current) / one.interval(current) == pytest.approx(
        1.3, rel=0.02
    )


def test_offsets_and_pulses_of_neurons_are_drawn_in_the_die(table: CalibrationTable) -> None:
    chip = MemcapChip(memcap_model(table), (2, 20), 1, ("within_die",))
    cells = [spiking_cell(table, chip, (k, n)) for k in range(2) for n in range(20)]
    sigma = table.entry("memcap.neuron_v_offset").variation[0].sigma
    assert np.std([cell.v_threshold for cell in cells]) == pytest.approx(sigma, rel=0.4)
    assert np.std(np.log([cell.t_pulse for cell in cells])) > 0.1
    again = spiking_cell(table, MemcapChip(memcap_model(table), (2, 20), 1, ("within_die",)), (1, 3))
    assert again.v_threshold == cells[23].v_threshold
    with pytest.raises(ModelError, match="accepted: chip and neuron of"):
        spiking_cell(table, chip, (2, 0))
