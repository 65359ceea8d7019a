"""Ferroelectric capacitor of hysterons: netlist against integration, minor loops, ramp rate, passivity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families.memcap_bench import running_charge
from circuits.families.memcap_fecap import Fecap, FecapLoop
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions

FloatArray = NDArray[np.float64]


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


def test_netlist_follows_the_integrated_equations_and_conserves_charge(pool: Pool) -> None:
    from scipy.integrate import solve_ivp

    bench = FecapLoop(v_top=1.2, v_bottom=-1.1, dut=Fecap(p_start=0.25))
    (outcome,) = pool.map(waves_of, [bench])
    assert outcome.value is not None, outcome.error
    time, v, current, states = outcome.value
    corners, volts = bench.corners()
    instants = np.clip(time, 0.0, corners[-1])
    truth = solve_ivp(
        lambda t, p: bench.dut.rate(p, float(np.interp(t, corners, volts))),
        (0.0, float(corners[-1])), np.full(8, 0.25), "LSODA", instants,
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
    # A hysteron switches at its threshold + s ln[0.69 r/(k s)] by hand.
    shift = dut.s_switch * math.log(math.log(2.0) * 1e5 / (dut.k_switch * dut.s_switch))
    assert one["v_c_up"] == pytest.approx(dut.v_up + shift, abs=0.05)
    assert one["v_c_down"] == pytest.approx(dut.v_down - shift, abs=0.05)


def test_slower_ramps_switch_lower_by_2_3_s_a_decade(pool: Pool) -> None:
    slow, fast = run(pool, FecapLoop(ramp=1e3), FecapLoop(ramp=1e4))
    assert fast["v_c_up"] - slow["v_c_up"] == pytest.approx(Fecap().s_switch * math.log(10.0), rel=0.15)


def test_minor_loops_open_less_and_every_loop_takes_energy_up(pool: Pool) -> None:
    found = run(pool, *(FecapLoop(v_top=a, v_bottom=-b) for a, b in ((3, 3), (1, 3), (3, 1), (0.8, 0.9))))
    opening = [one["q_opening"] for one in found]
    assert opening[0] > max(opening[1:3])
    assert min(opening[1:3]) > opening[3] > 0
    assert all(one["e_hysteresis"] > 0 for one in found)


def test_hysterons_that_would_give_energy_are_refused() -> None:
    with pytest.raises(ParameterError, match="would switch up at"):
        Fecap(v_up=-0.8, v_down=-0.9)
