"""A small study of recurrent memcapacitive networks from its description to its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spicetwin.cli import main
from spicetwin.train.memcap_net import MemcapNet

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


def test_diverging_training_names_step_and_file_of_the_last_good_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """24 samples in batches of 10 make 3 steps an epoch; the fifth, of the second epoch, is poisoned."""
    path, out = tmp_path / "study.toml", tmp_path / "out"
    path.write_text(SMALL.replace("epochs = 1", "epochs = 3\nbatch = 10"), encoding="utf-8")
    seen: list[dict[str, np.ndarray]] = []
    forward = MemcapNet.forward

    def poisoned(self: MemcapNet, *given: Any) -> Any:
        seen.append({n: p.detach().numpy().copy() for n, p in self.named_parameters()})
        score, count = forward(self, *given)
        return (score * float("nan") if len(seen) == 5 else score), count

    monkeypatch.setattr(MemcapNet, "forward", poisoned)
    assert main(["train", str(path), "-o", str(out), "--threads", "1"]) == 2
    line = " ".join(capsys.readouterr().err.split())
    assert "multi-time-scale XOR: training diverged at step 5 (epoch 2): loss nan" in line
    assert "last_good.npz" in line
    with np.load(out / "last_good.npz") as kept:
        # The fourth forward pass sees what the first epoch left.
        for name, value in seen[3].items():
            np.testing.assert_array_equal(kept[f"weights.{name}"], value)
