"""Adapter of recurrent memcapacitive networks to the common training loop: chips, gradients, chip in the loop."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("xarray")

from calibration.table import load, resolve  # noqa: E402
from pysim.memcap.chip import deploy  # noqa: E402
from pysim.tasks.multiscale_xor import MultiscaleXor  # noqa: E402
from spicetwin.boundary import InputError  # noqa: E402
from spicetwin.cli import main  # noqa: E402
from spicetwin.train.four_way_settings import FourWay  # noqa: E402
from spicetwin.train.learning import MODES, ON_CHIP, Learning, learn  # noqa: E402
from spicetwin.train.memcap_family import CONDUCTANCES, MemcapFamily, MemcapStack  # noqa: E402
from spicetwin.train.memcap_kernels import AtChip, Recurrent  # noqa: E402

TABLE = load(resolve("memcap_generic130"))
NETWORK = MemcapStack(neurons=6, bits=2, start=3.0)
TASK = MultiscaleXor(channels=4, bits=2).task(40, 12, 30, 0)
BATCH = np.arange(20)


def built(**changes: Any) -> MemcapFamily:
    return MemcapFamily(TASK, dataclasses.replace(NETWORK, **changes), TABLE, whole=True)


def test_no_test_sample_takes_part_in_a_training() -> None:
    assert built().samples == 52
    part = MemcapFamily(TASK, NETWORK, TABLE, whole=False)
    assert part.samples == 40
    assert len(part.wanted("validation")) == 12 * 2
    np.testing.assert_array_equal(part.wanted("test"), TASK.test.y.ravel())


def test_twin_of_a_chip_is_the_network_that_programming_brings_onto_it() -> None:
    """Scores of the chip known to the twin are those of the simulator's chip, seen in the loop."""
    family = built()
    weights, chip = family.begin(0), family.chip(1000)
    known, _ = family.gradient(weights, BATCH, chip, None)
    seen, _ = family.gradient(weights, BATCH, None, chip)
    typical, _ = family.gradient(weights, BATCH, None, None)
    assert known == pytest.approx(seen, rel=1e-12)
    assert abs(known - typical) > 1e-4


def test_chip_answers_as_deployed_and_without_chip_as_trained() -> None:
    family = built()
    weights = family.begin(3)
    family._load(weights)
    trained, events = family._net.trained(), family._events["test"]
    own = deploy(trained, family.how, 1, 7).networks[0]
    assert 0.01 < np.abs(np.asarray(own.tau) / trained.tau - 1.0).mean() < 0.05
    assert 0.02 < np.abs(own.w_in / np.where(trained.w_in != 0, trained.w_in, 1)).std() < 1.0
    np.testing.assert_array_equal(
        family.decide(weights, "test", family.chip(7)), own.run(events, TASK.windows).answer.ravel()
    )
    np.testing.assert_array_equal(
        family.decide(weights, "test", None), trained.ideal().run(events, TASK.windows).answer.ravel()
    )


def test_slopes_at_the_spikes_of_the_same_network_are_its_own() -> None:
    """A chip without any spread in the loop: scores, spikes and gradients are those of the twin."""
    family = built()
    family._load(family.begin(1))
    net, ideal = family._net, family._net.trained().ideal()
    fixed = (1.0, NETWORK.floor, NETWORK.steepness, family._events["training"], BATCH, TASK.windows)
    found = []
    for function, more in ((Recurrent, ()), (AtChip, (ideal,))):
        codes = {k: torch.tensor(v.detach().numpy(), requires_grad=True) for k, v in net.quantised().items()}
        keep = torch.exp(-net.dt / net.tau()).detach()
        score, count = function.apply(*codes.values(), keep, net.keep_out, *fixed, *more)
        assert count.sum() > 0
        (score.square().sum() + count.sum()).backward()
        found.append([score.detach(), count, *(c.grad for c in codes.values())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_time_constants_are_trained_on_the_typical_circuit_and_stay_on_chips() -> None:
    family = built()
    begin = family.begin(0)
    for mode in MODES:
        if mode == "quantised":
            continue
        chip = family.chip(1000) if mode in ON_CHIP else None
        after = learn(family, begin, Learning(mode, 2, 13, 0.02), 0, chip).weights
        moved = np.abs(after["position"] - begin["position"]).max()
        assert (moved > 1e-3) == (mode in ("ideal", "noise_aware"))
        assert all(np.abs(after[name] - begin[name]).max() > 1e-3 for name in CONDUCTANCES)


def test_a_training_without_rate_for_time_constants_leaves_them() -> None:
    family = built(tau_rate=0.0)
    begin = family.begin(0)
    after = learn(family, begin, Learning("ideal", 1, 13, 0.02), 0).weights
    np.testing.assert_array_equal(after["position"], begin["position"])


def test_equal_seeds_give_equal_weights_on_drawn_chips() -> None:
    runs = [
        learn(f, f.begin(2), Learning("distribution", 2, 13, 0.02), 5).weights for f in (built(), built())
    ]
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])


STUDY = """
study = "four_way"
family = "memcap"
table = "memcap_generic130"
seeds = 2
chips = 2
modes = ["distribution", "chip", "in_the_loop"]
[network]
neurons = 4
bits = 2
train = 30
validation = 10
test = 20
[ideal]
epochs = 2
[distribution]
epochs = 1
from_ideal = true
[chip]
epochs = 1
from_ideal = true
"""


def test_study_has_all_rows_and_refuses_a_folder_of_another_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "study.toml", tmp_path / "out"
    path.write_text(STUDY)
    assert main(["train", str(path), "-o", str(out), "--threads", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["task"] == "multiscale_xor"
    assert [row["row"] for row in result["splits"][0]["rows"]] == ["a", "b", "c", "d", "e", "f"]
    assert result["splits"][0]["rows"][1]["accuracy"]["count"] == 4
    path.write_text(STUDY.replace("neurons = 4", "neurons = 5"))
    assert main(["train", str(path), "-o", str(out), "--threads", "1"]) == 2
    assert "trained for another description" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("neurons = 4", "neurons = 0", "network.neurons = 0; accepted: 1 to 4096"),
        ("bits = 2", "bits = 0", "network.bits = 0; accepted: 1 or more"),
        ("test = 20", "test = 0", "network.train, validation, test = [30, 10, 0]; accepted: 1 or more"),
        (
            "neurons = 4",
            'compensation = "magic"',
            "compensation = 'magic'; accepted: none, capacitance, measured",
        ),
        ("neurons = 4", 'routine = "hope"', "routine = 'hope'; accepted: verified, open"),
        ("neurons = 4", "tau = 3.0", "outside the achievable range of a bank"),
        ('"memcap_generic130"', '"dpi_generic130"', "memcap"),
    ],
)
def test_bad_description_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, text: str
) -> None:
    path = tmp_path / "study.toml"
    assert old in STUDY
    path.write_text(STUDY.replace(old, new))
    assert main(["train", str(path), "-o", str(tmp_path / "out")]) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def test_conductances_round_themselves(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace('"distribution", "chip"', '"quantised", "chip"'))
    with pytest.raises(
        InputError, match=r"accepted: a list out of noise_aware, distribution, chip, in_the_loop$"
    ):
        FourWay.read(path)
