"""Delay cells in ngspice against their hand analysis: delay, leakage, trip points, lost spikes, energy, weight."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import pytest

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families.denram_branch import DenramBranch, branch_deck
from circuits.families.denram_cell import (
    VARIANTS,
    ChargeComparator,
    ChargeSchmitt,
    DecayComparator,
    DecaySchmitt,
)
from circuits.families.denram_delay import DelaySpike, DelayTrain
from circuits.families.denram_derived import DelayJitter
from circuits.families.denram_network import WeightCharge, curve
from circuits.families.denram_static import DelayLeakage, DelayTrip
from circuits.ngspice.errors import MeasureFailed
from circuits.ngspice.pool import Pool
from circuits.process import draw_mismatch, get_process
from circuits.testbench import Conditions, Testbench

HOT = 343.15
LINEAR = 1000.0


def observe(simulator: Simulator, item: tuple[Testbench, Conditions]) -> dict[str, float]:
    """One point on generic130."""
    bench, conditions = item
    return bench.run(simulator, get_process("generic130"), conditions)


@pytest.fixture(scope="module")
def found(pool: Pool) -> Mapping[str, dict[str, float]]:
    """Every point of this file, simulated once."""
    benches: dict[str, tuple[Testbench, Conditions]] = {
        "decay": (DelaySpike(dut=DecayComparator(v_sinh=LINEAR)), Conditions()),
        "decay sinh": (DelaySpike(dut=DecayComparator()), Conditions()),
        "decay schmitt": (DelaySpike(dut=DecaySchmitt()), Conditions()),
        "charge": (DelaySpike(dut=ChargeComparator(v_sinh=LINEAR)), Conditions()),
        "charge hot": (
            DelaySpike(dut=ChargeComparator(v_sinh=LINEAR), tail=3.0),
            Conditions(temperature=HOT),
        ),
        "leak": (DelayLeakage(), Conditions()),
        "leak hot": (DelayLeakage(), Conditions(temperature=HOT)),
        "trip": (DelayTrip(), Conditions()),
        "trip schmitt": (DelayTrip(dut=ChargeSchmitt()), Conditions()),
        "jitter": (DelayJitter(), Conditions()),
        "merge": (DelayTrain(spike_times=(1e-3, 4e-3, 2e-2)), Conditions()),
        "drop": (DelayTrain(dut=ChargeComparator(), spike_times=(1e-3, 4e-3, 2e-2)), Conditions()),
        "weight": (WeightCharge(), Conditions()),
        "weight half": (WeightCharge(conductance=15e-6), Conditions()),
    }
    outcomes = pool.map(observe, list(benches.values()))
    errors = {n: str(o.error) for n, o in zip(benches, outcomes, strict=True) if o.error is not None}
    assert not errors, errors
    return {n: o.value for n, o in zip(benches, outcomes, strict=True) if o.value is not None}


def test_decay_follows_r_c_ln(found: Mapping[str, dict[str, float]]) -> None:
    assert found["decay"]["t_d"] == pytest.approx(10e-3 * math.log(0.8 / 0.3), rel=0.015)


def test_sinh_shortens_the_delay_as_the_closed_form_says(found: Mapping[str, dict[str, float]]) -> None:
    expected = 10e-3 * math.log(math.tanh(0.8 / 0.6) / math.tanh(0.3 / 0.6))
    assert found["decay sinh"]["t_d"] == pytest.approx(expected, rel=0.015)
    assert found["decay sinh"]["t_d"] < 0.7 * found["decay"]["t_d"]


def test_charge_is_slowed_by_the_leakage_of_its_reset_transistor(
    found: Mapping[str, dict[str, float]],
) -> None:
    for place, leak in (("charge", found["leak"]), ("charge hot", found["leak hot"])):
        # The leakage at the middle of the charge stands for that at every voltage.
        drop = 10e9 * (leak["i_leak"] + 0.25 * leak["g_leak"])
        expected = 10e-3 * math.log((0.8 - drop) / (0.3 - drop))
        assert found[place]["t_d"] == pytest.approx(expected, rel=0.03)
    assert found["charge hot"]["t_d"] > 1.1 * found["charge"]["t_d"]


def test_leakage_is_activated_with_half_an_electronvolt(found: Mapping[str, dict[str, float]]) -> None:
    ratio = found["leak hot"]["i_leak"] / found["leak"]["i_leak"]
    activation = math.log(ratio) * 8.617e-5 / (1 / 300.15 - 1 / HOT)
    assert activation == pytest.approx(0.5, abs=0.05)


def test_comparator_trips_at_its_threshold_and_schmitt_trigger_by_the_square_law(
    found: Mapping[str, dict[str, float]],
) -> None:
    assert found["trip"]["v_plus"] == pytest.approx(0.3, abs=1e-3)
    assert found["trip"]["v_minus"] == pytest.approx(found["trip"]["v_plus"], abs=2e-4)
    assert found["trip schmitt"]["v_plus"] == pytest.approx(0.5 * (1.8 + 0.45), rel=0.05)
    assert found["trip schmitt"]["v_minus"] == pytest.approx(0.5 * (1.8 - 0.5), rel=0.08)


def test_output_pulse_is_the_charge_of_its_capacitor_over_its_current(
    found: Mapping[str, dict[str, float]],
) -> None:
    assert found["decay"]["t_pulse"] == pytest.approx(100e-15 * (1.8 - 0.43) / 10e-9, rel=0.05)


def test_a_schmitt_trigger_burns_a_hundred_times_a_comparator_s_energy(
    found: Mapping[str, dict[str, float]],
) -> None:
    assert found["decay schmitt"]["e_ramp"] > 100 * found["decay sinh"]["e_ramp"]
    # The current that empties the pulse's capacitor flows for the whole delay.
    drawn = 10e-9 * 1.8 * found["decay sinh"]["t_d"]
    assert found["decay sinh"]["e_ramp"] == pytest.approx(drawn, rel=0.25)


def test_stress_on_the_memory_is_the_set_level(found: Mapping[str, dict[str, float]]) -> None:
    assert found["decay"]["v_stress"] == pytest.approx(0.8, abs=5e-3)
    assert found["decay schmitt"]["v_stress"] == pytest.approx(1.8, abs=5e-3)
    assert found["decay"]["t_stress"] == pytest.approx(10e-3 * math.log(0.8 / 0.5), rel=0.03)


def test_jitter_is_noise_over_slope(found: Mapping[str, dict[str, float]]) -> None:
    jitter = found["jitter"]
    assert jitter["sigma_kt"] == pytest.approx(math.sqrt(1.380649e-23 * 300.15 / 1e-12), rel=1e-6)
    assert 1e-5 < jitter["sigma_stage"] < 1e-3
    slope = 0.3 / 10e9 * math.sinh(1.0) / 1e-12
    noise = math.hypot(jitter["sigma_stage"], jitter["sigma_kt"])
    assert jitter["jitter"] == pytest.approx(noise / slope, rel=1e-9)


def test_a_decay_merges_and_a_charge_drops_a_spike_within_the_delay(
    found: Mapping[str, dict[str, float]],
) -> None:
    assert found["merge"]["pulses"] == found["drop"]["pulses"] == 2.0
    assert found["merge"]["t_first"] == pytest.approx(3e-3 + found["decay sinh"]["t_d"], rel=5e-3)
    assert found["drop"]["t_first"] < 7.5e-3


def test_weight_current_is_the_memory_s_over_the_mirror(found: Mapping[str, dict[str, float]]) -> None:
    weight = found["weight"]
    assert weight["i_read"] / weight["i_weight"] == pytest.approx(200.0, rel=0.1)
    assert weight["q"] == pytest.approx(weight["i_weight"] * 14e-6, rel=0.03)
    assert 1.5 < weight["q"] / found["weight half"]["q"] < 2.0
    assert weight["v_stress"] < 0.5
    assert abs(weight["i_off"]) < 1e-3 * 5e-12


def test_half_width_of_a_tuning_curve_is_read_between_base_and_peak() -> None:
    import numpy as np

    gaps = np.linspace(-4.0, 4.0, 801)
    top, base, width, centre = curve(gaps, 1.0 + np.exp(-np.abs(gaps - 0.1)))
    assert top == pytest.approx(2.0, abs=1e-6)
    assert centre == pytest.approx(0.1, abs=0.03)
    assert width == pytest.approx(2 * math.log(2.0), rel=0.06)
    assert base < 1.03
    with pytest.raises(MeasureFailed, match=r"[01] times, not twice"):
        curve(gaps, gaps)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_a_trip_level_above_the_set_level_is_refused(variant: str) -> None:
    cell = dataclasses.replace(VARIANTS[variant](), v_set=0.2)
    with pytest.raises(ParameterError, match="below v_set"):
        cell.delay(1.8)


def test_mismatch_reaches_every_cell_and_an_unknown_one_is_refused() -> None:
    import numpy as np

    process = get_process("generic130")
    cell = DecayComparator()
    drawn = draw_mismatch(cell, process, np.random.default_rng(1))
    deck = DelaySpike(dut=cell).deck(process, Conditions(mismatch=drawn))
    assert sum(line.count("dvt_") for line in deck.lines if line.startswith("x")) == len(cell.geometries())
    with pytest.raises(ParameterError, match="unknown instance 'gate'"):
        cell.split({"gate.a": (0.0, 1.0)})
    branch = DenramBranch()
    chip = draw_mismatch(branch, process, np.random.default_rng(1))
    conditions = Conditions(mismatch=chip)
    lines = branch_deck(branch, process, conditions, [(1e-3,), ()], 1e-6, 1e-2, 1e-4).lines
    assert sum(line.count(" dvt_") for line in lines if line.startswith("x")) == len(branch.geometries())
    with pytest.raises(ParameterError, match="unknown transistor"):
        branch.split({"s9.w.cl": (0.0, 1.0)})


def test_a_branch_needs_whole_synapses_and_a_train_for_each() -> None:
    with pytest.raises(ParameterError, match="no whole number"):
        DenramBranch(synapses=1.5)
    with pytest.raises(ParameterError, match="1 input trains for 2 synapses"):
        branch_deck(DenramBranch(), get_process("generic130"), Conditions(), [(1e-3,)], 1e-6, 1e-2, 1e-4)
