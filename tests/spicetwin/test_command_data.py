"""``spicetwin data``: lists, pulls, verifies and shows, with exit codes 0, 1 and 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from measurements.registry import sources
from spicetwin.cli import main


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No mirror, and an empty data folder."""
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_every_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in sources())
    assert main(["data", "list", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == list(sources())


def test_verify_of_absent_data_exits_1_and_names_the_first_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "coach_dpi"]) == 1
    shown = capsys.readouterr().out
    assert "absent" in shown
    assert "data_ex_3_1.csv" in shown


@pytest.mark.parametrize("arguments", [["show", "nope"], ["verify", "nope"], ["pull", "nope"]])
def test_unknown_source_is_one_line_and_exit_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", *arguments]) == 2
    caught = capsys.readouterr()
    assert caught.err.strip().count("\n") == 0
    assert "unknown data source 'nope'; accepted: coach_dpi" in caught.err
    assert caught.out == ""


def test_mirror_that_is_no_folder_exits_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["data", "pull", "coach_dpi", "--mirror", str(tmp_path / "no")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_show_falls_back_to_the_virtual_chip_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", "coach_dpi", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {curve["kind"] for curve in shown["curves"]} == {"virtual"}
    assert len(shown["files"]) == 7
    assert main(["data", "show", "fsdd"]) == 0
    assert "not read" in capsys.readouterr().out


@pytest.mark.measured
def test_pull_then_verify_then_show(mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pull", "coach_dpi", "--mirror", str(mirror), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(tmp_path / "data"),
        "files": {"coach_dpi": 7},
    }
    assert main(["data", "verify", "coach_dpi"]) == 0
    capsys.readouterr()
    assert main(["data", "show", "coach_dpi"]) == 0
    shown = capsys.readouterr().out
    assert "PEX 6" in shown
    assert "silicon" in shown


def test_show_reads_a_campaign_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "own_csv" / "campaign.toml"
    assert main(["data", "show", str(example), "--json"]) == 0
    chip_a, chip_b = json.loads(capsys.readouterr().out)["curves"]
    assert chip_a["conditions"]["i_tau"] == pytest.approx(20e-12)
    assert (chip_b["left_out"], chip_b["columns"]["i_syn"]) == (1, "A")


def test_show_of_a_bad_file_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("t [ms],v [V]\n1,2\n2,NaN\n", encoding="utf-8")
    assert main(["data", "show", str(path)]) == 2
    caught = capsys.readouterr()
    assert caught.err.strip().count("\n") == 0
    assert "bad.csv, row 3, column v: not a finite number: 'NaN'; accepted: a decimal number" in caught.err
