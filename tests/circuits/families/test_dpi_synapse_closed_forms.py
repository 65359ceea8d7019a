"""Transistor-level DPI synapse against its equations; tolerances are stated with each claim."""

from __future__ import annotations

import math

import numpy as np
import pytest

from circuits.deck import FloatArray, Simulator
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_synapse import (
    SynapseDecay,
    SynapsePair,
    SynapseResponse,
    SynapseTraces,
    SynapseTrain,
    SynapseTurnOn,
)
from circuits.families.dpi_synapse_static import SynapseNoise, SynapseRest, SynapseVoltageBias
from circuits.families.fet import BOLTZMANN_OVER_CHARGE, PFet, PFetIdVg
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from tests.circuits.families.dpi_bench import observe, skip_without_cards

THERMAL = BOLTZMANN_OVER_CHARGE * 300.15
CHARGE = 1.602176634e-19


def _traces(simulator: Simulator, bench: SynapseResponse) -> SynapseTraces:
    process, conditions = get_process("generic130"), Conditions()
    return bench.traces(simulator.run(bench.deck(process, conditions)), process, conditions)


def test_tau_is_c_ut_over_kappa_i_tau_over_four_decades(pool: Pool) -> None:
    leaks = np.logspace(math.log10(50e-15), math.log10(500e-12), 9)
    seen = observe(pool, [SynapseDecay(dut=DpiSynapse(i_tau=float(leak))) for leak in leaks])
    for leak, point in zip(leaks, seen, strict=True):
        expected = 1.5e-12 * THERMAL / (point["kappa"] * leak)
        assert point["tau_syn"] == pytest.approx(expected, rel=0.06), leak


def test_decay_is_exponential_at_every_level_in_weak_inversion(pool: Pool) -> None:
    windows = ((0.8, 0.3), (0.3, 0.1), (0.1, 0.03), (0.03, 0.02))
    dut = DpiSynapse(i_gain=5e-12)
    benches = [SynapseDecay(dut=dut, i_high=high, i_low=low) for high, low in windows]
    seen = observe(pool, benches)
    taus = np.array([point["tau_syn"] for point in seen])
    assert np.ptp(taus) / taus.mean() < 0.03
    assert max(point["ln_residual"] for point in seen) < 0.01


def test_pulse_width_is_inverse_to_the_refill_current_and_bounded_by_the_supply(pool: Pool) -> None:
    slow, fast = observe(pool, [SynapseDecay(dut=DpiSynapse(i_pulse=i)) for i in (2e-9, 4e-9)])
    assert (slow["t_pulse"] - 1e-6) / (fast["t_pulse"] - 1e-6) == pytest.approx(2.0, rel=0.05)
    assert slow["t_pulse"] < 1e-6 + 100e-15 * 1.8 / 2e-9


def test_turn_on_follows_the_implicit_solution(pool: Pool) -> None:
    """Time between levels: (1/m){ln(u/u_i)/(r-1) + r/(r-1) ln[(r-1-u_i)/(r-1-u)]}, within 3 %.

    r and the slope ratio come from plateaus, tau from the decay; nothing is fitted to the curve.
    """
    weights = (15e-12, 25e-12, 35e-12)
    benches = [SynapseTurnOn(dut=DpiSynapse(i_weight=w, i_gain=100e-12), span=20.0) for w in weights]
    plateaus = [point["i_inf"] for point in observe(pool, benches)]
    decay = observe(pool, [SynapseDecay(dut=DpiSynapse(i_gain=20e-12))])[0]
    ratios, m, i_gain = _pair_law(np.array(weights) / 5e-12, np.array(plateaus))
    r = ratios[1]
    dut = DpiSynapse(i_weight=weights[1], i_gain=100e-12)
    bench = SynapseResponse(dut=dut, spike_times=(1e-3,), t_spike=0.3, t_stop=0.25)
    (outcome,) = pool.map(_traces, [bench])
    assert outcome.error is None
    assert outcome.value is not None
    trace = outcome.value
    levels = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9]) * plateaus[1]
    times = np.interp(levels, trace.i_syn, trace.t)
    u = (levels / i_gain) ** m
    solution = (np.log(u / u[0]) + r * np.log((r - 1 - u[0]) / (r - 1 - u))) / (m * (r - 1))
    assert np.diff(times) == pytest.approx(np.diff(solution) * decay["tau_syn"], rel=0.03)


def _pair_law(nominal: FloatArray, plateau: FloatArray) -> tuple[FloatArray, float, float]:
    """r of each input, m and I_g from r - 1 = (I_inf / I_g)^m, r = gain * nominal, by three points."""

    def misfit(gain: float) -> float:
        x, y = np.log(plateau), np.log(gain * nominal - 1)
        return float((y[2] - y[1]) / (x[2] - x[1]) - (y[1] - y[0]) / (x[1] - x[0]))

    gains = np.linspace(0.9, 1.4, 5001)
    gain = float(gains[np.argmin(np.abs([misfit(g) for g in gains]))])
    x, y = np.log(plateau), np.log(gain * nominal - 1)
    m = float((y[2] - y[0]) / (x[2] - x[0]))
    return gain * nominal, m, float(np.exp(x[1] - y[1] / m))


