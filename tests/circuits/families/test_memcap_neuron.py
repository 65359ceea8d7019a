"""Spiking neuron at transistor level: hand analysis of the interval, reset, energy; what cannot be measured."""

from __future__ import annotations

import pytest

from circuits.deck import Simulator
from circuits.families.memcap_neuron import MemcapNeuron, NeuronMembrane, NeuronSpikes
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench


def measured(simulator: Simulator, bench: Testbench) -> dict[str, float]:
    return bench.run(simulator, get_process("generic130"), Conditions())


def run(pool: Pool, *benches: Testbench) -> list[dict[str, float]]:
    outcomes = pool.map(measured, list(benches))
    assert all(o.error is None for o in outcomes), [o.error for o in outcomes]
    return [o.value for o in outcomes if o.value is not None]


def test_interval_follows_the_hand_analysis_and_grows_with_the_state(pool: Pool) -> None:
    low, high = (NeuronSpikes(dut=MemcapNeuron(x_start=x), v_bias=1.44, duration=2.6e-3) for x in (0.0, 1.0))
    off, on = run(pool, NeuronMembrane(v_bias=1.44), NeuronMembrane(v_bias=1.44, driven=1.0))
    current = off["i_rest"] - on["i_rest"]
    for bench, found in zip((low, high), run(pool, low, high), strict=True):
        assert found["count"] >= 2
        # By hand without sinh, transistors' leakage and the comparator's 10 us: 5 % together.
        assert found["interval"] == pytest.approx(bench.dut.interval(current, 0.3), rel=0.05)
        assert found["t_pulse"] == pytest.approx(14e-6, rel=0.1)
        assert abs(found["v_reset"]) < 5e-3
        # 2.5 bias currents from 1.8 V, and what the pulse and the input take.
        assert found["e_spike"] > 0.9 * 2.5 * 10e-9 * 1.8 * found["interval"]


def test_transistors_add_picoamperes_to_the_memristor(pool: Pool) -> None:
    (off,) = run(pool, NeuronMembrane(v_end=0.3))
    dut = MemcapNeuron()
    memristor = dut.v_sinh / dut.r_m * 1.1752
    assert 0 < off["i_end"] - memristor < 3e-12


def test_current_below_the_rheobase_has_no_interval_and_says_so(pool: Pool) -> None:
    (outcome,) = pool.map(measured, [NeuronSpikes(v_bias=1.6, duration=1e-3)])
    assert outcome.value is None
    assert "two or more are needed" in str(outcome.error)
