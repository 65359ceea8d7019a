"""The main job's command: its report is written and its checks decide the exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from spicetwin.cli import main
from spicetwin.report.document import Check, Document, Section


def pipeline(passed: bool) -> ModuleType:
    """A main job of one check, in place of the real one."""

    def run_pipeline(output: Path, *, quick: bool, jobs: int | None) -> Document:
        assert (quick, jobs) == (True, 2)
        section = Section(
            "s", "S", checks=(Check("it holds", "1 %", "<= 2 %", passed, "spicetwin compare dpi"),)
        )
        document = Document("t", (section,))
        document.save(output)
        return document

    module = ModuleType("spicetwin.pipeline")
    vars(module)["run_pipeline"] = run_pipeline
    return module


@pytest.mark.parametrize(("passed", "code", "failed"), [(True, 0, []), (False, 1, ["it holds"])])
def test_a_failed_check_is_exit_code_one_and_the_report_is_there(
    passed: bool,
    code: int,
    failed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "spicetwin.pipeline", pipeline(passed))
    assert main(["run", "--quick", "--jobs", "2", "-o", str(tmp_path), "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["failed"] == failed
    assert "it holds" in Path(answer["report"]).read_text()
