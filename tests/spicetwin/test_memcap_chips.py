"""``spicetwin simulate`` of a memcapacitive network: the run, its files, and what is refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import xarray

from pysim.memcap.chip import TrainedNetwork
from spicetwin.cli import main

DESCRIPTION = """
family = "memcap"
network = "net.npz"
table = "assumed"
task = "multiscale_xor"
samples = 20
chips = 6
"""


def describe(folder: Path, text: str = DESCRIPTION) -> str:
    rng = np.random.default_rng(0)
    TrainedNetwork(
        w_in=rng.normal(0.1, 0.2, (40, 5)), w_rec=rng.normal(0.0, 0.3, (5, 5)), w_out=rng.normal(size=(5, 2)),
        tau=np.geomspace(8e-3, 60e-3, 5), tau_out=10e-3, dt=1e-3, tau_low=7.5e-3,
    ).save(folder / "net.npz")  # fmt: skip
    path = folder / "chips.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_run_gives_an_interval_over_chips_and_writes_every_chip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nc"
    assert main(["simulate", describe(tmp_path), "--json", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    with xarray.open_dataset(out) as data:
        accuracy, taus = data["accuracy"].values, data["tau"].values
    assert accuracy.shape == (6,)
    assert found["accuracy"]["mean"] == pytest.approx(accuracy.mean())
    assert found["accuracy"]["low"] <= accuracy.mean() <= found["accuracy"]["high"]
    assert taus.shape == (6, 7)
    assert found["answers"] == 120


def test_equal_seeds_give_equal_chips_on_either_backend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description, texts = describe(tmp_path), []
    for options in (["--seed", "3"], ["--seed", "3", "--backend", "numpy"], ["--seed", "4"]):
        assert main(["simulate", description, *options]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


def test_without_spread_every_chip_is_the_network_as_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DESCRIPTION + 'sources = []\nroutine = "open"\n'
    assert main(["simulate", describe(tmp_path, text), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"]["p2_5"] == found["accuracy"]["p97_5"] == found["trained_accuracy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('table = "assumed"', 'table = "nothing"'), "nothing"),
        (('"net.npz"', '"unheard"'), "'unheard' is no network; accepted:"),
        (('"net.npz"', '"gone.npz"'), "gone.npz: cannot be read"),
        (("chips = 6", "chips = 0"), "chips.toml:7: chips"),
        (
            ("chips = 6", "units = 2"),
            "outside the achievable range of a bank of 2 units; accepted: 0.0075 to",
        ),
        (("chips = 6", 'compensation = "some"'), "compensation"),
        (("chips = 6", "levels = 3"), "levels"),
        (("multiscale_xor", "fsdd"), "needs its folder of recordings: key 'data'"),
    ],
)
def test_bad_descriptions_end_in_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    assert main(["simulate", describe(tmp_path, DESCRIPTION.replace(*change))]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_shipped_network_does_the_task_on_most_drawn_chips(capsys: pytest.CaptureFixture[str]) -> None:
    """Fresh samples, fresh chips: nothing of the training or the study."""
    path = Path(__file__).resolve().parents[2] / "examples" / "chips_memcap.toml"
    assert main(["simulate", str(path), "--chips", "8", "--seed", "77", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trained_accuracy"] >= 0.97
    assert found["accuracy"]["median"] >= 0.95
    assert found["tau_within_tolerance"] >= 0.95


@pytest.mark.parametrize("name", ["memcap_xor", "memcap_fsdd"])
def test_committed_results_are_whole(name: str) -> None:
    """Five seeds of every kind, fifty chips of every case but the one without spread."""
    path = Path(__file__).resolve().parents[2] / "spicetwin" / "networks" / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds = Counter(row["case"] for row in rows if row["what"] == "trained")
    cases = Counter(row["case"] for row in rows if row["what"] == "chip" and row["case"] != "as trained")
    assert set(kinds.values()) == {5}
    assert set(cases.values()) == {50}
