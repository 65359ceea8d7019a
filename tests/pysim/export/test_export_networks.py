"""minGRU networks in onnxruntime and PyTorch give what the twin gives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from export_cases import delay_layer, digits, small_table

from pysim.export.exporter import ExportError, ToolMissing, tool
from pysim.export.registry import find_exporter
from pysim.mingru.network import MinGruNetwork

NEEDS = {"onnx": ("onnx", "onnxruntime"), "torch": ("torch", "safetensors")}


def binary() -> MinGruNetwork:
    """Two layers with binary inputs and no readout."""
    layers = digits().layers[1:]
    return MinGruNetwork(layers)


@pytest.mark.parametrize("form", NEEDS)
@pytest.mark.parametrize("make", [digits, binary])
def test_the_tool_computes_the_twin(form: str, make: type) -> None:
    for module in NEEDS[form]:
        pytest.importorskip(module)
    exporter, network = find_exporter(form), make()
    assert exporter.check is not None
    lines = exporter.check(network, {}, exporter.export(network))
    assert {line.metric.split()[-1] for line in lines} >= {"y", "h"}
    assert [line for line in lines if not (line.passed and line.value < 1e-12)] == []


@pytest.mark.parametrize("form", NEEDS)
def test_another_bias_in_the_file_is_caught(form: str) -> None:
    for module in NEEDS[form]:
        pytest.importorskip(module)
    exporter, network = find_exporter(form), digits()
    first = network.layers[0]
    layer = dataclasses.replace(first, bias_h=np.clip(np.asarray(first.bias_h) + 1, -32, 31))
    other = dataclasses.replace(network, layers=(layer, *network.layers[1:]))
    assert exporter.check is not None
    assert not all(line.passed for line in exporter.check(network, {}, exporter.export(other)))


@pytest.mark.parametrize("form", NEEDS)
def test_what_is_no_network_is_refused_with_the_nearest_format(form: str) -> None:
    for source in (small_table(), delay_layer()):
        with pytest.raises(ExportError, match=rf"{form} cannot hold a .*; use npz"):
            find_exporter(form).export(source)


def test_gradients_reach_every_parameter(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from pysim.export.torch_file import load_module

    path = tmp_path / "network.safetensors"
    path.write_bytes(find_exporter("torch").export(digits()))
    module = load_module(path)
    x = torch.rand((3, 12, 1), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    module(x)["scores"].square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # The last outputs' thresholds count too: the readout takes their means.
        assert parameter.grad.abs().max() > 0, name


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    from pysim.export.torch_file import load_module

    path = tmp_path / "other.safetensors"
    save({"x": torch.zeros(2)}, path, {"format": "mingru-torch/2"})
    with pytest.raises(ExportError, match="format 'mingru-torch/2'; accepted"):
        load_module(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ExportError, match="no safetensors file"):
        load_module(path)


def test_a_missing_tool_is_named_with_its_package() -> None:
    with pytest.raises(ToolMissing, match="pip install some-package"):
        tool("some_module_that_is_not_there", "some-package")
