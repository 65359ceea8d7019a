"""Ferroelectric capacitor of hysterons: netlist against integration, minor loops, ramp rate, passivity."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from vacask_run import simulate_twin, twin_defaults

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families.memcap_bench import running_charge
from circuits.families.memcap_fecap import Fecap, FecapLoop
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions

FloatArray = NDArray[np.float64]
CASES = {
    "minor": FecapLoop(v_top=1.2, v_bottom=-1.1, dut=Fecap(p_start=0.25)),
    "imprint": FecapLoop(
        ramp=3e4, dut=Fecap(v_imprint=-0.4, m_switch=1.3, t_inf=1e-11, v_up=1.1, v_down=-0.8)
    ),
}


def measured(simulator: Simulator, bench: FecapLoop) -> dict[str, float]:
    return bench.run(simulator, get_process("generic130"), Conditions())


def waves_of(simulator: Simulator, bench: FecapLoop) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Time, voltage, current and states of the hysterons."""
    waves = simulator.run(bench.deck(get_process("generic130"), Conditions())).analyses[0]
    states = np.stack([waves[f"xdut.xh{k}.p"] for k in range(1, 9)])
    return waves["time"], waves["top"], -waves["vs#branch"], states


def run(pool: Pool, *benches: FecapLoop) -> list[dict[str, float]]:
    outcomes = pool.map(measured, list(benches))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return [o.value for o in outcomes if o.value is not None]


@pytest.mark.parametrize("name", sorted(CASES))
def test_netlist_follows_the_integrated_equations_and_conserves_charge(name: str, pool: Pool) -> None:
    bench = CASES[name]
    from scipy.integrate import solve_ivp

    (outcome,) = pool.map(waves_of, [bench])
    assert outcome.value is not None, outcome.error
    time, v, current, states = outcome.value
    corners, volts = bench.corners()
    instants = np.clip(time, 0.0, corners[-1])
    truth = solve_ivp(
        lambda t, p: bench.dut.rate(p, float(np.interp(t, corners, volts))),
        (0.0, float(corners[-1])), np.full(8, bench.dut.p_start), "LSODA", instants,
        rtol=1e-9, atol=1e-11, max_step=float(corners[-1]) / 2000,
    )  # fmt: skip
    assert truth.success
    assert np.ptp(truth.y) > 0.9
    assert np.max(np.abs(states - truth.y)) <= 2e-3
    flown = running_charge(time, current - bench.dut.leakage(v))
    held = bench.dut.charge(states, v)
    assert np.max(np.abs(flown - held)) <= 1e-3 * np.max(np.abs(held))


def test_saturated_loop_opens_by_the_switched_polarisation(pool: Pool) -> None:
    (one,) = run(pool, FecapLoop())
    dut = Fecap()
    assert one["q_opening"] == pytest.approx(dut.area * dut.p_s, rel=1e-3)
    up, down = dut.coercive(1e5)
    assert one["v_c_up"] == pytest.approx(up, abs=0.03)
    assert one["v_c_down"] == pytest.approx(down, abs=0.03)


def test_faster_ramps_switch_higher_as_nucleation_limits_them(pool: Pool) -> None:
    slow, fast = run(pool, FecapLoop(ramp=1e3), FecapLoop(ramp=1e4))
    expected = Fecap().coercive(1e4)[0] - Fecap().coercive(1e3)[0]
    assert 0.05 < expected < math.log(10.0) * 0.9 / (2 * math.log(1e4))
    assert fast["v_c_up"] - slow["v_c_up"] == pytest.approx(expected, rel=0.2)


def test_imprint_shifts_both_coercive_voltages_and_keeps_what_switches(pool: Pool) -> None:
    plain, shifted = run(pool, FecapLoop(), FecapLoop(dut=Fecap(v_imprint=-0.5)))
    for name in ("v_c_up", "v_c_down"):
        assert shifted[name] - plain[name] == pytest.approx(-0.5, abs=0.01)
    # At 0 V the shifted film has a field of its own, which moves the weakest hysterons.
    assert 0.95 < shifted["q_opening"] / plain["q_opening"] < 1.0
    assert min(plain["e_hysteresis"], shifted["e_hysteresis"]) > 0.0, "passive"


def test_constant_voltage_switches_by_the_law_of_nucleation() -> None:
    """Of hysterons alike, 1 - 1/e is switched after t_inf exp[(V_a/V)^m]; the fit law says the same."""
    from calibration.laws import get_law

    dut = Fecap(w_up=1e-3, w_down=1e-3)
    values = {
        "p_s": 1.0, "t_inf": dut.t_inf, "m": dut.m_switch, "n": 1.0,
        "v_activation": dut.v_up * math.log(dut.t_switch / dut.t_inf) ** (1 / dut.m_switch),
    }  # fmt: skip
    for v in (0.8, 0.9, 1.1):
        speed = float(np.mean(dut.rate(np.zeros(8), v)))
        assert float(get_law("nls_switched")({"v": v, "time": 1 / speed}, values)) == pytest.approx(
            1 - math.exp(-1), rel=1e-3
        )


def test_minor_loops_open_less_and_every_loop_takes_energy_up(pool: Pool) -> None:
    found = run(pool, *(FecapLoop(v_top=a, v_bottom=-b) for a, b in ((3, 3), (1, 3), (3, 1), (0.8, 0.9))))
    opening = [one["q_opening"] for one in found]
    assert opening[0] > max(opening[1:3])
    assert min(opening[1:3]) > opening[3] > 0
    assert all(one["e_hysteresis"] > 0 for one in found)


def test_hysterons_that_would_give_energy_are_refused() -> None:
    with pytest.raises(ParameterError, match="would switch up"):
        Fecap(v_up=0.3, w_up=0.15)
    with pytest.raises(ParameterError, match="accepted: below t_switch"):
        Fecap(t_inf=1e-6, t_switch=1e-6)


@pytest.mark.parametrize("name", sorted(CASES))
def test_verilog_a_twin_gives_the_waveform_of_the_netlist(name: str, pool: Pool, tmp_path: Path) -> None:
    bench = CASES[name]
    twin = simulate_twin(bench.dut, bench.corners(), tmp_path)
    (outcome,) = pool.map(waves_of, [bench])
    assert outcome.value is not None, outcome.error
    time, _, current, states = outcome.value
    at = np.linspace(0.0, float(bench.corners()[0][-1]), 4001)
    for k in range(8):
        mine = np.interp(at, time, states[k])
        assert np.max(np.abs(np.interp(at, twin["time"], twin[f"xd:h{k + 1}"]) - mine)) <= 2e-3
    mine = np.interp(at, time, current)
    error = np.interp(at, twin["time"], -twin["vs:flow(br)"]) - mine
    assert np.sqrt(np.mean(error**2)) <= 0.01 * np.sqrt(np.mean(mine**2))


def test_verilog_a_and_netlist_have_the_same_defaults() -> None:
    assert twin_defaults("fecap") == pytest.approx(Fecap().values())
