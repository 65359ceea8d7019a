"""The shipped networks, run by the simulator's definition, reach what their summaries say."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from calibration.table import load, resolve
from pysim.mingru import MinGruNetwork, draw
from pysim.mingru.ensemble import run_chip
from pysim.tasks import digits, mnist

MNIST = Path(__file__).resolve().parents[3] / "shared" / "tasks" / "mnist"


def shipped(name: str) -> MinGruNetwork:
    return MinGruNetwork.load(Path(str(files("spicetwin") / "networks" / f"{name}.npz")))


def test_digits_network_reaches_its_accuracy_on_the_test_it_never_saw() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    network = shipped("mingru_digits")
    task = digits(int(network.summary["settings"]["seed"]))
    right = network.run(task.test_pixels, backend="numpy").classes == task.test_y
    assert right.mean() >= 0.95
    # Training sums in single precision, which may turn a score at a tie.
    assert right.mean() == pytest.approx(network.summary["test_accuracy"], abs=1.5 / len(right))


def test_network_trained_with_spread_keeps_more_of_its_accuracy_on_a_chip() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    table = load(resolve("mingru_generic130"))
    kappa = table.entry("mingru.swap_gain").parameters["value"].value
    lost = {}
    for name in ("mingru_digits", "mingru_digits_spread"):
        network = shipped(name)
        task = digits(int(network.summary["settings"]["seed"]))
        ideal = run_chip(network, None, task.test_pixels, task.test_y)
        assert ideal.accuracy == pytest.approx(network.summary["test_accuracy"], abs=1.5 / len(task.test_y))
        deployed = network.with_gate_gain(kappa)
        on_chips = [
            run_chip(deployed, draw(deployed, table, seed), task.test_pixels, task.test_y, seed=seed).accuracy
            for seed in range(3)
        ]
        lost[name] = ideal.accuracy - float(np.mean(on_chips))
    assert lost["mingru_digits_spread"] < 0.05 < lost["mingru_digits"]


@pytest.mark.skipif(not MNIST.is_dir(), reason="no MNIST beside the checkout")
def test_mnist_network_scores_500_digits_as_its_summary_says() -> None:
    network = shipped("mingru_mnist")
    task = mnist(MNIST)
    right = network.run(task.test_pixels[:500], backend="numpy").classes == task.test_y[:500]
    expected = float(network.summary["test_accuracy"])
    assert abs(right.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 500)
