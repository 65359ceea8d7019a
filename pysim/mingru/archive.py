"""minGRU networks as NPZ files, the format in which training exports them."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.mingru.layer import MinGruLayer

FORMAT = "mingru-network/1"
FEATURES = ("mean_output", "mean_state", "last_state")

_LAYER = ("weight_h", "weight_z", "bias_h", "bias_z", "threshold", "bias_step", "slope", "offset")


@dataclass(frozen=True)
class Readout:
    """Digital matrix on a feature of the last layer.

    Attributes
    ----------
    weight, bias
        Shapes (columns, classes) and (classes,).
    feature
        ``mean_output`` or ``mean_state`` of the last layer over time, or its ``last_state``.

    Raises
    ------
    ModelError
        When shapes do not fit, a number is not finite, or the feature is unknown.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    feature: str = "mean_output"

    def __post_init__(self) -> None:
        """Check."""
        weight, bias = np.asarray(self.weight, np.float64), np.asarray(self.bias, np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[1:]:
            raise ModelError(
                f"readout: weight {weight.shape} and bias {bias.shape}; accepted: (columns, classes), (classes,)"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ModelError("readout: weight or bias is not finite")
        if self.feature not in FEATURES:
            raise ModelError(f"readout: feature {self.feature!r}; accepted: {', '.join(FEATURES)}")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)


def read(path: Path | str) -> tuple[tuple[MinGruLayer, ...], Readout | None, dict[str, Any]]:
    """Layers, readout and summary of an NPZ file; names and units in :meth:`MinGruNetwork.save`.

    Raises
    ------
    ModelError
        Naming the file, the array, and what is accepted.
    """
    path = Path(path)
    try:
        # Opened here: numpy leaves its own file open when the archive is cut short.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, zipfile.BadZipFile, EOFError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: no NPZ file of a minGRU network: {error}") from error
    try:
        if _get(arrays, "format").item() != FORMAT:
            raise ModelError(f"format {arrays['format'].item()!r}; accepted: {FORMAT!r}")
        layers = tuple(_layer(arrays, k) for k in range(int(_scalar(arrays, "layers"))))
        readout = None
        if "readout.weight" in arrays:
            feature = str(_get(arrays, "readout.feature"))
            readout = Readout(arrays["readout.weight"], _get(arrays, "readout.bias"), feature)
        summary = json.loads(str(arrays["summary"])) if "summary" in arrays else {}
    except (ModelError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: {error}") from error
    return layers, readout, summary


def write(
    path: Path | str, layers: tuple[MinGruLayer, ...], readout: Readout | None, summary: Mapping[str, Any]
) -> None:
    """Write the file of :func:`read`, whole or not at all."""
    path = Path(path)
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "layers": np.array(len(layers)),
        "bits": np.array(layers[0].bits),
        "summary": np.array(json.dumps(dict(summary))),
    }
    if readout is not None:
        arrays |= {"readout.feature": np.array(readout.feature)}
        arrays |= {"readout.weight": readout.weight, "readout.bias": readout.bias}
    for k, layer in enumerate(layers):
        arrays |= {f"layer{k}.{name}": np.asarray(getattr(layer, name)) for name in _LAYER}
        for name in ("bias_h", "bias_z"):
            arrays[f"layer{k}.{name}"] = arrays[f"layer{k}.{name}"].astype(np.int8)
        arrays |= {f"layer{k}.analog": np.array(layer.analog), f"layer{k}.bits": np.array(layer.bits)}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _get(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in arrays:
        raise ModelError(f"array {name!r} is missing")
    return arrays[name]


def _scalar(arrays: Mapping[str, NDArray[Any]], name: str) -> float:
    array = _get(arrays, name)
    if array.shape != () or array.dtype.kind not in "biuf":
        raise ModelError(f"{name} of shape {array.shape} and type {array.dtype}; accepted: one number")
    return float(array)


def _layer(arrays: Mapping[str, NDArray[Any]], k: int) -> MinGruLayer:
    names = {name: f"layer{k}.{name}" for name in _LAYER}
    bits = f"layer{k}.bits" if f"layer{k}.bits" in arrays else "bits"
    analog = bool(arrays[f"layer{k}.analog"]) if f"layer{k}.analog" in arrays else k == 0
    try:
        return MinGruLayer(
            weight_h=_get(arrays, names["weight_h"]),
            weight_z=_get(arrays, names["weight_z"]),
            bias_h=_get(arrays, names["bias_h"]),
            bias_z=_get(arrays, names["bias_z"]),
            threshold=_get(arrays, names["threshold"]),
            slope=_scalar(arrays, names["slope"]),
            offset=_scalar(arrays, names["offset"]),
            bias_step=_scalar(arrays, names["bias_step"]),
            bits=int(_scalar(arrays, bits)),
            analog=analog,
        )
    except ModelError as error:
        raise ModelError(f"layer {k}: {error}") from error
