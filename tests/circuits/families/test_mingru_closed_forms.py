"""The column's testbenches: closed forms on ideal switches, hand predictions with stated limits on transistors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families import testbenches
from circuits.families.mingru_column import IdealMingruColumn, MingruColumn
from circuits.families.mingru_converters import MingruComparator, SarTransfer
from circuits.families.mingru_dynamic import MingruDroop, MingruEnergy, MingruNoise, MingruSettling
from circuits.families.mingru_static import (
    MingruBias,
    MingruCapacitors,
    MingruImc,
    MingruMemory,
    MingruSwap,
    without_reset,
)
from circuits.families.sar import IdealSarAdc
from circuits.families.sar_run import transfer
from circuits.ngspice.errors import MeasureFailed
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import draw_mismatch, get_process
from circuits.testbench import Conditions, Testbench


@dataclass(frozen=True)
class Point:
    bench: Testbench
    conditions: Conditions


def observe(simulator: Simulator, point: Point) -> dict[str, float]:
    return point.bench.run(simulator, get_process("generic130"), point.conditions)


def observed(pool: Pool, *benches: Testbench, conditions: Conditions | None = None) -> list[dict[str, float]]:
    where = conditions or Conditions()
    values = []
    for outcome in pool.map(observe, [Point(bench, where) for bench in benches]):
        assert outcome.error is None, outcome.error
        assert outcome.value is not None
        values.append(outcome.value)
    return values


def ideal(rows: float = 8.0, **values: float) -> IdealMingruColumn:
    return IdealMingruColumn(rows=rows, **values)


def line_ratio(column: MingruColumn) -> float:
    """1 / (1 + rho) of lines h~ and z: rows, wiring and bias DAC."""
    unit = column.c_unit + column.c_par
    rows = column.n_rows * unit
    return rows / (rows + column.c_wire * column.n_rows + 64 * column.c_bias)


def test_ideal_lines_attenuate_by_their_parasitic_alone(pool: Pool) -> None:
    column = ideal(c_load=20e-15)
    (found,) = observed(pool, MingruImc(dut=column, levels=4.0))
    assert found["g_imc_h"] == pytest.approx(line_ratio(column), rel=1e-6)
    loaded = 1 / (1 / line_ratio(column) + 20e-15 / (8 * 20.4e-15))
    assert found["g_imc_z"] == pytest.approx(loaded, rel=1e-6)
    assert max(abs(found[name]) for name in ("vos_h", "vos_z", "inl_h", "inl_z")) < 1e-8


def test_memory_is_the_parasitic_share_without_reset_and_nothing_with_it(pool: Pool) -> None:
    with_reset, without = observed(pool, MingruMemory(dut=ideal()), without_reset(MingruMemory(dut=ideal())))
    assert abs(with_reset["m_isi_h"]) < 1e-8
    assert without["m_isi_h"] == pytest.approx(1 - line_ratio(ideal()), rel=1e-5)
    assert without["m_isi_z"] == pytest.approx(1 - line_ratio(ideal()), rel=1e-5)


def test_one_hot_rows_weigh_their_drawn_capacitors(pool: Pool) -> None:
    column = ideal(a_c=0.05)
    draw = draw_mismatch(column, get_process("generic130"), np.random.default_rng(4))
    (found,) = observed(pool, MingruCapacitors(dut=column), conditions=Conditions(mismatch=draw))
    sizes = np.array([20e-15 * draw[f"z{row}.dev_z"][1] + 0.4e-15 for row in range(8)])
    assert found["sigma_c_z"] == pytest.approx(float(sizes.std(ddof=1) / sizes.mean()), rel=1e-4)
    total = float(sizes.sum()) + 8 * column.c_wire
    dac = sum(column.c_bias * 2**bit * draw[f"dbz.dev_{bit}"][1] for bit in range(6)) + column.c_bias
    assert found["row_z"] == pytest.approx(0.4 * float(sizes.mean()) / (total + dac), rel=1e-5)


def test_a_bias_code_moves_the_line_by_its_charge(pool: Pool) -> None:
    column = ideal()
    (found,) = observed(pool, MingruBias(dut=column, codes=9.0))
    expected = column.c_bias * column.v_bias / (8 * 20.4e-15 + 8 * column.c_wire + 64 * column.c_bias)
    assert found["g_bias_h"] == pytest.approx(expected, rel=1e-6)
    assert found["g_bias_z"] == pytest.approx(expected, rel=1e-6)
    assert found["inl_bias_h"] < 1e-5


def test_line_parasitic_is_a_pure_gain_of_the_gate(pool: Pool) -> None:
    (found,) = observed(pool, MingruSwap(dut=ideal(c_wire=2e-15), codes=7.0))
    assert found["kappa_z"] == pytest.approx(20.4 / 22.4, rel=1e-6)
    assert found["inl_z_eff"] < 1e-4
    assert found["dv_swap"] < 1e-7


def test_a_drawn_column_swaps_the_shares_of_its_capacitors(pool: Pool) -> None:
    column = ideal(rows=4.0, a_c=0.1, c_wire=0.0, c_par=0.0)
    draw = draw_mismatch(column, get_process("generic130"), np.random.default_rng(1))
    (nominal, found) = (
        observed(pool, MingruSwap(dut=column, codes=3.0))[0],
        observed(pool, MingruSwap(dut=column, codes=3.0), conditions=Conditions(mismatch=draw))[0],
    )
    assert nominal["inl_z_eff"] < 1e-5
    assert found["inl_z_eff"] > 1e-3


def test_transistor_lines_lose_little_more_than_by_hand(pool: Pool) -> None:
    """Junctions, overlaps and channels add about 4.5 fF a row, the comparator 17 fF: docs/physics-mingru.md."""
    column = MingruColumn(rows=4.0)
    imc, swap = observed(pool, MingruImc(dut=column), MingruSwap(dut=column))
    assert 0.8 < imc["g_imc_h"] / line_ratio(column) < 1.0
    assert abs(imc["vos_h"]) < 6.25e-3
    assert imc["inl_h"] < 6.25e-3 / 4
    assert 0.7 < swap["kappa_z"] < 20.4 / 20.9
    assert swap["dv_swap"] < 6.25e-3


def test_thermal_noise_of_the_state_is_that_of_its_capacitors(pool: Pool) -> None:
    """The gates' own capacitance adds about a fifth to every capacitor, so the noise is a tenth lower."""
    small, large = observed(
        pool, MingruNoise(dut=MingruColumn(rows=4.0)), MingruNoise(dut=MingruColumn(rows=16.0))
    )
    assert small["sigma_h"] / large["sigma_h"] == pytest.approx(2.0, rel=0.03)
    assert 0.85 < small["sigma_ratio"] < 1.0
    (wide,) = observed(pool, MingruNoise(dut=MingruColumn(rows=4.0, c_unit=200e-15)))
    assert wide["sigma_ratio"] == pytest.approx(1.0, rel=0.02)


