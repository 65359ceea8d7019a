"""Exported codes, run by a plain NumPy reference, against the network they came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

from spicetwin.train.export import FORMAT, network_arrays, write_network  # noqa: E402
from spicetwin.train.mingru import MinGruStack  # noqa: E402
from spicetwin.train.settings import HARDWARE, Network  # noqa: E402


def software(arrays: dict[str, Any], x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Gate codes and outputs of every layer, and scores, straight from the equations in docs/train.md."""
    bits = int(arrays["bits"])
    top = 2**bits - 1
    y = np.broadcast_to(x[..., None], (*x.shape, len(arrays["layer0.weight_h"])))
    gates, outputs = [], []
    for n in range(int(arrays["layers"])):
        p = {k.split(".")[1]: v for k, v in arrays.items() if k.startswith(f"layer{n}.")}
        u_h, u_z = (y @ ((2.0 * p[w] - 3.0) / 3.0) / y.shape[-1] for w in ("weight_h", "weight_z"))
        a_h = u_h + p["bias_step"] * p["bias_h"]
        a_z = u_z + p["bias_step"] * p["bias_z"]
        k = np.clip(np.floor(top * (p["slope"] * a_z / 2 + 0.5 + p["offset"]) + 0.5), 0, top)
        h, bitstream, analog = np.zeros(a_h[:, 0].shape), [], []
        for t in range(x.shape[1]):
            h = h + k[:, t] / 2**bits * (a_h[:, t] - h)
            analog.append(h)
            bitstream.append(h > p["bias_step"] * p["threshold"])
        y = np.stack(bitstream, 1).astype(np.float64)
        gates.append(k)
        outputs.append(y)
        states = np.stack(analog, 1)
    feature = {"mean_output": y.mean(1), "mean_state": states.mean(1), "last_state": h}[
        str(arrays["readout.feature"])
    ]
    return gates, outputs, feature @ arrays["readout.weight"] + arrays["readout.bias"]


@pytest.fixture
def net() -> MinGruStack:
    return MinGruStack(Network(columns=(32, 24, 16), rows=32), classes=4, seed=5)


def test_exported_codes_compute_what_the_network_computes(net: MinGruStack) -> None:
    arrays = network_arrays(net, {})
    double = net.double()
    x = np.random.default_rng(6).random((8, 60))
    gates, outputs, scores = software(arrays, x)
    y: Any = torch.tensor(x)
    for layer, expected in zip(double.layers, outputs, strict=True):
        y, _ = layer(y, HARDWARE, None, torch.float64)
        np.testing.assert_array_equal(y.detach().numpy(), expected)
        assert 0.02 < expected.mean() < 0.98
    assert all(len(np.unique(k)) > 10 for k in gates)
    with torch.no_grad():
        mine = double(torch.tensor(x), HARDWARE, None, torch.float64).numpy()
    np.testing.assert_allclose(mine, scores, atol=1e-6)


@pytest.mark.parametrize("readout", ["mean_output", "mean_state", "last_state"])
def test_every_readout_scores_as_the_equations_say(readout: str) -> None:
    net = MinGruStack(Network(columns=(16, 16), rows=16, readout=readout), classes=3, seed=7).double()
    x = np.random.default_rng(8).random((5, 40))
    _, _, scores = software(network_arrays(net, {}), x)
    with torch.no_grad():
        mine = net(torch.tensor(x), HARDWARE, None, torch.float64).numpy()
    np.testing.assert_allclose(mine, scores, rtol=1e-6, atol=1e-9)
    assert scores.std(0).min() > 1e-4


def test_codes_lie_in_their_sets_and_use_them(net: MinGruStack) -> None:
    with torch.no_grad():
        for layer in net.layers:
            layer.bias.copy_(torch.linspace(-1.0, 1.0, len(layer.bias)))
    arrays = network_arrays(net, {})
    for n in range(3):
        for name in ("weight_h", "weight_z"):
            assert set(np.unique(arrays[f"layer{n}.{name}"])) == {0, 1, 2, 3}
        assert arrays[f"layer{n}.bias_h"].min() == -32
        assert arrays[f"layer{n}.threshold"].max() == 31
    assert arrays["layer1.weight_z"].shape == (32, 24)


def test_the_file_reads_back_without_pickle_and_is_the_same_every_time(
    net: MinGruStack, tmp_path: Path
) -> None:
    for name in ("a.npz", "b.npz"):
        write_network(net, tmp_path / name, {"test_accuracy": 0.5})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with (tmp_path / "a.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
        assert str(data["format"]) == FORMAT
        assert json.loads(str(data["summary"])) == {"test_accuracy": 0.5}
        np.testing.assert_array_equal(data["layer2.weight_h"], network_arrays(net, {})["layer2.weight_h"])
