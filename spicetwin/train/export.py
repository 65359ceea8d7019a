"""Trained networks as arrays of codes: what a core's weight memory and its knobs would be loaded with."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spicetwin.train.mingru import MinGruLayer, MinGruStack
from spicetwin.train.quantise import bias_codes, weight_levels
from spicetwin.writing import write_bytes

FORMAT = "mingru-network/1"


def network_arrays(net: MinGruStack, summary: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Arrays of the NPZ file; see docs/train.md for names, shapes and units."""
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "layers": np.array(len(net.layers)),
        "bits": np.array(net.shape.bits),
        "readout.feature": np.array(net.shape.readout),
        "readout.weight": (net.readout_gain * net.readout_weight.detach()).numpy(),
        "readout.bias": net.readout_bias.detach().numpy(),
        "summary": np.array(json.dumps(summary)),
    }
    for k, layer in enumerate(net.layers):
        arrays |= {f"layer{k}.{name}": array for name, array in layer_arrays(layer).items()}
    return arrays


def layer_arrays(layer: MinGruLayer) -> dict[str, NDArray[Any]]:
    """Codes and knobs of one core."""
    with torch.no_grad():
        codes = ((weight_levels(layer.weight) + 3.0) / 2.0).to(torch.uint8).numpy()
        biases = bias_codes(layer.bias, layer.bias_step, layer.bits).to(torch.int8).numpy()
        slope, offset = float(layer.slope()), float(layer.offset)
    bias_h, bias_z, threshold = np.split(biases, 3)
    return {
        "weight_h": codes[:, : layer.columns],
        "weight_z": codes[:, layer.columns :],
        "bias_h": bias_h,
        "bias_z": bias_z,
        "threshold": threshold,
        "bias_step": np.array(layer.bias_step),
        "slope": np.array(slope),
        "offset": np.array(offset),
    }


def write_network(net: MinGruStack, path: Path, summary: dict[str, Any]) -> None:
    """Write :func:`network_arrays` as NPZ, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **network_arrays(net, summary))  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())