def test_noise_of_ideal_switches_is_refused() -> None:
    with pytest.raises(ParameterError, match="transistor-level"):
        MingruNoise(dut=ideal()).deck(get_process("generic130"), Conditions())


def test_droop_of_ideal_switches_is_the_current_of_open_ones(pool: Pool) -> None:
    """Three open switches a row (pa, sa, hb) and the reset of the line pull towards the common mode."""
    column = ideal(rows=4.0)
    (found,) = observed(pool, MingruDroop(dut=column, v_hold=0.2, t_window=1e-3))
    capacitance = 4 * (20.4e-15 + 0.5e-15)
    assert found["droop"] == pytest.approx(-0.2 / 1e15 * 13 / capacitance, rel=1e-3)


def test_droop_of_transistors_is_far_below_a_quarter_lsb_per_step(pool: Pool) -> None:
    (found,) = observed(pool, MingruDroop(), conditions=Conditions(temperature=358.15))
    assert abs(found["droop"]) * MingruColumn().t_step < 0.25 * 0.8 / 64 * 1e-3
    assert found["droop"] != 0.0


def test_settling_is_slower_with_larger_capacitors(pool: Pool) -> None:
    small, large = observed(pool, MingruSettling(dut=ideal()), MingruSettling(dut=ideal(c_unit=80e-15)))
    assert large["t_set_p1"] == pytest.approx(80.4 / 20.4 * small["t_set_p1"], rel=0.2)
    assert large["t_set_p2"] > small["t_set_p2"]


