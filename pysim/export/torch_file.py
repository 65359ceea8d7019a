"""PyTorch state of a minGRU network as a safetensors file, which holds numbers only, never code.

The file is the ``state_dict`` of :class:`pysim.export.torch_module.MinGruModule`; its metadata hold sizes and feature,
so that :func:`load_module` builds the module from the file alone.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.exporter import At, Conformance, Exporter, ExportError, Source, tool, version_of
from pysim.export.onnx_file import compared
from pysim.export.stimulus import mingru_inputs
from pysim.mingru.archive import Readout
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork

if TYPE_CHECKING:
    from pysim.export.torch_module import MinGruModule

FORMAT = "mingru-torch/1"


def content(source: Source, at: At) -> bytes:
    """Safetensors file."""
    del at
    tool("torch", "torch")
    network = cast(MinGruNetwork, source)
    from pysim.export.torch_module import MinGruModule

    return _saved(MinGruModule(network), network)


def _saved(module: MinGruModule, network: MinGruNetwork) -> bytes:
    sizes = [[n.rows, n.columns, n.bits, int(n.analog)] for n in network.layers]
    feature = "" if network.readout is None else network.readout.feature
    about = {"format": FORMAT, "sizes": json.dumps(sizes), "feature": feature}
    return bytes(tool("safetensors.torch", "safetensors").save(module.state_dict(), about))


def load_module(path: Path | str) -> MinGruModule:
    """Module of an exported file.

    Raises
    ------
    ExportError
        For a file that is none, a newer version, or tensors that do not fit.
    """
    path = Path(path)
    tensors = tool("safetensors", "safetensors")
    tool("torch", "torch")
    from pysim.export.torch_module import MinGruModule

    try:
        with tensors.safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, tensors.SafetensorError) as error:
        raise ExportError(f"{path}: no safetensors file: {error}") from error
    if about.get("format") != FORMAT:
        raise ExportError(f"{path}: format {about.get('format')!r}; accepted: {FORMAT!r}")
    module = MinGruModule(_blank(json.loads(about["sizes"]), about["feature"], state))
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ExportError(f"{path}: {' '.join(str(error).split())}") from error
    return module


def _blank(sizes: list[list[int]], feature: str, state: dict[str, Any]) -> MinGruNetwork:
    """Network of the right sizes for the state to fill."""
    layers = tuple(
        MinGruLayer(
            weight_h=np.zeros((rows, columns), np.uint8),
            weight_z=np.zeros((rows, columns), np.uint8),
            bits=bits,
            analog=bool(analog),
        )
        for rows, columns, bits, analog in sizes
    )
    if not feature:
        return MinGruNetwork(layers)
    weight = np.zeros(tuple(state["readout_weight"].shape))
    return MinGruNetwork(layers, Readout(weight, np.zeros(weight.shape[1]), feature))


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Module built from the file, run in PyTorch on random inputs."""
    del at
    network = cast(MinGruNetwork, source)
    torch = tool("torch", "torch")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        path.write_bytes(data)
        module = load_module(path)
    inputs = mingru_inputs(network)
    with torch.no_grad():
        found = module(torch.from_numpy(inputs))
    return compared(network, inputs, {k: v.numpy() for k, v in found.items()}, "torch", version_of("torch"))


EXPORTER = Exporter(
    name="torch",
    suffix=".safetensors",
    title="PyTorch state_dict of a minGRU network (safetensors) for pysim.export.torch_module",
    holds=(MinGruNetwork,),
    content=content,
    check=check,
    instead={
        CalibrationTable: "a table is no module; use npz for its look-up tables",
        DelayLayer: "there is no module of delayed spikes; use npz or nir",
    },
)
