"""Four-way studies: what is trained and tested where, intervals, resuming, bad inputs, the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
xarray = pytest.importorskip("xarray")

from spicetwin.boundary import InputError  # noqa: E402
from spicetwin.cli import main  # noqa: E402
from spicetwin.train import four_way  # noqa: E402
from spicetwin.train.dpi_family import DpiFamily, merged  # noqa: E402
from spicetwin.train.four_way import Study, Training, read_training  # noqa: E402
from spicetwin.train.four_way_results import crossed, measured  # noqa: E402
from spicetwin.train.four_way_run import run_four_way  # noqa: E402
from spicetwin.train.four_way_settings import FourWay  # noqa: E402
from spicetwin.train.learning import DivergenceError  # noqa: E402
from spicetwin.train.parts import held_out  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = """
study = "four_way"
family = "dpi"
table = "published"
data = "beats.npz"
test_records = [2]
seeds = 2
chips = 3
balance = true
modes = ["distribution", "chip", "in_the_loop"]
[network]
neurons = 8
[ideal]
epochs = 3
rate = 0.02
[distribution]
epochs = 1
[chip]
epochs = 1
rate = 0.01
from_ideal = true
"""


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """Narrow beats against wide ones, of two records, and a small study of them."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 60)
    time = np.arange(256)
    width = np.where(y == 1, 25.0, 6.0)[:, None]
    x = 500.0 * np.exp(-(((time - 128) / width) ** 2)) + rng.normal(0.0, 8.0, (120, 256))
    np.savez(tmp_path / "beats.npz", x=x.astype(np.int16), y=y, record=np.repeat([1, 2], 60), fs=360.0)
    path = tmp_path / "study.toml"
    path.write_text(SMALL)
    return path


def quiet(text: str) -> None:
    del text


def test_study_trains_each_way_and_a_second_run_does_nothing_anew(description: Path, tmp_path: Path) -> None:
    settings, told = FourWay.read(description), []
    result = run_four_way(settings, tmp_path / "out", 1, told.append)
    # 2 seeds: ideal, distribution, and 3 chips known or in the loop.
    assert len(told) == 2 * (1 + 1 + 3 + 3) == len(list((tmp_path / "out" / "trainings").glob("*.npz")))
    assert [row["row"] for row in result["splits"][0]["rows"]] == ["a", "b", "c", "d", "e", "f"]
    first = (tmp_path / "out" / "results.csv").read_bytes()
    told.clear()
    run_four_way(settings, tmp_path / "out", 1, told.append)
    assert not told
    assert (tmp_path / "out" / "results.csv").read_bytes() == first
    data = xarray.load_dataset(tmp_path / "out" / "results.nc")
    assert data["balanced"].shape == (1, 6, 2, 3)
    assert np.isnan(data["balanced"].sel(row="a").values[..., 1:]).all()
    assert np.isfinite(data["balanced"].sel(row=["b", "c", "d", "e", "f"]).values).all()
    rows = list(csv.DictReader((tmp_path / "out" / "results.csv").read_text().splitlines()))
    assert len(rows) == 2 + 5 * 6
    assert {r["chip"] for r in rows if r["row"] == "b"} == {"1000", "1001", "1002"}
    assert (tmp_path / "out" / "four_way.svg").stat().st_size > 5000
    # A study of more chips takes up what there is.
    more = run_four_way(
        FourWay.read(edited(description, "chips = 3", "chips = 4")), tmp_path / "out", 1, told.append
    )
    assert sorted(told) == sorted(t for t in told if "chip1003" in t)
    assert more["splits"][0]["rows"][1]["balanced"]["count"] == 8


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_rows_are_the_answers_of_the_simulator_on_the_chips_they_name(
    description: Path, tmp_path: Path
) -> None:
    edited(description, 'modes = ["distribution", "chip", "in_the_loop"]', 'modes = ["chip"]')
    settings = FourWay.read(description)
    run_four_way(settings, tmp_path / "out", 1, quiet)
    study = Study(settings, _splits(settings), tmp_path / "out", quiet)
    found = study.run()
    table = measured(study, found, "accuracy")[0]
    family = study.family(Training(0, "ideal", 1))
    wanted = family.wanted("test")
    ideal = found[Training(0, "ideal", 1)].learned.weights
    tuned = found[Training(0, "chip", 1, 2)].learned.weights
    chip = family.chip(1002)
    assert table["a"][1, 0] == np.mean(family.decide(ideal, "test", None) == wanted)
    assert table["b"][1, 2] == np.mean(family.decide(ideal, "test", chip) == wanted)
    assert table["d"][1, 2] == np.mean(family.decide(tuned, "test", chip) == wanted)
    assert table["f"][1, 2] == np.mean(family.decide(tuned, "test", family.chip(1003)) == wanted)
    assert np.abs(tuned["weights"] - ideal["weights"]).max() > 1e-3


