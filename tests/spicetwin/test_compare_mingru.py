"""minGRU cores against their twin: designed gains, fitted gains, and the comparison as a whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from circuits.cosim import CoSimulation
from circuits.cosim.result import EarlyEnd
from circuits.deck import Waveforms
from circuits.families.mingru_column import IdealMingruColumn, MingruColumn
from circuits.families.mingru_run import ColumnJob, ColumnRun
from circuits.ngspice.pool import Pool
from pysim.mingru import MinGruChip, MinGruNetwork
from pysim.mingru.reference import LayerState, converted, effective, swapped
from spicetwin.calibrate.mingru_core import (
    BIAS_STEP,
    CoreFit,
    CoreFitError,
    calibration_job,
    column_layer,
    designed,
    fit_core,
)
from spicetwin.calibrate.mingru_gate import aimed_job, with_gate
from spicetwin.compare.mingru import MingruComparison, compare_cores, compare_mingru, write_states
from spicetwin.compare.mingru_cases import FULL, QUICK, CoreCase, drive
from tests.circuits.mingru_ideal import ideal_column

TRUE = CoreFit(
    {
        "gain_h": 0.74,
        "gain_z": 0.75,
        "bias_gain_h": 0.48,
        "bias_gain_z": 0.5,
        "offset_h": 1.5e-3,
        "offset_z": -2e-3,
        "gate_slope": 1.0,
        "gate_offset": -0.3,
        "swap_gain": 0.85,
        "injection_base": 2e-4,
        "injection_swap": -1e-3,
        "injection_state": 4e-3,
        "comparator_offset": 5e-3,
    },
    {},
)


def run_of(fit: CoreFit, job: ColumnJob) -> ColumnRun:
    """What co-simulation would give if the column were this twin; every step has its own biases."""
    assert job.bias_steps is not None
    column, unit = job.column, job.column.v_fs / 2
    h, rows = 0.0, []
    for inputs, (bias_h, bias_z) in zip(job.inputs, job.bias_steps, strict=True):
        weights = tuple(np.array(w)[:, None] for w in job.weights)
        layer = column_layer(column, weights)  # type: ignore[arg-type]
        core = fit.effects(layer)
        mean_h = np.array(inputs) @ (layer.levels_h[:, 0] / 3) / layer.rows
        mean_z = np.array(inputs) @ (layer.levels_z[:, 0] / 3) / layer.rows
        v = fit.values
        a_h = v["gain_h"] * mean_h + v["bias_gain_h"] * BIAS_STEP * bias_h + v["offset_h"]
        a_z = v["gain_z"] * mean_z + v["bias_gain_z"] * BIAS_STEP * bias_z + v["offset_z"]
        gain, zero = core.gate(layer)
        k = int(converted(np.array([gain[0] * a_z + zero[0]]), core)[0][0])
        z = k / 2**layer.bits
        rest = v["injection_base"] + z * (v["injection_swap"] + v["injection_state"] * h)
        h = h + v["swap_gain"] * z * (a_h - h) + rest
        rows.append((a_h * unit, a_z * unit, h * unit, k, int(h > v["comparator_offset"])))
    v_ht, v_z, v_h, codes, outputs = (np.array(values) for values in zip(*rows, strict=True))
    finished = CoSimulation(Waveforms("tran", {"time": np.zeros(1)}), (), {}, None, 0.0)
    return ColumnRun(v_ht, v_z, v_h, codes.astype(np.int64), outputs.astype(np.int64), finished)


def test_the_gains_of_a_known_column_are_found_again() -> None:
    job = calibration_job(MingruColumn(rows=64.0), 40, 3)
    found = fit_core(run_of(TRUE, job), job)
    for name, value in TRUE.values.items():
        tolerance = {"gate_offset": 0.2, "comparator_offset": 4e-3}.get(name, 1e-6)
        assert found.values[name] == pytest.approx(value, abs=tolerance), name
    assert found.residual["h~"] < 1e-9
    assert found.residual["gate"] < 0.5
    assert abs(found.values["comparator_offset"] - 5e-3) <= found.residual["output"] + 1e-12


def test_aimed_steps_find_the_bits_of_a_converter_whose_line_is_not_straight() -> None:
    weight = (0.04, -0.02, 0.006, -0.002)
    true = dataclasses.replace(TRUE, gate_weight=weight)
    job = calibration_job(MingruColumn(rows=16.0), 40, 1)
    runs = [(run_of(true, job), job)]
    plain = fit = fit_core(*runs[0])
    for seed in range(4):
        aimed = aimed_job(job, fit, seed)
        assert len(aimed.inputs) == 15
        runs.append((run_of(true, aimed), aimed))
        fit = with_gate(fit, runs)
    held = calibration_job(MingruColumn(rows=16.0), 2000, 9)
    layer = column_layer(held.column, tuple(np.array(w)[:, None] for w in held.weights))  # type: ignore[arg-type]
    wanted = run_of(true, held)
    differ = []
    for twin in (plain, fit):
        core = twin.effects(layer)
        gain, zero = core.gate(layer)
        codes, _ = converted(gain * wanted.v_z[:, None] / (held.column.v_fs / 2) + zero, core)
        differ.append(float(np.mean(codes[:, 0] != wanted.k)))
    # Four rounds halve what is open of each threshold to a hundredth of a code.
    assert differ[0] > 0.015
    assert differ[1] < 0.01


def test_an_aimed_run_that_ended_early_is_refused() -> None:
    job = calibration_job(MingruColumn(rows=16.0), 40, 1)
    run = run_of(TRUE, job)
    ended = CoSimulation(
        Waveforms("tran", {"time": np.zeros(1)}), (), {}, EarlyEnd("time step", 0.0, None, None), 0.0
    )
    with pytest.raises(CoreFitError, match="aimed run of 16 rows"):
        with_gate(fit_core(run, job), [(dataclasses.replace(run, cosimulation=ended), job)])


def test_a_twin_that_is_told_the_codes_swaps_by_them() -> None:
    column = MingruColumn(rows=16.0)
    rng = np.random.default_rng(4)
    layer = column_layer(column, (rng.integers(0, 4, (16, 2)), rng.integers(0, 4, (16, 2))))
    core = dataclasses.replace(TRUE, gate_weight=(0.1, 0.0, 0.0, 0.0)).effects(layer)
    x = rng.integers(0, 2, (1, 6, 16)).astype(np.float64)
    own = effective(layer, core, x, LayerState.start(1, 2), None)
    assert own.codes is not None
    assert own.states is not None
    same = effective(layer, core, x, LayerState.start(1, 2), None, own.codes.astype(np.int64))
    np.testing.assert_array_equal(same.states, own.states)
    told = np.full((1, 6, 2), -1)
    told[0, 3, 1] = (int(own.codes[0, 3, 1]) + 1) % 16
    other = effective(layer, core, x, LayerState.start(1, 2), None, told)
    assert other.codes is not None
    assert other.states is not None
    assert int((other.codes != own.codes).sum()) == 1
    np.testing.assert_array_equal(other.states[0, :3], own.states[0, :3])
    assert (other.states[0, 3:, 1] != own.states[0, 3:, 1]).all()
    np.testing.assert_allclose(swapped(np.array([15]), core), core.swap_gain[0] * 15 / 16)


def test_a_calibration_that_ended_early_or_saw_few_codes_is_refused() -> None:
    job = calibration_job(MingruColumn(rows=64.0), 12, 3)
    run = run_of(TRUE, job)
    with pytest.raises(CoreFitError, match="gate codes"):
        fit_core(dataclasses.replace(run, k=np.full(12, 5)), job)
    with pytest.raises(CoreFitError, match="outputs"):
        fit_core(dataclasses.replace(run, y=np.ones(12, dtype=np.int64)), job)


def test_designed_gains_are_those_of_charge_conservation() -> None:
    column = IdealMingruColumn(rows=16.0)
    job = dataclasses.replace(calibration_job(column, 1, 3), biases=(5, -7), bias_steps=None)
    layer = column_layer(
        column,
        (np.array(job.weights[0])[:, None], np.array(job.weights[1])[:, None]),
        bias_h=[5],
        bias_z=[-7],
    )
    chip = MinGruChip((designed(column).effects(layer),))
    inputs = np.array(job.inputs, dtype=np.uint8)
    trace = MinGruNetwork((layer,)).run(inputs[None], chip, backend="numpy", record=True).trace
    assert trace is not None
    expected = ideal_column(job)
    np.testing.assert_array_equal(trace[0].codes[0, :, 0], expected["k"])
    np.testing.assert_allclose(trace[0].states[0, :, 0] * column.v_fs / 2, expected["v_h"], atol=1e-9)


def test_a_digit_drives_the_cores_with_activity_that_changes() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    for case in QUICK:
        driven = drive(case)
        assert driven.inputs.shape == (case.steps, case.rows)
        assert 0.05 < driven.inputs.mean() < 0.95
        assert (driven.inputs != driven.inputs[0]).any()


@pytest.mark.ngspice
def test_cores_are_what_their_twins_say(pool: Pool, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    comparison = compare_mingru(pool, quick=True)
    assert [check.claim for check in comparison.checks() if not check.passed] == []
    ideal, real = comparison.cores
    assert np.abs(ideal.state_error).max() * ideal.lsb < 1e-6
    assert np.ptp(real.code_spice) >= 2
    write_states(comparison, tmp_path / "cores.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["cores.nc"]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.ngspice
@pytest.mark.parametrize("case", FULL, ids=lambda case: f"{case.level}-{case.rows}x{case.columns}")
def test_full_cores_are_what_their_twins_say(case: CoreCase, tmp_path: Path) -> None:
    with Pool(2, timeout=7200.0) as pool:
        comparison = compare_cores(pool, (case,))
    assert all(check.passed for check in comparison.checks()), comparison.checks()


def test_a_core_that_is_missing_fails_the_comparison() -> None:
    checks = MingruComparison((), ("transistor level, 64 x 1, 20 steps: time-out",)).checks()
    assert [check.passed for check in checks] == [False]
    assert "time-out" in checks[0].value
