"""Training of weights behind fixed delays: gradients, what it learns, chips, descriptions, the command."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from pysim.delays.events import Events
from pysim.tasks.spike_task import SpikeTask
from spicetwin.boundary import InputError
from spicetwin.cli import main
from spicetwin.train import delays_kernels as kernels
from spicetwin.train import delays_net
from spicetwin.train.delays_chips import SOURCES, Cells, cell_table, program, time_scale
from spicetwin.train.delays_choose import choose, folds
from spicetwin.train.delays_kinds import DELAYS
from spicetwin.train.delays_net import DelayNet, noisy, train
from spicetwin.train.delays_score import score, spread, summary
from spicetwin.train.delays_settings import (
    Choice,
    DelayNetwork,
    DelaySettings,
    DelayTraining,
    RecurrentTraining,
    Study,
)
from spicetwin.train.learning import DivergenceError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KEEP = math.exp(-0.2)


def case(seed: int = 0) -> tuple[Events, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    events = Events.from_dense(rng.random((6, 40, 5)) < 0.1)
    return events, rng.normal(0.2, 0.4, (5, 3, 4)), rng.integers(0, 20, (5, 3, 4))


def peaks(
    events: Events, weights: np.ndarray, delays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (events.samples, weights.shape[1])
    peak, top, since = np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int64)
    every = np.arange(events.samples)
    kernels.peaks(events.start, events.channel, events.steps, every, weights, delays, KEEP, peak, top, since)
    return peak, top, since


def test_peaks_are_those_of_the_behavioural_simulator() -> None:
    events, weights, delays = case()
    net = DelayNet(weights, delays, 1e-3, 5e-3)
    peak, *_ = peaks(events, weights, delays)
    np.testing.assert_array_equal(net.decide(events), peak.argmax(axis=1))
    assert len(np.unique(peak.argmax(axis=1))) > 1


def test_gradient_is_that_of_finite_differences() -> None:
    events, weights, delays = case()
    rng = np.random.default_rng(1)
    slope = rng.standard_normal((events.samples, 3))
    _, top, since = peaks(events, weights, delays)
    out = np.zeros_like(weights)
    every = np.arange(events.samples)
    kernels.gradient(
        events.start, events.channel, events.steps, every, slope, delays, KEEP, top, since, 0.0, out
    )
    step = 1e-6
    for place in [(0, 0, 0), (1, 2, 3), (4, 1, 2), (2, 0, 1), (3, 2, 0)]:
        moved = []
        for sign in (1, -1):
            other = weights.copy()
            other[place] += sign * step
            moved.append(float((slope * peaks(events, other, delays)[0]).sum()))
        assert out[place] == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-6)
    assert np.count_nonzero(out) > 20
    # A clamp at zero on the way cuts what lies before it.
    assert (since > 0).any()


def order_task(samples: int, seed: int) -> tuple[Events, np.ndarray]:
    """Two channels that spike 10 steps apart: which one first is the class; rates say nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, samples)
    spikes = np.zeros((samples, 50, 2), np.uint8)
    first = rng.integers(2, 20, samples)
    row = np.arange(samples)
    spikes[row, first, y] = 1
    spikes[row, first + 10, 1 - y] = 1
    return Events.from_dense(spikes), y


def test_delays_learn_an_order_that_no_short_membrane_can() -> None:
    (events, y), (unseen, truth) = order_task(300, 0), order_task(200, 1)
    how = DelayTraining(epochs=15, batch=20, rate=2e-2)
    delays = np.random.default_rng(0).integers(0, 20, (2, 2, 16))
    with_delays = train(events, y, delays, 2e-3, 1e-3, how, 0)
    without = train(events, y, np.zeros_like(delays), 2e-3, 1e-3, how, 0)
    assert (with_delays.decide(unseen) == truth).mean() > 0.95
    assert (without.decide(unseen) == truth).mean() < 0.8
    assert with_delays.loss[-1] < 0.5 * with_delays.loss[0]
    np.testing.assert_array_equal(train(events, y, delays, 2e-3, 1e-3, how, 0).weights, with_delays.weights)