def _splits(settings: FourWay):
    from spicetwin.train.four_way_run import _SPLITS

    return _SPLITS[settings.family](settings)


def test_no_test_sample_takes_part_in_a_training(description: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = FourWay.read(edited(description, "seeds = 2", "seeds = 2\nvalidation = true"))
    family = _splits(settings)[0].family(0)
    assert isinstance(family, DpiFamily)
    parts = {part: len(family.wanted(part)) for part in ("training", "validation", "test")}
    assert parts == {"training": 48, "validation": 12, "test": 60}
    whole = _splits(FourWay.read(edited(description, "validation = true", "validation = false")))[0].family(0)
    assert len(whole.wanted("training")) == 60
    group = np.repeat([4, 7], [10, 10])
    classes = np.tile([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 2)
    assert np.flatnonzero(held_out(group, classes)).tolist() == [4, 9, 14, 19]


def test_rounded_and_noisy_trainings_are_rows_of_their_own(description: Path, tmp_path: Path) -> None:
    edited(
        description, 'modes = ["distribution", "chip", "in_the_loop"]', 'modes = ["quantised", "noise_aware"]'
    )
    edited(description, "[ideal]", "[ideal]\nlevels = 4\nnoise = 0.2")
    result = run_four_way(FourWay.read(description), tmp_path / "out", 1, quiet)
    assert [row["row"] for row in result["splits"][0]["rows"]] == ["a", "b", "g", "h"]
    kept = {p.stem.split("-")[0]: p for p in sorted((tmp_path / "out" / "trainings").glob("*seed0.npz"))}
    weights = [np.load(kept[kind])["weights.weights"] for kind in ("ideal", "quantised", "noise_aware")]
    assert all(np.abs(weights[k] - weights[k - 1]).max() > 1e-3 for k in range(3))
    # Another noise asks for other noisy trainings, and for no other rounded ones.
    edited(description, "noise = 0.2", "noise = 0.1")
    with pytest.raises(InputError, match=r"noise_aware-record2-seed0\.npz: trained for another description"):
        run_four_way(FourWay.read(description), tmp_path / "out", 1, quiet)


def test_merged_steps_keep_all_spikes() -> None:
    x = (np.random.default_rng(0).random((3, 13, 2)) < 0.5).astype(np.uint8)
    found = merged(x, 3)
    assert found.shape == (3, 4, 2)
    np.testing.assert_array_equal(found[:, 1], x[:, 3:6].sum(axis=1))


def test_interval_covers_when_seeds_and_chips_both_vary() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        seeds, chips = rng.normal(0, 0.03, (3, 1)), rng.normal(0, 0.05, (1, 20))
        found = crossed(0.6 + seeds + chips + rng.normal(0, 0.02, (3, 20)))
        hits += found.low <= 0.6 <= found.high
    assert 0.92 <= hits / 400 <= 0.99


def test_interval_of_one_seed_is_that_of_the_chips_alone() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.1, (1, 20))
    found = crossed(values)
    half = 2.093 * values.std(ddof=1) / np.sqrt(20)
    assert found.mean - found.low == pytest.approx(half, rel=1e-3)
    assert crossed(np.array([[0.7]])).low == 0.7


def test_diverging_training_names_step_and_file_of_the_last_good_weights(
    description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*given, **more):
        raise DivergenceError(17, 3, float("nan"), {"weights": np.full((2, 2), 0.25)})

    monkeypatch.setattr(four_way, "learn", fails)
    assert main(["train", str(description), "-o", str(tmp_path / "out"), "--threads", "1"]) == 2
    line = " ".join(capsys.readouterr().err.split())
    assert "diverged at step 17 (epoch 3)" in line
    path = tmp_path / "out" / "trainings" / "ideal-record2-seed0.last_good.npz"
    with np.load(path) as kept:
        np.testing.assert_array_equal(kept["weights.weights"], np.full((2, 2), 0.25))
    assert str(path) in line.replace(" ", "") or path.name in line


def test_rate_that_is_absurd_diverges_in_earnest(description: Path, tmp_path: Path) -> None:
    edited(description, "epochs = 3\nrate = 0.02", "epochs = 3\nrate = 1e8")
    with pytest.raises(
        InputError, match=r"ideal: training diverged at step \d+ \(epoch \d\): loss .*last good weights"
    ):
        run_four_way(FourWay.read(description), tmp_path / "out", 1, quiet)


def test_folder_of_another_network_is_refused(description: Path, tmp_path: Path) -> None:
    edited(description, 'modes = ["distribution", "chip", "in_the_loop"]', "modes = []")
    run_four_way(FourWay.read(description), tmp_path / "out", 1, quiet)
    with pytest.raises(InputError, match=r"ideal-record2-seed0\.npz: trained for another description"):
        run_four_way(
            FourWay.read(edited(description, "neurons = 8", "neurons = 9")), tmp_path / "out", 1, quiet
        )
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(InputError, match=r"damaged\.npz: no training of a four-way study"):
        read_training(damaged, "x")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('family = "dpi"', 'family = "cmos"', "family = 'cmos'; accepted: dpi, denram, mingru, memcap"),
        ("seeds = 2", "seeds = 0", "seeds = 0; accepted: 1 or more"),
        ("chips = 3", 'chips = "3"', "chips = '3'; accepted: an integer"),
        ('"in_the_loop"]', '"magic"]', "accepted: a list out of quantised, noise_aware, distribution, chip"),
        ("neurons = 8", "neuron = 8", "unknown key network.neuron; accepted: neurons"),
        ("[ideal]", "[best]", "unknown key best"),
        ("epochs = 3\nrate = 0.02", "epochs = 3\nrate = 0.0", "ideal.rate = 0.0; accepted: > 0"),
        ("test_records = [2]", "test_records = [9]", "holds no record 9; accepted: 1, 2"),
        ('data = "beats.npz"', "", "task ecg needs its NPZ file of beats"),
        ('table = "published"', 'table = "none_such"', "none_such"),
        ('table = "published"', 'table = "mingru_generic130"', "lacks the entry synapse.tau"),
    ],
)
def test_bad_description_is_one_clear_line(
    description: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, text: str
) -> None:
    edited(description, old, new)
    assert main(["train", str(description), "-o", str(tmp_path / "out")]) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def test_memories_cannot_be_in_the_loop(description: Path) -> None:
    edited(description, 'family = "dpi"', 'family = "denram"')
    with pytest.raises(
        InputError, match=r"accepted: a list out of quantised, noise_aware, distribution, chip$"
    ):
        FourWay.read(description)


@pytest.mark.parametrize("name", ["heterogeneity_ecg", "four_way_fsdd", "four_way_digits", "four_way_xor"])
def test_examples_describe_studies(name: str) -> None:
    settings = FourWay.read(EXAMPLES / f"{name}.toml")
    assert settings.chips >= 20
    assert settings.seeds >= 3
    assert settings.stage("chip").from_ideal == (settings.family != "denram")


def test_command_prints_the_table_as_json(
    description: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(description, 'modes = ["distribution", "chip", "in_the_loop"]', "modes = []")
    out = str(tmp_path / "out")
    assert main(["train", str(description), "-o", out, "--epochs", "1", "--seed", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (tmp_path / "out" / "trainings" / "ideal-record2-seed4.npz").exists()
    assert main(["train", str(description), "-o", out, "--begin", "x.pt"]) == 2
    assert "--begin is for minGRU networks" in " ".join(capsys.readouterr().err.split())