def test_energy_of_the_ideal_array_is_that_of_charging_it(pool: Pool) -> None:
    (found,) = observed(pool, MingruEnergy(dut=ideal(rows=4.0), steps=2.0))
    column = ideal(rows=4.0)
    assert 0 < found["e_array"] < 2 * 2 * 4 * 20.4e-15 * column.v_fs**2
    assert found["e_control"] == pytest.approx(0.0, abs=1e-20)


def test_comparator_offset_is_the_mismatch_of_its_pair(pool: Pool) -> None:
    (found,) = observed(
        pool,
        MingruComparator(stairs=32.0),
        conditions=Conditions(mismatch={"ip": (6e-3, 1.0), "in": (-4e-3, 1.0)}),
    )
    assert found["v_os"] == pytest.approx(10e-3, abs=2.1e-3)
    assert abs(found["v_hys"]) <= 2.1e-3
    with pytest.raises(AssertionError, match="turns over 0 times"):
        observed(
            pool,
            MingruComparator(v_span=4e-3, stairs=8.0),
            conditions=Conditions(mismatch={"ip": (9e-3, 1.0)}),
        )


def test_an_ideal_converter_is_straight_and_its_knobs_are_slope_and_offset(pool: Pool) -> None:
    plain = IdealSarAdc(bits=4.0)
    loaded = IdealSarAdc(bits=4.0, c_load=320e-15, code_reset=36.0)
    one, two = observed(
        pool, *(SarTransfer(dut=adc, transitions=5.0, halvings=10.0) for adc in (plain, loaded))
    )
    resolution = 4 / 2**10  # of an LSB: two LSB to either side, ten halvings
    for found, adc in ((one, plain), (two, loaded)):
        assert found["lsb"] == pytest.approx(adc.lsb, rel=4 * resolution)
        assert abs(found["offset_codes"]) < 8 * resolution
        assert found["inl"] < 8 * resolution
    assert two["lsb"] / one["lsb"] == pytest.approx(1.25, rel=0.01)
    assert two["offset"] == pytest.approx(loaded.threshold(8), abs=0.02 * loaded.lsb)


def test_converter_mismatch_shows_as_the_steps_of_its_drawn_capacitors(pool: Pool) -> None:
    adc = IdealSarAdc(bits=3.0, a_c=0.3)
    draw = draw_mismatch(adc, get_process("generic130"), np.random.default_rng(2))
    (found,) = observed(
        pool, SarTransfer(dut=adc, transitions=7.0, halvings=11.0), conditions=Conditions(mismatch=draw)
    )
    sizes = [2**bit * draw[f"dac.dev_{bit}"][1] for bit in (3, 4, 5)]
    levels = [sum(size for j, size in enumerate(sizes) if code >> j & 1) for code in range(1, 8)]
    expected = transfer(range(1, 8), levels, 3)
    assert found["inl"] == pytest.approx(float(np.abs(expected.inl).max()), abs=0.02)
    assert found["inl"] > 0.02


def test_a_transfer_needs_three_rising_transitions() -> None:
    with pytest.raises(MeasureFailed, match="3 or more"):
        transfer([1, 2], [0.0, 1.0], 4)
    with pytest.raises(MeasureFailed, match="do not rise"):
        transfer([1, 2, 3], [1.0, 0.5, 0.0], 4)


def test_the_family_is_registered_and_takes_plans_with_samples_and_corners() -> None:
    names = {name for name, bench in testbenches().items() if bench.family in ("mingru", "sar")}
    assert len(names) == 11
    plan = Plan(MingruImc(), get_process("generic130"), corners=("tt", "ss"), samples=2)
    testbench, conditions = plan.runner().prepare(next(iter(plan.points())))
    assert len(conditions.mismatch) > 200
    assert math.isfinite(testbench.dut.values()["rows"])