def test_training_that_diverges_stops_with_the_step_and_the_weights_of_the_last_whole_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """60 samples in batches of 20 make 3 steps an epoch; the loss of the eighth, in the third, is not finite."""
    events, y = order_task(60, 0)
    delays, seen = np.zeros((2, 2, 4), np.int64), []
    gradient = delays_net.batch_gradient

    def poisoned(*given):
        loss, slope = gradient(*given)
        seen.append(given[5].copy())
        return (float("nan") if len(seen) == 8 else loss), slope

    monkeypatch.setattr(delays_net, "batch_gradient", poisoned)
    with pytest.raises(DivergenceError, match=r"diverged at step 8 \(epoch 3\): loss nan") as caught:
        train(events, y, delays, 2e-3, 1e-3, DelayTraining(epochs=4, batch=20, rate=2e-2), 0)
    np.testing.assert_array_equal(caught.value.weights["weights"], seen[6])


def test_weights_trained_under_noise_keep_to_the_bound() -> None:
    events, y = order_task(300, 0)
    delays = np.random.default_rng(0).integers(0, 20, (2, 2, 16))
    for bound in (0.0, 0.2):
        how = DelayTraining(epochs=15, batch=20, rate=5e-2, bound=bound)
        net = train(events, y, delays, 2e-3, 1e-3, how, 0, 0.2)
        assert (np.abs(net.weights).max() <= 0.2) == (bound > 0)
    # Without noise there is nothing to bound.
    free = train(events, y, delays, 2e-3, 1e-3, DelayTraining(epochs=15, batch=20, rate=5e-2, bound=0.2), 0)
    assert np.abs(free.weights).max() > 0.2


def test_weight_noise_is_that_of_the_largest_weight_and_spares_zeros() -> None:
    weights = np.zeros((50, 40, 2))
    weights[:, :20] = 0.25
    weights[0, 0, 0] = -2.0
    moved = noisy(weights, 0.1, np.random.default_rng(0)) - weights
    assert moved[:, :20].std() == pytest.approx(0.2, rel=0.05)
    assert not moved[:, 20:].any()
    assert noisy(weights, 0.0, np.random.default_rng(0)) is weights


def test_cells_have_the_mean_asked_for_and_the_shape_of_the_table() -> None:
    table = cell_table("assumed")
    cells = Cells.drawn(table, DelayNetwork(mean_delay=0.1, buffer=0.15), (40, 10, 16), 1e-3, 3)
    # Published: log-normal of deviation 0.4 around a mean of 500 GOhm x 1 pF.
    assert np.log(cells.seconds).std() == pytest.approx(0.4, abs=0.02)
    assert cells.seconds.mean() == pytest.approx(0.1, rel=0.03)
    assert time_scale(table, 0.1) == pytest.approx(0.2, rel=0.03)
    assert cells.steps().max() == 150
    assert 0.05 < cells.cut < 0.15


