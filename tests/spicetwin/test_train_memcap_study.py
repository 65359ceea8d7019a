"""A small study of recurrent memcapacitive networks from its description to its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spicetwin.cli import main

SMALL = """
family = "memcap"
task = "multiscale_xor"
[network]
neurons = 5
table = "assumed"
[train]
epochs = 1
train = 24
validation = 8
test = 12
[study]
seeds = 2
homogeneous = [30]
chips = 2
"""


def test_study_compares_kinds_and_chips_and_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every kind has a value a seed, every case one a seed and chip; a second run trains nothing and finds the same."""
    path, out = tmp_path / "study.toml", tmp_path / "out"
    path.write_text(SMALL, encoding="utf-8")
    assert main(["train", str(path), "-o", str(out), "--threads", "1"]) == 0
    said = capsys.readouterr()
    assert "gain over homogeneous, 30 ms: trained" in said.out
    result = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert list(result["kinds"])[:3] == ["homogeneous, 30 ms", "random", "trained"]
    assert all(len(found["accuracy"]["values"]) == 2 for found in result["kinds"].values())
    with (out / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    programmed = [row for row in rows if row["what"] == "chip" and row["case"] == "programmed"]
    assert len(programmed) == 4
    assert (
        result["chips"]["programmed"]["within_tolerance"]
        > result["chips"]["one pulse, unread"]["within_tolerance"]
    )
    for name in ("results.svg", "network.npz"):
        assert (out / name).stat().st_size > 0
    before = (out / "results.json").read_bytes()
    assert main(["train", str(path), "-o", str(out), "--threads", "1", "--json"]) == 0
    assert "seed 0: validation" not in capsys.readouterr().err
    assert (out / "results.json").read_bytes() == before


def test_options_of_other_trainings_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "study.toml"
    path.write_text(SMALL, encoding="utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "out"), "--table", "assumed"]) == 2
    assert "--table is for minGRU networks" in capsys.readouterr().err


def test_digits_need_their_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "study.toml"
    path.write_text(SMALL.replace("multiscale_xor", "fsdd"), encoding="utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "task fsdd needs its folder of recordings: key 'data', or --data" in capsys.readouterr().err
