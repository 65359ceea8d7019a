"""Exported codes, run by a plain NumPy reference, against the network they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

from pysim.mingru import MinGruNetwork  # noqa: E402
from spicetwin.train.export import network, write_network  # noqa: E402
from spicetwin.train.mingru import MinGruStack  # noqa: E402
from spicetwin.train.settings import HARDWARE, Network  # noqa: E402

DOUBLE = torch.float64


def forward(net: MinGruStack, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Outputs of every layer, and scores, of the trained network in double precision."""
    y: Any = torch.tensor(x)
    outputs = []
    with torch.no_grad():
        for layer in net.layers:
            y, _ = layer(y, HARDWARE, None, DOUBLE)
            outputs.append(y.numpy())
        return outputs, net(torch.tensor(x), HARDWARE, None, DOUBLE).numpy()


@pytest.fixture
def net() -> MinGruStack:
    return MinGruStack(Network(columns=(64, 64, 24)), classes=4, seed=5).double()


def test_simulated_codes_compute_what_the_network_computes(net: MinGruStack) -> None:
    x = np.random.default_rng(6).random((8, 60))
    outputs, scores = forward(net, x)
    run = network(net, {}).run(x, backend="numpy", record=True)
    assert run.trace is not None
    for trace, expected in zip(run.trace, outputs, strict=True):
        np.testing.assert_array_equal(trace.outputs, expected)
        assert 0.02 < expected.mean() < 0.98
        assert len(np.unique(trace.codes)) > 10
    np.testing.assert_allclose(run.scores, scores, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("readout", ["mean_output", "last_state"])
def test_every_readout_scores_alike_in_both(readout: str) -> None:
    net = MinGruStack(Network(columns=(16, 16), rows=16, bits=4, readout=readout), classes=3, seed=7).double()
    x = np.random.default_rng(8).random((5, 40))
    run = network(net, {}).run(x, backend="numpy")
    np.testing.assert_allclose(run.scores, forward(net, x)[1], rtol=1e-12, atol=1e-12)
    assert run.scores is not None
    assert run.scores.std(0).min() > 1e-4


def test_codes_lie_in_their_sets_and_use_them(net: MinGruStack) -> None:
    with torch.no_grad():
        for layer in net.layers:
            layer.bias.copy_(torch.linspace(-1.0, 1.0, len(layer.bias)))
    for core in network(net, {}).layers:
        assert set(np.unique(core.weight_h)) == set(np.unique(core.weight_z)) == {0, 1, 2, 3}
        assert np.min(core.bias_h) == -32
        assert np.max(core.threshold) == 31.5


def test_the_file_reads_back_and_is_the_same_every_time(net: MinGruStack, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_network(net, tmp_path / name, {"test_accuracy": 0.5})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = MinGruNetwork.load(tmp_path / "a.npz")
    assert back.summary == {"test_accuracy": 0.5}
    x = np.random.default_rng(9).random((3, 20))
    here, there = network(net, {}).run(x, backend="numpy"), back.run(x, backend="numpy")
    np.testing.assert_array_equal(here.scores, there.scores)
