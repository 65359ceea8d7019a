"""The main job: stages are independent of each other's failures, and its document is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.fit import FitError
from spicetwin.pipeline import Stage, run_pipeline, stages
from spicetwin.report.document import Check, Document, Section
from spicetwin.report.render import render
from spicetwin.stages.context import RunContext

GOOD = Check("it holds", "1", "<= 2", True, "spicetwin run")


def good(context: RunContext) -> Section:
    return Section("good", "Good", checks=(GOOD,))


def refused(context: RunContext) -> Section:
    raise FitError("no data\nto fit")


def full(context: RunContext) -> Section:
    raise OSError(28, "No space left on device", "figures/a.png")


def broken(context: RunContext) -> Section:
    raise ZeroDivisionError("a defect")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("stage", "message"), [(refused, "no data to fit"), (full, "figures/a.png: No space left on device")]
)
def test_a_failed_stage_is_a_failed_check_and_the_next_one_runs(
    stage: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Stage("bad", "Bad", stage)  # type: ignore[arg-type]
    chosen = (bad, Stage("good", "Good", good))
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen)
    assert [section.id for section in document.sections] == ["bad", "good"]
    assert [(check.value, check.passed) for _, check in document.checks()] == [(message, False), ("1", True)]
    assert Document.load(tmp_path / "run") == document
    assert f"bad: failed: {message}" in capsys.readouterr().err


@pytest.mark.ngspice
def test_a_defect_of_the_program_is_not_hidden_in_the_report(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_pipeline(tmp_path, quick=True, jobs=1, chosen=(Stage("bad", "Bad", broken),))


@pytest.mark.ngspice
def test_the_simulation_of_another_plan_that_was_interrupted_does_not_stop_a_run(tmp_path: Path) -> None:
    from circuits.characterise import journal_path
    from circuits.families.fet import FetIdVg
    from circuits.plan import Plan
    from circuits.process import get_process

    journal = journal_path(tmp_path / "data" / "fet.nc")
    journal.parent.mkdir()
    journal.write_text('{"plan": "another", "simulator": "x", "package": "0"}\n')

    def stage(context: RunContext) -> Section:
        result = context.characterise("fet", Plan(FetIdVg(), get_process("generic130")))
        assert not result.failures
        return good(context)

    document = run_pipeline(tmp_path, quick=True, jobs=1, chosen=(Stage("good", "Good", stage),))
    assert document.passed
    assert not journal.exists()


def test_every_stage_has_its_own_anchor() -> None:
    names = [stage.id for stage in stages()]
    assert len(set(names)) == len(names)
    assert (names[0], names[-1]) == ("overview", "failures")


@pytest.mark.slow
@pytest.mark.ngspice
def test_the_quick_run_gives_a_whole_document_without_measured_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path / "no-data"))
    document = run_pipeline(tmp_path / "run", quick=True, jobs=2)
    ran = {section.id for section in document.sections}
    assert ran == {stage.id for stage in stages()}
    assert not [check.claim for _, check in document.checks() if check.claim.startswith("stage ")]
    assert any("virtual" in notice for notice in document.notices)
    page = render(tmp_path / "run").read_text()
    assert page.count("<img") == sum(len(section.figures) for section in document.sections)
