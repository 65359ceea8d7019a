"""A minGRU column in lock-step: the ideal one computes the mathematical minGRU, the real one comes near it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from circuits.circuit import ParameterError
from circuits.cosim import CoSimulation
from circuits.cosim.result import EarlyEnd
from circuits.deck import Simulator, Waveforms
from circuits.families import mingru_run
from circuits.families.mingru_column import IdealMingruColumn, MingruColumn
from circuits.families.mingru_run import ColumnJob, ColumnRun, CoreError, core_jobs, run_column, run_core
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from circuits.ngspice.stepping import stepping
from circuits.process import draw_mismatch, get_process
from circuits.testbench import Conditions
from tests.circuits.mingru_ideal import ideal_column

#: Gate references away from sums of weights and biases, so that no code is a tie.
UNTIED = {"v_gate": 0.37, "v_reset": 0.0123}


def simulate(simulator: Simulator, job: ColumnJob) -> ColumnRun:
    """One column with its waveforms."""
    return run_column(stepping(simulator), job)


def run_jobs(pool: Pool, jobs: list[ColumnJob]) -> list[ColumnRun]:
    runs = []
    for outcome in pool.map(simulate, jobs):
        assert outcome.error is None, outcome.error
        assert outcome.value is not None
        runs.append(outcome.value)
    return runs


def random_jobs(rows: int, columns: int, steps: int, level: str, **parameters: float) -> list[ColumnJob]:
    rng = np.random.default_rng(rows + steps)
    weights = tuple(rng.integers(0, 4, (rows, columns)) for _ in range(2))
    biases = tuple(rng.integers(-32, 32, columns) for _ in range(2))
    inputs = rng.integers(0, 2, (steps, rows))
    values = {**UNTIED, **parameters}
    return core_jobs(values, (weights[0], weights[1]), (biases[0], biases[1]), inputs, level, theta=1.7e-3)


def test_an_ideal_column_is_the_mathematical_mingru(pool: Pool) -> None:
    jobs = random_jobs(16, 2, 6, "ideal") + random_jobs(4, 2, 4, "ideal", c_load=30e-15, gate_code=35.0)
    for job, run in zip(jobs, run_jobs(pool, jobs), strict=True):
        expected = ideal_column(job)
        assert run.cosimulation.ended is None
        np.testing.assert_array_equal(run.k, expected["k"])
        np.testing.assert_array_equal(run.y, expected["y"])
        for name in ("v_ht", "v_z", "v_h"):
            np.testing.assert_allclose(getattr(run, name), expected[name], rtol=0, atol=1e-6)
        assert np.ptp(expected["k"]) >= 1  # the comparison is about something
        assert np.abs(expected["v_h"]).max() > 2e-3


def test_every_share_conserves_charge_to_a_millionth(pool: Pool) -> None:
    (job,) = random_jobs(16, 1, 4, "ideal", c_wire=0.0, c_par=0.0)
    (run,) = run_jobs(pool, [job])
    n = job.column.n_rows
    before = np.concatenate([[0.0], run.v_h[:-1]])
    charge = (n - run.k) * before + run.k * run.v_ht  # in units of c_unit, before the share on line h
    span = n * job.column.v_fs / 2
    np.testing.assert_allclose(run.v_h * n, charge, rtol=0, atol=1e-6 * span)


def test_all_64_rows_swap_in_groups_of_one_unit(pool: Pool) -> None:
    (job,) = random_jobs(64, 1, 2, "ideal")
    (run,) = run_jobs(pool, [job])
    expected = ideal_column(job)
    np.testing.assert_array_equal(run.k, expected["k"])
    np.testing.assert_allclose(run.v_h, expected["v_h"], rtol=0, atol=1e-6)


def test_without_reset_the_line_remembers_its_parasitic_share(pool: Pool) -> None:
    (job,) = random_jobs(8, 1, 3, "ideal", line_reset=0.0, bias_ratio=0.1)
    (run,) = run_jobs(pool, [job])
    c = job.column
    fresh = ideal_column(job)["v_ht"]
    memory = (c.c_wire * 8 + 64 * c.c_bias) / (8 * (c.c_unit + c.c_par) + c.c_wire * 8 + 64 * c.c_bias)
    step = job.biases[0] * c.c_bias * c.v_bias / (c.c_wire * 8 + 64 * c.c_bias)
    expected, before = [], 0.0
    for value in fresh:
        expected.append(value + memory * before)
        before = expected[-1] - step  # the bias code returns to its middle while the line floats
    np.testing.assert_allclose(run.v_ht, expected, rtol=0, atol=1e-6)


def test_analog_rows_take_levels_between_the_weight_voltages(pool: Pool) -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 4, (8, 1)), rng.integers(0, 4, (8, 1))
    (job,) = core_jobs(UNTIED, weights, (0, 0), rng.random((3, 8)), "ideal", analog=True)
    (run,) = run_jobs(pool, [job])
    expected = ideal_column(job)
    np.testing.assert_array_equal(run.k, expected["k"])
    np.testing.assert_allclose(run.v_h, expected["v_h"], rtol=0, atol=1e-6)


def test_transistors_stay_near_the_ideal_column_and_differ_from_it(pool: Pool) -> None:
    (job,) = random_jobs(4, 1, 2, "transistor", bias_ratio=0.1)
    (run,) = run_jobs(pool, [job])
    expected = ideal_column(job)
    difference = np.abs(run.v_z - expected["v_z"])
    assert difference.max() < 0.03 * job.column.v_fs  # charge injection of transmission gates, by hand 9 %
    assert difference.max() > 1e-5
    assert np.abs(run.k - expected["k"]).max() <= 1


def test_columns_of_a_core_run_apart_and_side_by_side(pool: Pool) -> None:
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 4, (4, 3)), rng.integers(0, 4, (4, 3))
    inputs = rng.integers(0, 2, (2, 4))
    core = run_core(UNTIED, weights, (rng.integers(-9, 9, 3), 0), inputs, "ideal", pool=pool)
    assert core.v_h.shape == core.k.shape == (2, 3)
    assert core.ended == (None, None, None)
    jobs = core_jobs(UNTIED, weights, ([0, 0, 0], 0), inputs, "ideal")
    expected = ideal_column(jobs[1])
    np.testing.assert_array_equal(core.k[:, 1], expected["k"])


def test_the_state_starts_where_it_is_told(pool: Pool) -> None:
    weights = np.full((4, 1), 3), np.full((4, 1), 0)  # the gate stays shut: every row of z pulls down
    core = run_core({}, weights, (0, -8), np.ones((2, 4)), "ideal", h_initial=0.123, pool=pool)
    assert core.k.max() == 0
    np.testing.assert_allclose(core.v_h, 0.123, rtol=0, atol=1e-6)


def test_a_column_that_fails_leaves_the_others_and_its_reason() -> None:
    weights = np.zeros((4, 2), dtype=int), np.zeros((4, 2), dtype=int)
    broken = "no such column"

    class TwoColumns:
        """A pool whose second column dies."""

        def imap(self, fn: object, jobs: list[ColumnJob]) -> Iterator[Outcome[ColumnJob, ColumnRun]]:
            steps = np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64)
            result = CoSimulation(Waveforms("tran", {"time": np.zeros(1)}), (), {}, None, 0.5)
            yield Outcome(0, jobs[0], ColumnRun(*steps, steps[3], result), None, False, 1.0, 0.5)
            yield Outcome(1, jobs[1], None, SimulationError(broken), False, 1.0, 0.0)

    core = run_core({}, weights, (0, 0), np.zeros((1, 4)), pool=TwoColumns())  # type: ignore[arg-type]
    assert core.ended[0] is None
    assert broken in str(core.ended[1])
    assert core.k.tolist() == [[0, -1]]
    assert np.isnan(core.v_h[0, 1])


def test_ctrl_c_keeps_the_columns_that_are_finished() -> None:
    weights = np.zeros((4, 2), dtype=int), np.zeros((4, 2), dtype=int)

    class Interrupted:
        """A pool that is interrupted after its first column."""

        def imap(self, fn: object, jobs: list[ColumnJob]) -> Iterator[Outcome[ColumnJob, ColumnRun]]:
            steps = np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64)
            result = CoSimulation(Waveforms("tran", {"time": np.zeros(1)}), (), {}, None, 0.5)
            yield Outcome(1, jobs[1], ColumnRun(*steps, steps[3], result), None, False, 1.0, 0.5)
            raise KeyboardInterrupt

    core = run_core({}, weights, (0, 0), np.zeros((1, 4)), pool=Interrupted())  # type: ignore[arg-type]
    assert core.k.tolist() == [[-1, 0]]
    assert "interrupted" in str(core.ended[0])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_ideal_64_by_64_core_is_the_mathematical_mingru_for_50_steps(pool: Pool) -> None:
    rng = np.random.default_rng(64)
    weights = rng.integers(0, 4, (64, 64)), rng.integers(0, 4, (64, 64))
    biases = rng.integers(-32, 32, 64), rng.integers(-32, 32, 64)
    inputs = rng.integers(0, 2, (50, 64))
    core = run_core(UNTIED, weights, biases, inputs, "ideal", theta=1.7e-3)
    for column, job in enumerate(core_jobs(UNTIED, weights, biases, inputs, "ideal", theta=1.7e-3)):
        expected = ideal_column(job)
        np.testing.assert_array_equal(core.k[:, column], expected["k"])
        np.testing.assert_array_equal(core.y[:, column], expected["y"])
        np.testing.assert_allclose(core.v_h[:, column], expected["v_h"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": (np.full((4, 1), 4), np.zeros((4, 1)))}, r"weights h\[0, 0\] = 4; accepted: 2-bit"),
        ({"weights": (np.zeros((4, 1)), np.zeros((4, 2)))}, "differ in shape"),
        ({"inputs": np.full((1, 4), np.nan)}, r"inputs\[0, 0\] = nan; accepted: 0 or 1"),
        ({"inputs": np.full((1, 4), 0.5)}, "accepted: 0 or 1"),
        ({"inputs": np.zeros((1, 5))}, r"accepted: \(steps, 4\)"),
        ({"biases": (32, 0)}, "bias h"),
        ({"biases": (0, 0.5)}, "bias z"),
        ({"level": "spice"}, "accepted: ideal, transistor"),
    ],
)
def test_what_a_core_cannot_be_is_one_clear_error(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "weights": (np.zeros((4, 1)), np.zeros((4, 1))),
        "biases": (0, 0),
        "inputs": np.zeros((1, 4)),
        "level": "ideal",
    }
    with pytest.raises(CoreError, match=message):
        core_jobs({}, **(arguments | change))  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [3.0, 48.0, 100.0])
def test_rows_that_cannot_be_grouped_are_refused(rows: float) -> None:
    with pytest.raises(ParameterError, match="multiple of 64"):
        IdealMingruColumn(rows=rows)


@pytest.mark.parametrize("rows", [2, 8, 64, 128])
def test_groups_have_binary_weights_and_one_unit_never_moves(rows: int) -> None:
    column = IdealMingruColumn(rows=float(rows))
    sizes = np.bincount([column.group(row) for row in range(rows)])
    unit = column.group_rows
    assert sizes.tolist() == [unit * 2**j for j in range(column.gate_bits)] + [unit]


def test_a_chip_draws_every_transistor_and_capacitor_and_they_reach_the_deck() -> None:
    column = MingruColumn(rows=2.0)
    draw = draw_mismatch(column, get_process("generic130"), np.random.default_rng(0))
    assert "h1.pan" in draw
    assert draw["h1.dev_b"][0] == 0.0
    cells = column.drawn(draw)
    assert cells["h1"][0].values()["dev_b"] == pytest.approx(draw["h1.dev_b"][1] - 1.0)
    assert cells["h1"][1]["pan"] == draw["h1.pan"]
    with pytest.raises(ParameterError, match="unknown instance 'h7'"):
        column.drawn({"h7.pan": (0.0, 1.0)})


def test_the_spread_of_a_drawn_capacitor_follows_its_size() -> None:
    column = IdealMingruColumn(rows=64.0, a_c=0.02)
    factors = [
        draw_mismatch(column, get_process("generic130"), np.random.default_rng(seed))["z3.dev_z"][1]
        for seed in range(400)
    ]
    assert np.std(factors) == pytest.approx(0.02 / np.sqrt(20.0), rel=0.12)
    assert Conditions().mismatch == {}


def test_a_column_whose_event_was_stepped_over_runs_again_with_a_shorter_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[float] = []

    def attempt(simulator: object, job: ColumnJob, shorter: float) -> ColumnRun:
        tried.append(shorter)
        ended = EarlyEnd("stepped over", 1e-7, 0, "share", missed_halt=True) if len(tried) < 2 else None
        waves = Waveforms("tran", {"time": np.zeros(1)})
        volts = np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64)
        return ColumnRun(*volts, volts[3], CoSimulation(waves, (), {}, ended, 0.0))

    monkeypatch.setattr(mingru_run, "_run_column", attempt)
    (job,) = random_jobs(4, 1, 1, "ideal")
    assert mingru_run.run_column(object(), job).cosimulation.ended is None  # type: ignore[arg-type]
    assert tried == list(mingru_run.SHORTER[:2])
