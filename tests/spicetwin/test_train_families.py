"""Adapters of minGRU cores and of delayed synapses to the common training loop."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from pysim.delays.draw import assumed_table as assumed_delays  # noqa: E402
from pysim.mingru import MinGruNetwork  # noqa: E402
from pysim.tasks import digits  # noqa: E402
from pysim.tasks.spike_task import SpikeTask  # noqa: E402
from spicetwin.boundary import InputError  # noqa: E402
from spicetwin.mingru_chips import network_folder  # noqa: E402
from spicetwin.train.delays_chips import SOURCES, program  # noqa: E402
from spicetwin.train.delays_family import DelayCells, DelayFamily  # noqa: E402
from spicetwin.train.delays_net import DelayNet  # noqa: E402
from spicetwin.train.export import network as exported  # noqa: E402
from spicetwin.train.fit import pixels  # noqa: E402
from spicetwin.train.learning import Learning, learn  # noqa: E402
from spicetwin.train.mingru_family import CoreNetwork, MinGruFamily, stack  # noqa: E402
from spicetwin.train.table import named_table  # noqa: E402

START = MinGruNetwork.load(network_folder() / "mingru_digits.npz")


@pytest.fixture(scope="module")
def cores() -> MinGruFamily:
    task = digits(0)
    few = dataclasses.replace(task, test_x=task.test_x[:60], test_y=task.test_y[:60])
    return MinGruFamily(few, START, CoreNetwork(), named_table("mingru_generic130"), whole=True)


def test_codes_come_back_from_the_trainable_network() -> None:
    back = exported(stack(START, 10, 8.0), {})
    for own, given in zip(back.layers, START.layers, strict=True):
        for name in ("weight_h", "weight_z", "bias_h", "bias_z", "threshold"):
            np.testing.assert_allclose(getattr(own, name), getattr(given, name), atol=1e-6)
        assert own.slope == pytest.approx(given.slope, rel=1e-6)
    np.testing.assert_allclose(back.readout.weight, START.readout.weight, rtol=1e-6, atol=1e-6)


def test_ideal_answers_are_those_of_the_trainable_network(cores: MinGruFamily) -> None:
    weights = cores.begin(0)
    told = cores.decide(weights, "test", None)
    cores._load(weights)
    with torch.no_grad():
        own = cores._scores(pixels(cores.task.test_x), None).argmax(1).numpy()
    assert np.mean(own == told) >= 0.98


def test_twin_of_a_chip_is_nearer_to_the_simulated_chip_than_the_typical_one(cores: MinGruFamily) -> None:
    weights, chip = cores.begin(0), cores.chip(1000)
    cores._load(weights)
    x = cores.task.test_x
    with torch.no_grad():
        known, typical = (cores._scores(pixels(x), c).numpy() for c in (chip, None))
    run = cores._network().run(
        x.reshape(len(x), -1) / 255.0, chip.without("state_noise", "gate_noise"), seed=1
    )
    apart = [np.abs(scores - run.scores).mean() for scores in (known, typical)]
    assert apart[0] < 0.5 * apart[1]


def test_scores_of_a_chip_in_the_loop_are_the_simulators(cores: MinGruFamily) -> None:
    weights, chip, batch = cores.begin(0), cores.chip(1000), np.arange(20)
    loss, slopes = cores.gradient(weights, batch, None, chip)
    cores._load(weights)
    x = cores._x["training"][batch].reshape(20, -1) / 255.0
    scores = torch.from_numpy(cores._network().run(x, chip, seed=chip.seed).scores)
    wanted = torch.from_numpy(cores.wanted("training")[batch])
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(scores, wanted)), rel=1e-5)
    assert np.abs(slopes["layers.0.weight"]).max() > 0
    assert cores.rate("layers.2.log_slope") == 0.0


def test_network_without_the_tasks_classes_is_refused() -> None:
    with pytest.raises(InputError, match="no readout of 7 classes"):
        stack(START, 7, 8.0)


def delayed(planned: int) -> DelayFamily:
    rng = np.random.default_rng(0)
    x = (rng.random((60, 80, 3)) < 0.05).astype(np.uint8)
    y = np.arange(60) % 2
    task = SpikeTask(
        "noise", 0.01, x[:40], y[:40], x[40:], y[40:], np.arange(40) % 4, np.zeros(20, np.int64),
        np.zeros((40, 1)), np.zeros((20, 1)),
    )  # fmt: skip
    network = DelayCells(copies=8, mean_delay=0.15, buffer=0.6, start=1.0, g_min=0.0, g_max=1e-4)
    return DelayFamily(task, network, assumed_delays(), planned=planned, balance=False, whole=True)


def test_training_on_a_chip_sees_the_delays_of_that_chip() -> None:
    family, there = delayed(0), delayed(1000)
    weights, batch = family.begin(0), np.arange(30)
    loss, slopes = family.gradient(weights, batch, family.chip(1000), None)
    other, same = there.gradient(weights, batch, None, None)
    assert loss == other
    np.testing.assert_array_equal(slopes["weights"], same["weights"])
    assert loss != family.gradient(weights, batch, None, None)[0]


def test_chip_answers_with_its_delays_and_programmed_weights() -> None:
    family = delayed(0)
    weights, chip = family.begin(3), family.chip(7)
    events = family._events["test"]
    exact = DelayNet(weights["weights"], family.planned.steps(), 0.01, 0.03)
    np.testing.assert_array_equal(family.decide(weights, "test", None), exact.decide(events))
    own = DelayNet(weights["weights"], chip.steps(), 0.01, 0.03)
    cells = program(own, chip, 0, SOURCES, family.network.study)
    assert 0.01 < np.abs(cells[0] / weights["weights"] - 1.0).mean() < 0.3
    np.testing.assert_array_equal(family.decide(weights, "test", chip), own.decide(events, *cells))


def test_memories_are_refused_in_the_loop() -> None:
    family = delayed(0)
    with pytest.raises(ValueError, match="memories cannot be programmed at every step"):
        learn(family, family.begin(0), Learning("in_the_loop", 1, 20, 0.1), 0, family.chip(1))
