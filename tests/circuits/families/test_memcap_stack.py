"""One stack as capacitor and memristor, and its weight cell: hand analysis of what is observed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from circuits.deck import Simulator
from circuits.families.memcap_fecap import Fecap, FecapLoop
from circuits.families.memcap_stack import (
    FORMED,
    Memstack,
    ReadDisturb,
    StackConduction,
    StackDispersion,
    StackRetention,
)
from circuits.families.memcap_weight import StackWeight
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench


def measured(simulator: Simulator, bench: Testbench) -> dict[str, float]:
    return bench.run(simulator, get_process("generic130"), Conditions())


def run(pool: Pool, *benches: Testbench) -> list[dict[str, float]]:
    outcomes = pool.map(measured, list(benches))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return [o.value for o in outcomes if o.value is not None]


def test_window_shrinks_with_frequency_as_electrodes_and_absorption_say(pool: Pool) -> None:
    (one,) = run(pool, StackDispersion())
    stack = Memstack()
    for side, x in (("low", 0.0), ("high", 1.0)):
        slow, fast = stack.small_signal(np.array([1e3, 1e7]), x)
        assert one[f"c_{side}_1k"] == pytest.approx(slow, rel=1e-4)
        assert one[f"c_{side}_10m"] == pytest.approx(fast, rel=1e-3)
    assert one["r_c"] == pytest.approx(1.3, rel=0.01)
    assert 0.3 < one["window_kept"] < 0.9


def test_unformed_leaks_and_formed_conducts_in_two_states(pool: Pool) -> None:
    low, high = (Memstack(**FORMED, x_filament=x) for x in (0.0, 1.0))
    unformed, off, on = run(pool, *(StackConduction(dut=dut) for dut in (Memstack(), low, high)))
    stack = Memstack()
    filament = 0.27 / stack.r_off * math.sinh(0.2 / 0.27)
    assert unformed["i_read"] == pytest.approx(float(stack.leakage(0.2)) + filament, rel=0.05)
    assert unformed["i_double"] > 2.0 * unformed["i_read"], "sinh"
    assert off["g"] == pytest.approx(math.sinh(0.2 / 0.27) / (0.2 / 0.27) / 190e3, rel=0.03)
    assert on["r_p"] == pytest.approx(2e3 + stack.r_series, rel=0.02)


def test_relaxation_takes_of_the_window_what_its_law_says(pool: Pool) -> None:
    bench = StackRetention()
    (one,) = run(pool, bench)
    left = bench.dut.x_rest + (1.0 - bench.dut.x_rest) * math.exp(-bench.t_wait / bench.dut.tau_relax)
    assert one["c_end"] == pytest.approx(float(bench.dut.capacitance(left)), rel=1e-4)
    assert -0.03 < one["slope"] < -1e-3, "0.1 to 3 % a decade"


def test_reads_disturb_by_nucleation_and_little_at_small_voltage(pool: Pool) -> None:
    weak, strong = run(pool, ReadDisturb(v_read=0.25), ReadDisturb(v_read=0.5))
    assert weak["p_disturbed"] < 0.01
    assert strong["p_disturbed"] > 10 * weak["p_disturbed"]
    # Far from saturation the shares of the hysterons add up as their rates times the time.
    dut = Fecap()
    expected = float(np.mean(-np.expm1(-dut.rate(np.zeros(8), 0.25) * 1.0)))
    assert weak["p_disturbed"] == pytest.approx(expected, rel=0.02)


def test_butterfly_peaks_near_the_coercive_voltages(pool: Pool) -> None:
    (one,) = run(pool, FecapLoop())
    assert one["v_peak_up"] == pytest.approx(one["v_c_up"], abs=0.25)
    assert one["v_peak_down"] == pytest.approx(one["v_c_down"], abs=0.25)


def test_weight_sources_the_read_current_over_the_mirror_and_disturbs_nothing(pool: Pool) -> None:
    benches = [StackWeight(filament=x) for x in (0.0, 0.5, 1.0)]
    found = run(pool, *benches)
    for bench, one in zip(benches, found, strict=True):
        assert one["q"] == pytest.approx(one["i_read"] / 200 * bench.t_on, rel=0.6)
        assert one["v_stress"] < 0.3
        assert abs(one["dx_filament"]) < 1e-4
        assert abs(one["dx_capacitor"]) < 1e-9
        assert abs(one["i_off"]) < 1e-12, "far below the memristor's current"
    assert found[2]["q"] > 2 * found[1]["q"] > 4 * found[0]["q"] * 0.9