def test_every_source_moves_what_it_should() -> None:
    table, study = cell_table("assumed"), Study(age=1.0)
    cells = Cells.drawn(table, DelayNetwork(mean_delay=0.1), (20, 5, 8), 1e-4, 1)
    weights = np.random.default_rng(0).normal(0, 1, cells.seconds.shape)
    net = DelayNet(weights, cells.steps(), 1e-4, 1e-2)
    none, same = program(net, cells, 0, (), study)
    np.testing.assert_allclose(none, weights, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(same, net.delays)
    relative = {s: program(net, cells, 0, (s,), study)[0] / weights - 1 for s in SOURCES}
    # Assumed table: 10 % programming error, 3 % relaxation at 1 s, 1 % read noise.
    assert [relative[s].std() for s in SOURCES] == pytest.approx([0.1, 0.03, 0.01], rel=0.1)
    _, moved = program(net, cells, 0, ("drift",), study)
    assert (moved / net.delays).std() == pytest.approx(0.03, rel=0.1)
    np.testing.assert_array_equal(program(net, cells, 0, ("cycle",), study)[1], net.delays)
    assert not np.array_equal(
        program(net, cells, 1, ("cycle",), study)[0], program(net, cells, 0, ("cycle",), study)[0]
    )


def test_cells_within_a_window_carry_the_weights_and_verifying_narrows_them() -> None:
    table = cell_table("denram_generic130@1.1.0")
    cells = Cells.drawn(table, DelayNetwork(mean_delay=0.1), (20, 5, 8), 1e-4, 1)
    weights = np.random.default_rng(0).normal(0, 1, cells.seconds.shape)
    net = DelayNet(weights, cells.steps(), 1e-4, 1e-2)
    window = {"g_min": 80e-6, "g_max": 120e-6}
    exact, _ = program(net, cells, 0, (), Study(**window))
    np.testing.assert_allclose(exact, weights, rtol=1e-12, atol=1e-12)
    largest = np.abs(weights).max()
    error = {
        n: (program(net, cells, 0, ("cycle",), Study(**window, attempts=n))[0] - weights) / largest
        for n in (1, 10)
    }
    # Both cells of a small weight at 80 uS, of which one SET misses 18 % (level_error) of a window of 40 uS.
    small = np.abs(weights) < 0.2 * largest
    assert error[1][small].std() == pytest.approx(0.184 * 80 / 40 * math.sqrt(2), rel=0.1)
    # The closest of ten normal draws lies at some 0.16 sigma.
    assert error[10].std() == pytest.approx(0.16 * error[1].std(), rel=0.25)
    moved, _ = program(net, cells, 0, SOURCES, Study(**window, attempts=10))
    assert 0.03 < ((moved - weights) / largest).std() < 0.12


def test_folds_are_contiguous_parts_of_every_class_of_every_source() -> None:
    classes = np.array([0, 1, 0, 1, 0, 0, 0, 1, 1])
    group = np.array([5, 5, 5, 5, 5, 5, 6, 6, 6])
    first, second = folds(classes, group, 2)
    np.testing.assert_array_equal(np.flatnonzero(first), [0, 1, 2, 7])
    np.testing.assert_array_equal(np.flatnonzero(second), [3, 4, 5, 8])
    # The one sample of class 0 in source 6 is only trained on.
    assert not first[6]
    assert not second[6]


def order_study(delays: tuple[float, ...]) -> tuple[SpikeTask, DelaySettings]:
    """The order of two spikes as a task; only delays of some 10 ms tell it."""
    parts = []
    for seed in (0, 1):
        events, y = order_task(120, seed)
        x = np.zeros((120, 50, 2), np.uint8)
        sample = np.repeat(np.arange(120 * 50), np.diff(events.start))
        x[sample // 50, sample % 50, events.channel] = 1
        parts.append((x, y, np.zeros(120, np.int64), np.zeros((120, 1))))
    (x, y, group, raw), (seen, truth, *_) = parts
    task = SpikeTask("order", 1e-3, x, y, seen, truth, group, group, raw, raw)
    settings = DelaySettings(
        "ecg",
        None,
        0,
        DelayNetwork(copies=8, tau_membrane=2e-3, buffer=0.05),
        DelayTraining(epochs=15, batch=20, rate=2e-2),
        RecurrentTraining(epochs=0),
        Study(),
        Choice(folds=2, mean_delay=delays),
    )
    return task, settings


def test_choice_takes_the_delay_that_validates_best_without_the_test() -> None:
    task, settings = order_study((1e-4, 1e-2))
    table = cell_table("assumed")
    found = choose(task, settings, table, DELAYS)
    assert found.values == {"mean_delay": 1e-2}
    assert found.settings.network.mean_delay == 1e-2
    assert found.tried[1]["balanced"] > found.tried[0]["balanced"] + 0.2
    blind = dataclasses.replace(task, test_x=np.zeros_like(task.test_x))
    assert choose(blind, settings, table, DELAYS).tried == found.tried


def test_nothing_is_chosen_without_folds_or_values() -> None:
    task, settings = order_study((0.0,))
    assert choose(task, settings, cell_table("assumed"), DELAYS).tried == ()


def test_scores_of_a_lopsided_test() -> None:
    wanted, given = np.array([0] * 8 + [1] * 2), np.array([0] * 8 + [1, 0])
    found = score(wanted, given, 2)
    assert (found.accuracy, found.balanced, found.f1) == pytest.approx((0.9, 0.75, 2 / 3))
    interval = summary([0.4, 0.5, 0.6])
    # Student's t with two degrees of freedom: 4.303 / sqrt(3).
    assert interval["high"] == pytest.approx(0.5 + 0.43027 / math.sqrt(3), rel=1e-4)
    assert summary([0.1, 0.9])["high"] == 1.0
    assert spread(list(np.linspace(0, 1, 101)))["low"] == pytest.approx(0.025)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("denram_*.toml")), ids=lambda p: p.stem)
