"""Memcapacitor: netlist against the integrated equations and Verilog-A, charge conserved, passive."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from vacask_run import simulate_twin, twin_defaults

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families.memcap import Memcap, MemcapTrace, integrate
from circuits.families.memcap_bench import MemcapLoop, MemcapWrite, running_charge
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench

FloatArray = NDArray[np.float64]
Waves = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
CASES: dict[str, MemcapLoop] = {
    "default": MemcapLoop(),
    "skewed": MemcapLoop(
        dut=Memcap(k_up=4e5, v_up=0.8, k_down=6e4, v_down=1.6, tau_relax=2e-4, x_rest=0.3, c_high=0.05),
        amplitude_up=2.0,
    ),
}


def loop_waves(simulator: Simulator, bench: MemcapLoop) -> Waves:
    """Time, state, voltage and current of a loop."""
    waves = simulator.run(bench.deck(get_process("generic130"), Conditions())).analyses[0]
    return waves["time"], waves["xdut.x"], waves["top"], -waves["vs#branch"]


def measured(simulator: Simulator, bench: Testbench) -> dict[str, float]:
    return bench.run(simulator, get_process("generic130"), Conditions())


def run(pool: Pool, *benches: Testbench) -> list[dict[str, float]]:
    outcomes = pool.map(measured, list(benches))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return [o.value for o in outcomes if o.value is not None]


@pytest.fixture(scope="module")
def loops(pool: Pool) -> dict[str, Waves]:
    outcomes = pool.map(loop_waves, list(CASES.values()))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return {name: o.value for name, o in zip(CASES, outcomes, strict=True) if o.value is not None}


def reference(name: str) -> tuple[FloatArray, MemcapTrace]:
    bench = CASES[name]
    time = np.linspace(0.0, 2 * bench.period, 4001)
    return time, integrate(bench.dut, bench.source, bench.r_series, time)


@pytest.mark.parametrize("name", sorted(CASES))
def test_netlist_follows_the_integrated_equations(name: str, loops: dict[str, Waves]) -> None:
    spice_time, x, v, _ = loops[name]
    time, truth = reference(name)
    assert np.ptp(truth.x) > 0.5
    assert np.max(np.abs(np.interp(time, spice_time, x) - truth.x)) <= 2e-3
    assert np.max(np.abs(np.interp(time, spice_time, v) - truth.v)) <= 2e-3 * np.max(np.abs(truth.v))


@pytest.mark.parametrize("name", sorted(CASES))
def test_integral_of_the_current_is_the_charge_to_a_thousandth(name: str, loops: dict[str, Waves]) -> None:
    dut = CASES[name].dut
    time, x, v, current = loops[name]
    flown = running_charge(time, current - dut.leakage(v))
    held = dut.charge(x, v) - dut.charge(x[0], v[0])
    # Also against the reference, whose charge is an integrated state.
    at, truth = reference(name)
    assert np.max(np.abs(flown - held)) <= 1e-3 * np.max(np.abs(held))
    assert np.max(np.abs(np.interp(at, time, flown) - (truth.q - truth.q[0]))) <= 1e-3 * np.ptp(truth.q)


def test_loops_take_energy_up_at_any_amplitudes(pool: Pool) -> None:
    benches = [MemcapLoop(amplitude_up=a, amplitude_down=b) for a in (1.5, 3.0) for b in (1.5, 5.0)]
    found = run(pool, *benches, MemcapLoop(amplitude_up=1.0, amplitude_down=1.0))
    assert all(one["e_loop"] >= 0.0 for one in found), found
    # The default loop by hand: switched charge times the distance of the voltages at which it switches.
    (one,) = run(pool, MemcapLoop())
    dut = Memcap()
    switched = dut.area * dut.q_switch * (one["x_high"] - one["x_low"])
    assert 2 * dut.v_up < one["e_loop"] / switched < 2 * 3.0


def test_without_switched_charge_a_loop_gives_energy(pool: Pool) -> None:
    """What the charge term is for: C(x) V alone, raised at a low and lowered at a high voltage, is active."""
    bare = Memcap(q_switch=0.0, i_leak=0.0, k_up=1e6)
    (one,) = run(pool, MemcapLoop(dut=bare, amplitude_up=1.5, amplitude_down=5.0))
    assert one["e_loop"] < 0.0
    assert bare.passive_to() == 0.0
    assert Memcap().passive_to() == pytest.approx(2 * 0.2 / 0.0075)


def test_write_moves_the_state_by_the_area_beyond_the_threshold(pool: Pool) -> None:
    bench = MemcapWrite()
    (one,) = run(pool, bench)
    # Trapezoid of 3 V over 1 us with 100 ns edges: the part above 1.2 V.
    area = 1.8 * (bench.t_write + bench.t_edge * 1.8 / 3.0)
    assert one["x_after"] == pytest.approx(1 - math.exp(-bench.dut.k_up * area), abs=5e-3)
    assert one["c_before"] == pytest.approx(2.5e-12, rel=2e-3)
    assert one["c_after"] == pytest.approx(float(bench.dut.capacitance(one["x_after"])), rel=2e-3)
    # Energy of the write: switched charge at 3 V and more; a read costs C V^2.
    assert one["e_write"] > 0.9 * 3.0 * bench.dut.area * bench.dut.q_switch * one["x_after"]
    assert one["e_read"] == pytest.approx(one["c_after"] * 0.3**2, rel=0.2)


def test_read_below_threshold_leaves_the_state(pool: Pool) -> None:
    (one,) = run(pool, MemcapWrite(dut=Memcap(x_start=0.7), v_write=1.15, t_write=1e-4))
    assert one["x_after"] == pytest.approx(0.7, abs=1e-6)


def test_crossed_capacitances_are_refused() -> None:
    with pytest.raises(ParameterError, match="is below c_low"):
        Memcap(c_high=0.01)


@pytest.mark.parametrize("name", sorted(CASES))
def test_verilog_a_twin_gives_the_waveform_of_the_netlist(
    name: str, loops: dict[str, Waves], tmp_path: Path
) -> None:
    bench = CASES[name]
    twin = simulate_twin(bench.dut, bench.corners(), tmp_path, bench.r_series)
    end = 2 * bench.period
    time, x, _, current = loops[name]
    at = np.linspace(0.0, end, 4001)
    assert np.max(np.abs(np.interp(at, twin["time"], twin["xd:x"]) - np.interp(at, time, x))) <= 2e-3
    mine = np.interp(at, time, current)
    error = np.interp(at, twin["time"], -twin["vs:flow(br)"]) - mine
    assert np.sqrt(np.mean(error**2)) <= 0.01 * np.sqrt(np.mean(mine**2))


def test_verilog_a_and_netlist_have_the_same_defaults() -> None:
    assert twin_defaults("memcap") == pytest.approx(Memcap().values())
