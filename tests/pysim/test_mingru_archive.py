"""Networks as files, and what is refused when a network is built or run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mingru_cases import chip, layer, network

from pysim.errors import ModelError
from pysim.mingru import MinGruLayer, MinGruNetwork, Readout


@pytest.fixture
def net() -> MinGruNetwork:
    rng = np.random.default_rng(0)
    readout = Readout(rng.normal(size=(10, 4)), rng.normal(size=4), "mean_state")
    return dataclasses.replace(network(64, 64, 10), readout=readout, summary={"accuracy": 0.5, "seed": 1})


def test_a_saved_network_reads_back_the_same(net: MinGruNetwork, tmp_path: Path) -> None:
    net.save(tmp_path / "net.npz")
    again = MinGruNetwork.load(tmp_path / "net.npz")
    assert again.summary == net.summary
    assert [n.analog for n in again.layers] == [True, False]
    x = np.random.default_rng(1).random((3, 40))
    a, b = net.run(x), again.run(x)
    np.testing.assert_array_equal(a.words, b.words)
    assert a.scores is not None
    assert b.scores is not None
    np.testing.assert_array_equal(a.scores, b.scores)
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


def test_an_exported_training_runs_to_the_scores_of_the_trained_network(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra [train] is not installed")
    from spicetwin.train.export import write_network
    from spicetwin.train.mingru import MinGruStack
    from spicetwin.train.settings import HARDWARE, Network

    trained = MinGruStack(Network(columns=(64, 16), rows=64), classes=4, seed=5)
    write_network(trained, tmp_path / "weights.npz", {"note": "none"})
    x = np.random.default_rng(2).random((6, 50))
    with torch.no_grad():
        expected = trained.double()(torch.tensor(x), HARDWARE, None, torch.float64).numpy()
    scores = MinGruNetwork.load(tmp_path / "weights.npz").run(x).scores
    assert scores is not None
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def change(path: Path, **arrays: Any) -> Path:
    """The file with some arrays replaced, or left out where None."""
    with path.open("rb") as file, np.load(file) as data:
        kept = {n: data[n] for n in data.files}
    kept |= {name.replace("__", "."): value for name, value in arrays.items()}
    with path.open("wb") as file:
        np.savez(file, **{n: v for n, v in kept.items() if v is not None})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"format": np.array("other/1")}, "format 'other/1'; accepted: 'mingru-network/1'"),
        ({"layer1__slope": None}, r"layer 1: array 'layer1\.slope' is missing"),
        (
            {"layer0__weight_h": np.full((64, 64), 4)},
            r"layer 0: .*weight_h\[0, 0\] = 4; accepted: 2-bit codes",
        ),
        ({"layer1__slope": np.ones(3)}, r"layer 1: layer1\.slope of shape \(3,\)"),
        ({"readout__feature": np.array("max")}, "readout: feature 'max'; accepted: mean_output"),
        ({"layers": np.array(3)}, "layer 2: array"),
    ],
)
def test_a_file_that_is_no_network_is_refused_by_name(
    net: MinGruNetwork, tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    net.save(tmp_path / "net.npz")
    path = change(tmp_path / "net.npz", **arrays)
    with pytest.raises(ModelError, match=rf"net\.npz: {message}"):
        MinGruNetwork.load(path)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        MinGruNetwork.load(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("weights")
    with pytest.raises(ModelError, match="no NPZ file of a minGRU network"):
        MinGruNetwork.load(tmp_path / "text.npz")
    np.save(tmp_path / "single.npz.npy", np.zeros(3))
    with pytest.raises(ModelError, match="no NPZ file of a minGRU network"):
        MinGruNetwork.load(tmp_path / "single.npz.npy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_h": np.full((64, 8), 5)}, r"weight_h\[0, 0\] = 5; accepted: 2-bit codes 0 to 3"),
        ({"weight_z": np.full((64, 8), 0.5)}, r"weight_z\[0, 0\] = 0\.5"),
        ({"weight_h": np.zeros((64, 7))}, "differ in shape"),
        ({"weight_h": np.zeros(64)}, r"accepted: \(rows, columns\)"),
        ({"bias_h": 32}, "bias_h = 32; accepted: whole codes -32 to 31"),
        ({"bias_z": np.full(8, 0.5)}, r"bias_z = 0\.5"),
        ({"threshold": np.full(8, np.nan)}, "threshold of shape"),
        ({"slope": 0.0}, r"slope = 0\.0; accepted: finite and > 0"),
        ({"offset": np.inf}, "offset = inf"),
        ({"bits": 7}, "64 rows cannot be swapped in 128 groups"),
        ({"bits": 9}, "bits = 9; accepted: 1 to 8"),
    ],
)
def test_layers_that_no_core_can_be_are_refused(changes: dict[str, Any], message: str) -> None:
    of = layer(64, 8)
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(of, **changes)


def test_layers_that_do_not_chain_are_refused() -> None:
    a, b = layer(64, 32), layer(64, 8)
    with pytest.raises(ModelError, match="layer 0 has 32 outputs, layer 1 64 rows"):
        MinGruNetwork((a, b))
    with pytest.raises(ModelError, match="layer 1 is analog"):
        MinGruNetwork((layer(64, 64), layer(64, 8, analog=True)))
    with pytest.raises(ModelError, match="no layers"):
        MinGruNetwork(())
    with pytest.raises(ModelError, match="readout of 9 columns for a last layer of 8"):
        MinGruNetwork((b,), Readout(np.zeros((9, 2)), np.zeros(2)))


def binary_input(value: float) -> np.ndarray:
    x = np.zeros((2, 3, 64))
    x[1, 2, 5] = value
    return x


@pytest.mark.parametrize(
    ("analog", "x", "message"),
    [
        (False, binary_input(0.5), r"inputs\[1, 2, 5\] = 0\.5; accepted: 0 or 1"),
        (False, binary_input(np.nan), r"inputs\[1, 2, 5\] = nan; accepted: 0 or 1"),
        (False, np.zeros((2, 3)), r"inputs of shape \(2, 3\); accepted: \(samples, steps, 64\)$"),
        (False, np.zeros((2, 3, 65)), r"inputs of shape \(2, 3, 65\)"),
        (True, binary_input(1.5), r"inputs\[1, 2, 5\] = 1\.5; accepted: levels from 0 to 1"),
        (True, binary_input(np.nan), "nan; accepted: levels"),
        (True, np.zeros((0, 3)), "no samples or no steps"),
        (True, np.array([["a"]]), "inputs of type"),
    ],
)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_inputs_that_are_none_are_refused(analog: bool, x: np.ndarray, message: str, backend: Any) -> None:
    net = MinGruNetwork((layer(64, 8, analog=analog),))
    with pytest.raises(ModelError, match=message):
        net.run(x, backend=backend)


def test_chips_and_backends_that_do_not_fit_are_refused() -> None:
    net, other = network(64, 64, 8), network(64, 64, 9)
    x = np.zeros((1, 2))
    with pytest.raises(ModelError, match="layer 1: core of 64 x 9, 6 bits for a layer of 64 x 8"):
        net.run(x, chip(other))
    with pytest.raises(ModelError, match="chip of 1 cores for a network of 2 layers"):
        net.run(x, chip(network(64, 64)))
    with pytest.raises(ModelError, match="backend 'jax'"):
        net.run(x, backend="jax")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="seed -1"):
        net.run(x, seed=-1)


def test_a_layer_keeps_what_it_was_built_with() -> None:
    codes = np.zeros((64, 8), dtype=np.uint8)
    of = MinGruLayer(weight_h=codes, weight_z=codes)
    codes[:] = 3
    assert not of.weight_h.any()
    with pytest.raises(ValueError, match="read-only"):
        of.weight_h[0, 0] = 1
