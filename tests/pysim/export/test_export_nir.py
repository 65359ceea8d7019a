"""NIR files of delay layers hold the layer, and other nodes are refused by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from export_cases import delay_layer, digits, small_table

from pysim.delays.layer import DelayLayer
from pysim.delays.soma import IntegratingSoma
from pysim.export.exporter import ExportError
from pysim.export.nir_file import check, content, read_layer
from pysim.export.registry import find_exporter

nir = pytest.importorskip("nir")


@pytest.mark.parametrize("own_tau", [False, True])
def test_the_file_holds_the_layer(own_tau: bool) -> None:
    layer = delay_layer(own_tau=own_tau)
    (line,) = check(layer, {}, content(layer, {}))
    assert line.passed
    assert own_tau or " 0 spikes" not in line.stimulus


@pytest.mark.parametrize("own_tau", [False, True])
def test_other_delays_are_caught(own_tau: bool) -> None:
    layer = delay_layer(own_tau=own_tau)
    other = dataclasses.replace(layer, delays=layer.delays[::-1])
    (line,) = check(layer, {}, content(other, {}))
    assert not line.passed


def test_a_layer_is_read_back_equal(tmp_path: Path) -> None:
    layer = delay_layer()
    path = tmp_path / "layer.nir"
    path.write_bytes(content(layer, {}))
    read = read_layer(path)
    for name in ("weights", "delays", "soma", "dt", "tau_synapse", "grid"):
        assert np.array_equal(getattr(read, name), getattr(layer, name)), name


def test_an_unread_node_is_named(tmp_path: Path) -> None:
    path = tmp_path / "layer.nir"
    path.write_bytes(content(delay_layer(own_tau=True), {}))
    with pytest.raises(ExportError, match=r"node 'currents' of type LI; accepted: Input"):
        read_layer(path)


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.nir"
    path.write_bytes(b"no HDF5")
    with pytest.raises(ExportError, match="no NIR file"):
        read_layer(path)
    nodes = {"input": nir.Input(np.array([1])), "output": nir.Output(np.array([1]))}
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=[("input", "output")]))
    with pytest.raises(ExportError, match="in the metadata; accepted: 'delay-layer/1'"):
        read_layer(path)


def test_a_newer_format_is_told_from_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / "layer.nir"
    path.write_bytes(content(delay_layer(), {}))
    graph = nir.read(path)
    for form, message in (("delay-layer/2", "newer than this release reads"), ("other/1", "in the metadata")):
        graph.metadata["spicetwin"]["format"] = form
        nir.write(path, graph)
        with pytest.raises(ExportError, match=rf"format '{form}' .*{message}"):
            read_layer(path)


def test_a_file_that_refers_to_others_or_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "layer.nir"
    path.write_bytes(content(delay_layer(), {}))
    with h5py.File(path, "a") as file:
        file["secret"] = h5py.ExternalLink("/etc/hostname", "/x")
    with pytest.raises(ExportError, match="member 'secret' refers to another place"):
        read_layer(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (100,), "u1", external=[(str(tmp_path / "other"), 0, 100)])
    with pytest.raises(ExportError, match="array 'x' lies in another file"):
        read_layer(path)
    path.write_bytes(content(delay_layer(), {}))
    monkeypatch.setattr("pysim.export.nir_file.LARGEST", 1000)
    with pytest.raises(ExportError, match="unpacks to more than 1000 bytes"):
        read_layer(path)


def test_what_nir_cannot_say_is_refused_with_the_nearest() -> None:
    exporter = find_exporter("nir")
    with pytest.raises(ExportError, match=r"no product of two signals, no quantiser.*use onnx"):
        exporter.export(digits())
    with pytest.raises(ExportError, match="NIR holds networks"):
        exporter.export(small_table())
    layer = delay_layer()
    passive = DelayLayer(weights=layer.weights, delays=layer.delays, soma=IntegratingSoma())
    with pytest.raises(ExportError, match="cannot hold an integrating soma"):
        exporter.export(passive)
    copies = dataclasses.replace(layer, weights=layer.weights[..., None], delays=layer.delays[..., None])
    with pytest.raises(ExportError, match="several synapses between"):
        exporter.export(copies)
