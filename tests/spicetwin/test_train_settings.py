"""Descriptions of trainings: what is read, and what is refused with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicetwin.boundary import InputError
from spicetwin.train.settings import HARDWARE, IDEAL, Settings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def read(folder: Path, text: str) -> Settings:
    path = folder / "net.toml"
    path.write_text(text)
    return Settings.read(path)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("mingru_*.toml")), ids=lambda p: p.stem)
def test_examples_are_trainings_under_all_constraints(path: Path) -> None:
    settings = Settings.read(path)
    assert settings.constraints == HARDWARE
    assert settings.constraints.hardware
    assert f"mingru_{settings.task}" in path.stem


def test_absent_keys_take_defaults_and_the_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, 'task = "mnist"\ndata = "idx"\n[network]\ncolumns = [64, 4]\n')
    assert settings.data == tmp_path / "idx"
    assert settings.network.layer_rows == (64, 64)
    assert settings.seed == 0
    assert not settings.spread.present
    assert not IDEAL.hardware


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task = 'shd'", "task = 'shd'; accepted: digits, mnist"),
        ("data = 3", "data = 3; accepted: the folder"),
        ("seed = -1", "seed = -1; accepted: an integer >= 0"),
        ("seed = true", "seed = True; accepted"),
        ("epochs = 3", "unknown key epochs; accepted: task, data, seed"),
        ("network = 3", "network = 3; accepted: a table"),
        ("[network]\nunits = 3", "unknown key network.units; accepted: columns"),
        ("[network]\ncolumns = []", r"network.columns = \[\]; accepted: at least one layer"),
        ("[network]\ncolumns = [3, 0]", r"network.columns = \[3, 0\]"),
        ("[network]\ncolumns = [3.5]", "network.columns = .*; accepted: a list of integers"),
        ("[network]\nbias_step = nan", "network.bias_step = nan; accepted: a finite number"),
        ("[network]\nbits = 9", "network.bits = 9; accepted: 1 to 8"),
        ("[network]\ncolumns = [48, 10]", r"\[64, 48\]; accepted: multiples of 64, as 6-bit gates swap rows"),
        ("[network]\nreadout = 'first'", "readout = 'first'; accepted: mean_output, last_state"),
        ("[train]\nepochs = 1.5", "train.epochs = 1.5; accepted: an integer"),
        ("[train]\nrate = 0", "train.rate = 0.0; accepted: > 0"),
        ("[train]\nsmoothing = 1.0", "train.smoothing = 1.0"),
        ("[constraints]\nweights = 1", "constraints.weights = 1; accepted: true or false"),
        ("[constraints]\noutput = 'ternary'", "accepted: linear, clipped, binary"),
        ("[nonideal]\ncapacitor = -0.1", "nonideal.capacitor = -0.1; accepted: 0 to 1"),
        ("[nonideal", "not TOML"),
    ],
)
def test_bad_description_is_refused_by_file_key_and_value(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=f"net.toml: {says}|net.toml: .*{says}"):
        read(tmp_path, text)


def test_description_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        Settings.read(path)
