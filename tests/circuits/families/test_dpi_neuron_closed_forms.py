"""Transistor-level DPI neuron against its equations; tolerances are stated with each claim."""

from __future__ import annotations

import pytest

from circuits.families.dpi import DpiNeuron
from circuits.families.dpi_neuron import (
    NeuronAdaptation,
    NeuronRate,
    NeuronResponse,
    NeuronRheobase,
    NeuronSpiking,
)
from circuits.families.fet import BOLTZMANN_OVER_CHARGE
from circuits.ngspice.pool import Pool
from circuits.testbench import Conditions
from tests.circuits.families.dpi_bench import observe, skip_without_cards

THERMAL = BOLTZMANN_OVER_CHARGE * 300.15

#: Adaptation switched off: its weight current is far below every other.
PLAIN = DpiNeuron(i_weight_ahp=1e-15)


def test_static_rheobase_separates_silence_from_spiking_within_five_per_cent(pool: Pool) -> None:
    (static,) = observe(pool, [NeuronRheobase(dut=PLAIN)])
    near = [NeuronRate(dut=PLAIN, i_in=f * static["i_rheobase"], t_run=0.15) for f in (0.95, 1.05)]
    silent, active = observe(pool, near)
    assert silent["spikes"] == 0
    assert silent["rate"] == 0
    assert active["spikes"] >= 1


def test_rheobase_follows_threshold_over_gain_to_the_slope_ratio(pool: Pool) -> None:
    thresholds = (0.5e-9, 2e-9)
    seen = observe(pool, [NeuronRheobase(dut=PLAIN.replace({"i_threshold": i})) for i in thresholds])
    for threshold, point in zip(thresholds, seen, strict=True):
        expected = 5e-12 * (1 + (0.95 * threshold / point["i_gain_fit"]) ** point["slope_ratio"])
        assert point["i_rheobase"] == pytest.approx(expected, rel=0.08)
        assert 1.0 < point["slope_ratio"] < 1.3


def test_rate_rises_with_input_current(pool: Pool) -> None:
    rates = observe(pool, [NeuronRate(dut=PLAIN, i_in=i, t_run=0.1) for i in (100e-12, 200e-12, 400e-12)])
    assert rates[0]["rate"] < rates[1]["rate"] < rates[2]["rate"]
    assert all(point["rate"] > 0 for point in rates)


def test_refractory_time_is_inverse_to_its_current(pool: Pool) -> None:
    benches = [
        NeuronSpiking(dut=PLAIN.replace({"i_refractory": i}), i_in=300e-12, t_run=0.05)
        for i in (200e-12, 400e-12)
    ]
    slow, fast = observe(pool, benches)
    assert slow["t_refractory"] / fast["t_refractory"] == pytest.approx(2.0, rel=0.05)
    assert fast["t_refractory"] == pytest.approx(500e-15 * 1.5 / 400e-12, rel=0.2)


def test_without_adaptation_a_constant_input_gives_a_regular_train(pool: Pool) -> None:
    (seen,) = observe(pool, [NeuronSpiking(dut=PLAIN, i_in=300e-12, t_run=0.08)])
    assert seen["isi_cv"] < 0.01
    assert seen["isi_last"] == pytest.approx(seen["isi_first"], rel=0.02)


def test_threshold_and_reset_bracket_the_membrane_current(pool: Pool) -> None:
    (seen,) = observe(pool, [NeuronSpiking(dut=PLAIN, i_in=300e-12, t_run=0.05)])
    assert seen["i_threshold"] == pytest.approx(1e-9, rel=0.25)
    assert seen["i_reset"] < 5e-12


def test_adaptation_slows_the_neuron_and_forgets_with_its_own_time_constant(pool: Pool) -> None:
    (seen,) = observe(pool, [NeuronAdaptation()])
    assert seen["rate_drop"] > 0.5
    assert seen["tau_ahp"] == pytest.approx(2e-12 * THERMAL / (0.735 * 1e-12), rel=0.05)
    assert seen["di_ahp"] > 1e-12


def test_more_adaptation_weight_gives_a_larger_increment(pool: Pool) -> None:
    benches = [NeuronAdaptation(dut=DpiNeuron(i_weight_ahp=w), t_run=0.15) for w in (2e-9, 8e-9)]
    weak, strong = observe(pool, benches)
    assert strong["di_ahp"] > 1.5 * weak["di_ahp"]


def test_silent_neuron_stays_at_rest_without_input(pool: Pool) -> None:
    (seen,) = observe(pool, [NeuronResponse(input_levels=((0.0, 0.0), (0.1, 0.0)), t_stop=0.1)])
    assert seen["spikes"] == 0
    assert seen["i_mem_max"] < 10e-12


@pytest.mark.parametrize(
    ("corner", "celsius"), [("ff", -20), ("ss", -20), ("ss", 85), ("sf", 85), ("tt", 85)]
)
def test_neuron_spikes_over_corners_and_temperatures(pool: Pool, corner: str, celsius: float) -> None:
    conditions = Conditions(corner=corner, temperature=celsius + 273.15)
    (seen,) = observe(pool, [NeuronRate(t_run=0.06)], conditions=conditions)
    assert seen["spikes"] >= 2


@pytest.mark.parametrize("process", ["sky130", "gf180"])
def test_the_same_neuron_spikes_on_foundry_cards(pool: Pool, process: str) -> None:
    skip_without_cards(process)
    rate, static = observe(pool, [NeuronRate(t_run=0.06), NeuronRheobase()], process)
    assert rate["spikes"] >= 3
    assert 40e-12 < static["i_rheobase"] < 120e-12