def test_growth_from_the_floor_is_faster_for_a_stronger_input(pool: Pool) -> None:
    weak, strong = observe(
        pool, [SynapseTurnOn(dut=DpiSynapse(i_weight=w, i_gain=400e-12)) for w in (30e-12, 60e-12)]
    )
    assert strong["tau_on"] < 0.6 * weak["tau_on"]
    assert weak["tau_on"] == pytest.approx(10.6e-3 / 5, rel=0.2)


def test_increment_far_above_the_gain_current_is_that_of_the_linear_limit_within_a_fifth(pool: Pool) -> None:
    (seen,) = observe(pool, [SynapseDecay()])
    linear = 20e-12 * (20e-9 / 5e-12) * -math.expm1(-seen["t_pulse"] / seen["tau_syn"])
    assert seen["di_spike"] == pytest.approx(linear, rel=0.2)
    assert seen["di_first"] < seen["di_spike"]


def test_mean_current_of_a_train_grows_almost_linearly_with_its_rate(pool: Pool) -> None:
    slow, fast = observe(pool, [SynapseTrain(rate=rate) for rate in (100.0, 200.0)])
    assert fast["i_mean"] / slow["i_mean"] == pytest.approx(2.0, rel=0.1)


def test_a_pair_from_rest_gives_more_than_the_sum_of_two_spikes(pool: Pool) -> None:
    (seen,) = observe(pool, [SynapsePair()])
    assert seen["eps_lin"] > 0.05
    assert seen["di_second"] > seen["di_first"]


def test_output_floor_is_the_off_current_of_the_output_transistor(pool: Pool) -> None:
    rest, device = observe(pool, [SynapseRest(), PFetIdVg(dut=PFet(w=2e-6, l=1e-6))])
    assert rest["i_floor"] == pytest.approx(device["i_off"], rel=0.02)
    assert 0 <= rest["v_rest"] < 1e-4


def test_state_noise_is_shot_noise_with_flicker_and_bias_lines_on_top(pool: Pool) -> None:
    (seen,) = observe(pool, [SynapseNoise()])
    shot = math.sqrt(0.744 * CHARGE / (1.5e-12 * THERMAL))
    assert shot < seen["sigma_rel"] < 2 * shot


def test_noise_falls_with_the_square_root_of_the_capacitor(pool: Pool) -> None:
    small, large = observe(
        pool, [SynapseNoise(dut=DpiSynapse(i_weight=30e-12, c_syn=c)) for c in (0.5e-12, 2e-12)]
    )
    assert 1.5 < small["sigma_rel"] / large["sigma_rel"] < 2.1


def test_current_bias_drifts_with_one_over_t_and_voltage_bias_ten_times_more(pool: Pool) -> None:
    benches = [SynapseDecay(), SynapseVoltageBias()]
    cold = observe(pool, benches, conditions=Conditions(temperature=290.15))
    warm = observe(pool, benches, conditions=Conditions(temperature=310.15))
    current, voltage = (math.log(w["tau_syn"] / c["tau_syn"]) / 20 for w, c in zip(warm, cold, strict=True))
    assert current == pytest.approx(1 / 300.15, rel=0.1)
    assert -0.08 < voltage < -0.03


def test_energy_of_a_spike_covers_its_parts_and_little_more(pool: Pool) -> None:
    (seen,) = observe(pool, [SynapseDecay()])
    parts = 1.8 * seen["t_pulse"] * 20e-9 + 100e-15 * 1.8**2
    assert parts < seen["e_spike"] < 2 * parts


@pytest.mark.parametrize("corner", ["ff", "ss", "sf", "fs"])
def test_current_bias_holds_tau_over_corners_within_three_per_cent(pool: Pool, corner: str) -> None:
    typical = observe(pool, [SynapseDecay()])[0]
    seen = observe(pool, [SynapseDecay()], conditions=Conditions(corner=corner))[0]
    assert seen["tau_syn"] == pytest.approx(typical["tau_syn"], rel=0.03)


@pytest.mark.parametrize("process", ["sky130", "gf180"])
def test_the_same_testbenches_run_on_foundry_cards(pool: Pool, process: str) -> None:
    skip_without_cards(process)
    benches = [SynapseDecay(), SynapseTurnOn(), SynapsePair(), SynapseRest(), SynapseNoise()]
    decay = observe(pool, benches, process)[0]
    assert decay["tau_syn"] == pytest.approx(1.5e-12 * THERMAL / (decay["kappa"] * 5e-12), rel=0.05)
    assert decay["ln_residual"] < 0.03
