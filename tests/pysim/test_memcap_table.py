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
from pysim.memcap.table import integrators, memcap_model


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
