"""The report document: what is written can be read, and what cannot be shown is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_sample import write_run

from spicetwin.cli import main
from spicetwin.report.document import Document, Figure, ReportError, Section, Table


def test_document_survives_writing_and_reading(tmp_path: Path) -> None:
    written = write_run(tmp_path)
    assert Document.load(tmp_path) == written


def test_numbers_that_json_lacks_become_absent() -> None:
    table = Table("t", ("x",), ((float("nan"),), (float("inf"),), (1.0,)))
    document = Document("d", (Section("s", "S", tables=(table,)),))
    assert Document.from_json(document.to_json()).sections[0].tables[0].rows == ((None,), (None,), (1.0,))


def content(**changes: Any) -> str:
    """JSON of a small valid document with some entries changed."""
    base = {"schema_version": "1.0.0", "title": "t", "created": "2026-01-01T00:00:00Z", "sections": []}
    return json.dumps(base | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1"),
        ('{"title": ', "line 1"),
        ("[]", "not of type 'object'"),
        (content(schema_version="9.0.0"), "schema version '9.0.0'"),
        (content(titel="x"), "titel"),
        (content(created="yesterday"), "$.created"),
        (content(sections=[{"id": "A b", "title": "x"}]), "$.sections[0].id"),
        (content(sections=[{"id": "a", "title": "x"}, {"id": "a", "title": "y"}]), "used twice"),
        (
            content(
                sections=[
                    {
                        "id": "a",
                        "title": "x",
                        "tables": [{"caption": "c", "columns": ["p"], "rows": [[1, 2]]}],
                    }
                ]
            ),
            "row 1 has 2 cells",
        ),
        (
            content(
                sections=[
                    {
                        "id": "a",
                        "title": "x",
                        "figures": [{"file": "../../x.png", "alt": "a", "caption": "c"}],
                    }
                ]
            ),
            "below the run folder",
        ),
    ],
)
def test_malformed_documents_are_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        Document.from_json(text, "run.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["/etc/x.png", "a/../../x.png", "x.html", "x"])
def test_figures_stay_in_the_run_folder_and_are_pictures(file: str) -> None:
    with pytest.raises(ReportError, match="run folder"):
        Figure(file, "alt", "caption")


def test_command_writes_the_page_and_counts_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path)
    assert main(["report", str(tmp_path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["checks"], answer["passed"]) == (2, 1)
    assert Path(answer["report"]).is_file()


@pytest.mark.parametrize("damage", ["missing", "not a picture"])
def test_a_bad_figure_is_named_and_leaves_the_old_page(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path)
    assert main(["report", str(tmp_path)]) == 0
    before = (tmp_path / "report" / "index.html").read_bytes()
    picture = tmp_path / "figures" / "wave.png"
    picture.unlink()
    if damage == "not a picture":
        picture.write_text("<html><script>alert(1)</script>")
    capsys.readouterr()
    assert main(["report", str(tmp_path)]) == 2
    assert "wave.png" in capsys.readouterr().err
    assert (tmp_path / "report" / "index.html").read_bytes() == before