def test_examples_are_studies_of_at_least_five_seeds_and_fifty_chips(path: Path) -> None:
    settings = DelaySettings.read(path)
    assert settings.task in path.stem
    assert settings.study.seeds >= 5
    assert settings.study.seeds * settings.study.chips >= 50
    assert settings.recurrent.epochs > 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task = 'ssc'", "task = 'ssc'; accepted: fsdd, shd, ecg"),
        ("task = 'ecg'\nseed = -1", "seed = -1; accepted: an integer"),
        ("task = 'ecg'\ndata = 3", "data = 3; accepted: the task"),
        ("task = 'ecg'\n[network]\ncopies = 0", "network.copies = 0; accepted: 1 to 256"),
        ("task = 'ecg'\n[network]\nmean_delay = -1.0", "network.mean_delay = -1.0; accepted: > 0 s"),
        ("task = 'ecg'\n[network]\nmean_delay = nan", "network.mean_delay = nan; accepted: a finite number"),
        ("task = 'ecg'\n[study]\nseeds = 1", "study.seeds = 1; accepted: 2 or more"),
        ("task = 'ecg'\n[study]\nnoise = [-5]", "study.noise = .-5.; accepted: percentages"),
        ("task = 'ecg'\n[study]\nsizes = [32]", "study.sizes = .32.; accepted: 1 to 16"),
        ("task = 'ecg'\n[study]\ng_min = 2e-4", "study.g_min, g_max = .0.0002, 0.0001.; accepted: 0 S <="),
        ("task = 'ecg'\n[study]\nattempts = 0", "study.attempts = 0; accepted: 1 to 100"),
        ("task = 'ecg'\n[choose]\nfolds = 1", "choose.folds = 1; accepted: 0, or 2 or more"),
        ("task = 'ecg'\n[choose]\nrate = [-1.0]", "choose.rate = .-1.0.; accepted: values > 0"),
        ("task = 'ecg'\n[choose]\nrate = ['x']", "choose.rate = .'x'.; accepted: a list of finite numbers"),
        ("task = 'ecg'\n[study]\nchip = 3", "unknown key study.chip"),
        ("task = ", "not TOML"),
    ],
)
def test_bad_study_is_refused_by_file_key_and_value(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "net.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"net.toml: .*{says}|net.toml: {says}"):
        DelaySettings.read(path)


SMALL = """
task = "ecg"
[network]
copies = 4
mean_delay = 0.03
buffer = 0.1
[train]
epochs = 15
start = 1.0
rate = 0.05
balance = true
[recurrent]
epochs = 1
[study]
seeds = 2
slow = 0.05
noise = [0, 10]
readings = 2
chips = 2
sizes = [2]
[choose]
folds = 2
mean_delay = [0.03, 0.06]
"""


class TestCommand:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("torch", reason="the extra [train] is not installed")
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")

    def test_a_study_without_data_says_what_it_needs(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "net.toml").write_text(SMALL)
        assert main(["train", str(tmp_path / "net.toml"), "-o", str(tmp_path / "out")]) == 2
        assert "task ecg needs its NPZ file of beats: key 'data', or --data" in capsys.readouterr().err

    def test_options_of_other_networks_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "net.toml").write_text(SMALL)
        call = ["train", str(tmp_path / "net.toml"), "-o", str(tmp_path / "out"), "--table", "assumed"]
        assert main(call) == 2
        assert "--table is for minGRU networks" in capsys.readouterr().err

    def test_a_small_study_writes_figures_and_pictures(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rng = np.random.default_rng(1)
        y = np.tile([0, 1], 40)
        t = np.arange(64)
        x = 200 * np.exp(-(((t - 30) / np.where(y, 12.0, 4.0)[:, None]) ** 2)) + rng.normal(0, 5, (80, 64))
        np.savez(tmp_path / "beats.npz", x=x, y=y, record=np.repeat([106, 119], 40), fs=np.array(360))
        (tmp_path / "net.toml").write_text(SMALL)
        out = tmp_path / "out"
        call = ["train", str(tmp_path / "net.toml"), "-o", str(out), "--threads", "1"]
        assert main([*call, "--data", str(tmp_path / "beats.npz")]) == 0
        assert "ecg, record 106 unseen" in capsys.readouterr().out
        results = json.loads((out / "results.json").read_text())
        assert [r["task"] for r in results] == [
            "ecg, record 106 unseen",
            "ecg, record 119 unseen",
            "ecg, later beats",
        ]
        first = results[0]
        assert set(first["networks"]) == {"delays", "no delays", "no delays, slow membrane", "recurrent"}
        assert first["networks"]["recurrent"]["parameters"] <= first["networks"]["delays"]["parameters"] == 16
        assert first["networks"]["delays"]["balanced"]["mean"] > 0.8
        assert first["chosen"]["delays"]["values"]["mean_delay"] in (0.03, 0.06)
        assert first["chosen"]["recurrent"]["values"] == {}
        assert first["sizes"][0]["networks"]["no delays"]["parameters"] == 8
        assert np.shape(first["chips"]["values"]) == (2, 2)
        assert len(list(out.glob("*.svg"))) == 3
