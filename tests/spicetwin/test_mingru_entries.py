"""Entries of a minGRU table from fitted columns, testbenches and measured switches."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from calibration.entry import Entry, Parameter, TableError
from calibration.table import CalibrationTable, Provenance
from circuits.families.mingru_column import MingruColumn
from circuits.process import get_process
from pysim.mingru import MinGruLayer, MinGruNetwork, draw
from pysim.mingru.draw import QUANTITIES
from spicetwin.calibrate.mingru_core import CoreFit
from spicetwin.calibrate.mingru_entries import Found, core_entries

VALUES = {
    "gain_h": 0.74,
    "gain_z": 0.75,
    "bias_gain_h": 0.48,
    "bias_gain_z": 0.5,
    "offset_h": 1e-3,
    "offset_z": 2e-3,
    "gate_slope": 1.01,
    "gate_offset": 0.1,
    "swap_gain": 0.85,
    "injection_base": -1e-4,
    "injection_swap": 2e-4,
    "injection_state": 1e-3,
    "comparator_offset": 5e-3,
}


def leak(current: float) -> Entry:
    numbers = {"i_ref": 1e-6, "activation": 0.5, "dibl": 0.02, "i_band": current}
    parameters = {name: Parameter(value, "1", vary=False) for name, value in numbers.items()}
    return Entry("leakage", "A", "switch_off", parameters, scale="log")


@pytest.fixture
def entries() -> dict[str, Entry]:
    corner = CoreFit(VALUES | {"gain_h": 0.74 * math.exp(0.03), "offset_z": 5e-3}, {})
    found = Found(
        column=MingruColumn(rows=64.0),
        bench_rows=4,
        samples=3,
        imc={"vos_h": np.array([1e-3, 2e-3, 3e-3]), "vos_z": np.array([0.0, 4e-4, 8e-4])},
        swap={"dv_swap_unit": np.array([-1e-5, 0.0, 1e-5])},
        noise={"sigma_ratio": 0.9},
        energy={"e_array": 64e-15, "e_supply": 1e-12, "e_control": 2e-12},
    )
    switches = {f"mingru.switch.i_off_{p}": leak(3e-7) for p in "np"}
    fits = {"tt": CoreFit(VALUES, {}), "side": CoreFit(VALUES, {}), "ss": corner}
    return core_entries(fits, found, switches, get_process("generic130"))


def value(entry: Entry) -> float:
    return entry.parameters["value"].value


def test_full_scale_is_what_the_lines_leave_of_the_weight_voltages(entries: dict[str, Entry]) -> None:
    assert value(entries["mingru.v_fs"]) == pytest.approx(0.8 * 0.74)
    assert value(entries["mingru.gain_h"]) == 1.0
    assert value(entries["mingru.swap_gain"]) == 0.85


def test_offsets_of_a_line_fall_with_the_root_of_its_rows(entries: dict[str, Entry]) -> None:
    (spread,) = entries["mingru.offset_h"].variation
    assert spread.sigma == pytest.approx(1e-3 / 4)
    (swap,) = entries["mingru.injection_swap"].variation
    assert swap.sigma == pytest.approx(4 * 1e-5 / 4)


def test_comparators_have_the_offset_of_their_input_pair(entries: dict[str, Entry]) -> None:
    (spread,) = entries["mingru.comparator_offset"].variation
    # sqrt(2) 5 mV um / sqrt(4 um 0.5 um); what they have in common is trimmed away
    assert spread.sigma == pytest.approx(5e-3)
    assert value(entries["mingru.comparator_offset"]) == 0.0
    assert entries["mingru.comparator_offset"].reference["trimmed"] == pytest.approx(2e-3)


def test_widest_corner_counts_three_sigma(entries: dict[str, Entry]) -> None:
    (spread,) = entries["mingru.gain_h"].variation
    assert spread.source == "die"
    assert spread.sigma == pytest.approx(0.01)
    dies = [t.sigma for t in entries["mingru.gate_offset"].variation if t.source == "die"]
    assert dies == [pytest.approx(3e-3 / 3 * 0.4)]


def test_droop_is_the_charge_of_half_the_span_over_the_measured_leakage(entries: dict[str, Entry]) -> None:
    current = 3 * 0.5e-6 * 2 * 3e-7
    assert value(entries["mingru.tau_leak"]) == pytest.approx(28.9e-15 * 0.296 / current)


def test_energy_of_a_step_adds_up_to_the_simulated_one(entries: dict[str, Entry]) -> None:
    step = value(entries["mingru.energy_column"]) + 64 * value(entries["mingru.energy_row"])
    assert step == pytest.approx(64e-15 + 3e-12)


def test_chips_can_be_drawn_from_the_entries(entries: dict[str, Entry]) -> None:
    assert {n.removeprefix("mingru.") for n in entries} - set(QUANTITIES) == {
        "switch.i_off_n",
        "switch.i_off_p",
    }
    table = CalibrationTable("mingru_x", "1.0.0", "2026-01-01T00:00:00Z", entries, Provenance("virtual"))
    codes = np.zeros((64, 8), dtype=np.uint8)
    network = MinGruNetwork((MinGruLayer(weight_h=codes, weight_z=codes, slope=2.0),))
    core = draw(network, table, 1, ("within_die",)).cores[0]
    # 5 mV over half of 592 mV, times 63 codes per unit at a slope of 2.
    spread = np.std(
        [draw(network, table, s, ("within_die",)).cores[0].array("gate_offset") for s in range(80)]
    )
    assert spread == pytest.approx(5e-3 / 0.296 * 63.0, rel=0.1)
    assert core.array("swap_gain") == pytest.approx(0.85)


def test_droop_needs_the_leakage_of_switches() -> None:
    column = MingruColumn(rows=64.0)
    none = np.zeros(3)
    found = Found(
        column, 4, 3, {"vos_h": none, "vos_z": none}, {"dv_swap_unit": none}, {"sigma_ratio": 0.9}, {}
    )
    found = dataclasses.replace(found, energy={"e_array": 0.0, "e_supply": 0.0, "e_control": 0.0})
    with pytest.raises(TableError, match=r"the devices lack the entry mingru.switch.i_off_n"):
        core_entries({"tt": CoreFit(VALUES, {})}, found, {}, get_process("generic130"))
