"""Leaky integrator at transistor level: hand analysis of step and tau, programming through the plate line."""

from __future__ import annotations

import math

import pytest

from circuits.deck import Simulator
from circuits.families.memcap_integrator import IntegratorDecay, MemcapIntegrator
from circuits.families.memcap_program import IntegratorWrite
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench


def measured(simulator: Simulator, bench: Testbench) -> dict[str, float]:
    return bench.run(simulator, get_process("generic130"), Conditions())


def run(pool: Pool, *benches: Testbench) -> list[dict[str, float]]:
    outcomes = pool.map(measured, list(benches))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return [o.value for o in outcomes if o.value is not None]


def test_state_programs_tau_up_and_step_down_by_the_window(pool: Pool) -> None:
    low, high = run(
        pool, *(IntegratorDecay(dut=MemcapIntegrator(x_start=x), t_spike=1e-5) for x in (0.0, 1.0))
    )
    assert low["v_step"] / high["v_step"] == pytest.approx(1.3, rel=0.01)
    assert high["tau"] / low["tau"] == pytest.approx(1.3, rel=0.05)
    # r_m C by hand; sinh and the transistors' leakage shorten it by less than a tenth.
    assert 0.9 < low["tau"] / MemcapIntegrator().tau() < 1.0


def test_plate_line_writes_the_state_by_hand_analysis_in_both_directions(pool: Pool) -> None:
    up, down = run(
        pool, IntegratorWrite(), IntegratorWrite(dut=MemcapIntegrator(x_start=1.0), v_program=-3.0)
    )
    # Rate 1e5/(V s) times the area above 1.2 V of a trapezoid of 3 V, 1 us and edges of 100 ns.
    moved = 1.0 - math.exp(-1e5 * 1.8 * (1e-6 + 0.6 * 100e-9))
    assert up["x_written"] == pytest.approx(moved, rel=0.02)
    assert 1.0 - down["x_written"] == pytest.approx(moved, rel=0.02)
    # Switched charge at about 3 V, and C V^2 of the dielectric, partly returned.
    assert up["e_program"] > 0.9 * 3.0 * 20e-12 * up["x_written"]


def test_membrane_is_held_and_slow_edges_hold_it_better(pool: Pool) -> None:
    fast, slow, weak = run(
        pool, IntegratorWrite(), IntegratorWrite(t_ramp=1e-6), IntegratorWrite(v_program=1.1, t_program=1e-5)
    )
    assert fast["v_disturb"] < 0.5
    assert slow["v_disturb"] < 0.1
    assert weak["x_written"] < 1e-6, "below threshold nothing is written"
