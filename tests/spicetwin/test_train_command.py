"""``spicetwin train``: a small training from the file to the weights, continued, and what is refused."""

from __future__ import annotations

import csv
import json
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spicetwin.cli import main

SMALL = """
task = "digits"
[network]
columns = [16]
rows = 16
bits = 4
[train]
epochs = 2
validation = 300
"""


def describe(folder: Path, text: str = SMALL) -> str:
    path = folder / "net.toml"
    path.write_text(text)
    return str(path)


def test_without_the_extra_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = util.find_spec

    def find(name: str, *rest: Any) -> Any:
        return None if name == "torch" else real(name, *rest)

    monkeypatch.setattr("spicetwin.commands.train.find_spec", find)
    assert main(["train", describe(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "pip install 'spicetwin[train]'" in capsys.readouterr().err


class TestWithTorch:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("torch", reason="the extra [train] is not installed")
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")

    def test_stopped_training_continues_to_the_same_weights(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from spicetwin.train.fit import Trainer

        description = describe(tmp_path)
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        assert main(["train", description, "-o", str(whole), "--threads", "1", "--json"]) == 0
        summary = json.loads(capsys.readouterr().out)
        assert summary["test_samples"] == 359
        assert 0.1 < summary["test_accuracy"] < 1.0
        with (whole / "curve.csv").open() as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
        one, epoch = [], Trainer._epoch

        def stopped(self: Trainer, number: int) -> Any:
            if one:
                raise KeyboardInterrupt
            one.append(number)
            return epoch(self, number)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_epoch", stopped)
            assert main(["train", description, "-o", str(parts), "--threads", "1"]) == 130
        assert main(["train", description, "-o", str(parts), "--threads", "1"]) == 0
        assert "continuing behind epoch 1" in capsys.readouterr().err
        with np.load(whole / "weights.npz") as a, np.load(parts / "weights.npz") as b:
            for name in set(a.files) - {"summary"}:
                np.testing.assert_array_equal(a[name], b[name], err_msg=name)

    def test_checkpoint_of_another_network_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / "checkpoint.pt").write_bytes(b"not a checkpoint")
        assert main(["train", describe(tmp_path), "-o", str(out)]) == 2
        assert "checkpoint.pt: no checkpoint of this network" in capsys.readouterr().err

    def test_drawn_nonidealities_train_and_leave_codes(self, tmp_path: Path) -> None:
        text = SMALL + "[nonideal]\ncapacitor = 0.02\ngate_offset = 0.5\nstate_noise = 0.001\n"
        out = tmp_path / "out"
        assert main(["train", describe(tmp_path, text), "-o", str(out), "--epochs", "1"]) == 0
        assert json.loads((out / "summary.json").read_text())["settings"]["nonideal"]["capacitor"] == 0.02
        with np.load(out / "weights.npz") as data:
            assert set(np.unique(data["layer0.weight_h"])) <= {0, 1, 2, 3}

    def test_the_spread_of_a_table_is_injected(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        call = ["train", describe(tmp_path), "-o", str(out), "--epochs", "1", "--table", "assumed"]
        assert main(call) == 0
        drawn = json.loads((out / "summary.json").read_text())["settings"]["nonideal"]
        # kT/C on 16 capacitors of 20 fF at 300.15 K over 0.4 V; the knobs of the chip take the gate's gain away.
        assert drawn["state_noise"] == pytest.approx(np.sqrt(4.144e-21 / 320e-15) / 0.4, rel=1e-3)
        assert drawn["gate_loss"] == 0.0
        assert drawn["comparator_offset"] == pytest.approx(3e-3 / 0.4)
        assert drawn["capacitor"] == pytest.approx(2.2e-3)

    def test_table_without_a_core_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call = ["train", describe(tmp_path), "-o", str(tmp_path / "out"), "--table", "dpi_generic130"]
        assert main(call) == 2
        assert "has no entry mingru.v_fs: no table of a minGRU core" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                'task = "mnist"',
                "task mnist: data source mnist: train-images-idx3-ubyte.gz is not here; get it",
            ),
            (SMALL.replace("300", "1438"), "train.validation = 1438; accepted: 1 to 1437"),
        ],
    )
    def test_training_without_data_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
    ) -> None:
        assert main(["train", describe(tmp_path, text), "-o", str(tmp_path / "out")]) == 2
        assert says in capsys.readouterr().err
