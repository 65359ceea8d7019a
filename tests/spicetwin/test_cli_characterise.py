"""Characterisation from the command line: plans from text, results, failures, bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from circuits.characterisation import Characterisation
from spicetwin.cli import main
from spicetwin.commands.characterise import build_plan
from spicetwin.progress import PlanProgress, remaining

SWEEP = ["characterise", "fet_id_vg", "--no-cache", "--jobs", "1"]


def test_plan_of_texts_is_in_si_and_kelvin() -> None:
    plan = build_plan(
        "dpi_synapse_decay",
        sweeps=["i_tau=1p:100p:log:3"],
        assignments=["c_syn=2p"],
        corners="tt,ss",
        temperatures="-20,27",
        samples=2,
        seed=7,
    )
    assert plan.shape == (3, 2, 2, 1, 2)
    assert plan.temperatures == pytest.approx((253.15, 300.15))
    assert plan.sweeps["i_tau"] == pytest.approx((1e-12, 1e-11, 1e-10))
    assert plan.testbench.dut.values()["c_syn"] == 2e-12


@pytest.mark.ngspice
def test_command_writes_what_it_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fet.nc"
    assert main([*SWEEP, "--corners", "tt,ss", "-o", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["points"], report["failed"]) == (2, 0)
    kappa = Characterisation.open(out).observable("kappa")
    shown = next(entry for entry in report["observables"] if entry["name"] == "kappa")
    assert shown["highest"] == pytest.approx(float(kappa.max()))
    assert [path.name for path in tmp_path.iterdir()] == ["fet.nc"]


@pytest.mark.ngspice
def test_failed_points_are_exit_code_one_with_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "decay.nc"
    # A weight current of 1 fA moves nothing, so there is no decay to measure.
    code = main(
        [
            "characterise",
            "dpi_synapse_decay",
            "--no-cache",
            "--jobs",
            "1",
            "--set",
            "i_weight=1f",
            "-o",
            str(out),
        ]
    )
    shown = capsys.readouterr().out
    assert code == 1
    assert "1 points, 1 failed" in shown
    assert "reason = measure failed" in shown
    assert math.isnan(Characterisation.open(out).observable("tau_syn").item())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corners", "xx"], "unknown corner 'xx'"),
        (["--sweep", "nope=1,2"], "unknown parameter 'nope'"),
        (["--sweep", "w=1:2:log"], "start:stop:log:points"),
        (["--sweep", "w=1,1"], "given twice"),
        (["--sweep", "w=1u,9"], "out of bounds"),
        (["--set", "w=1u", "--sweep", "w=1u,2u"], "both set and swept"),
        (["--temperatures", "warm"], "'warm' is not a number"),
        (["--temperatures", "1000"], "out of range"),
        (["--supplies", "99"], "out of range"),
        (["--samples", "-1"], "--samples"),
        (["--process", "tsmc65"], "tsmc65"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_bad_plans_are_refused_before_any_simulation(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SWEEP[:2], *arguments, "-o", str(tmp_path / "x.nc")]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_output_in_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SWEEP, "-o", str(tmp_path / "no" / "x.nc")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_progress_of_a_terminal_shows_counts_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with PlanProgress("decay") as progress:
        progress.update(3, 1, 2, 10, 65.0)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(part in shown.err for part in ("decay", "3/10", "1 failed", "2 cached", "1:05 left"))


def test_progress_of_a_log_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with PlanProgress("decay") as progress:
        progress.update(10, 0, 0, 10, 0.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (59.6, ", 1:00 left"), (7800, ", 2:10:00 left")])
def test_time_left_reads_well(seconds: float | None, text: str) -> None:
    assert remaining(seconds) == text
