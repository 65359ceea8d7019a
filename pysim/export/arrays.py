"""Networks as named arrays, the form that the data formats store and read back."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.layer import DelayLayer
from pysim.delays.soma import IntegratingSoma, SpikingSoma
from pysim.errors import ModelError
from pysim.export.exporter import ExportError, Source, kind_of
from pysim.mingru.archive import FORMAT as MINGRU
from pysim.mingru.network import MinGruNetwork

Arrays = dict[str, NDArray[Any]]

DELAYS = "delay-layer/1"
#: Formats of networks that this release reads.
READ = (MINGRU, DELAYS)


def arrays_of(network: Source) -> Arrays:
    """Named arrays of a network; ``format`` names their meaning.

    Raises
    ------
    ExportError
        For what is no minGRU network and no delay layer.
    """
    if isinstance(network, MinGruNetwork):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            network.save(path)
            with np.load(path, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
    if isinstance(network, DelayLayer):
        return _of_layer(network)
    raise ExportError(
        f"a {kind_of(network)} has no form of named arrays; accepted: minGRU networks, delay layers"
    )


def network_of(arrays: Mapping[str, NDArray[Any]], where: str) -> MinGruNetwork | DelayLayer:
    """Network of named arrays.

    Raises
    ------
    ExportError
        Naming ``where``, what is wrong, and what is accepted.
    """
    form = check_format(str(arrays["format"]) if "format" in arrays else None, where)
    try:
        if form == DELAYS:
            return _layer(arrays)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            with path.open("wb") as file:
                np.savez(file, **dict(arrays))  # type: ignore[arg-type]
            return MinGruNetwork.load(path)
    except (ModelError, ValueError, TypeError, KeyError) as error:
        reason = f"array {error} is missing" if isinstance(error, KeyError) else str(error)
        # The archive's own message begins with the name of the temporary file.
        raise ExportError(f"{where}: {reason.rpartition('network.npz: ')[2]}") from error


def check_format(form: str | None, where: str) -> str:
    """Format of a file, where this release reads it.

    Raises
    ------
    ExportError
        For none, an unknown one, or a newer version of a known one.
    """
    if form in READ:
        return form
    accepted = f"accepted: {', '.join(READ)}"
    if form is None:
        raise ExportError(f"{where}: no format is named; {accepted}")
    kind, _, version = form.partition("/")
    newest = {f.partition("/")[0]: int(f.partition("/")[2]) for f in READ}
    if kind in newest and version.isdecimal() and int(version) > newest[kind]:
        raise ExportError(
            f"{where}: format {form!r} is newer than this release reads; upgrade spicetwin, or {accepted}"
        )
    raise ExportError(f"{where}: format {form!r} is unknown; {accepted}")


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """NPZ file of named arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    return buffer.getvalue()


def _of_layer(layer: DelayLayer) -> Arrays:
    soma: dict[str, float | str | bool] = {"tau_membrane": layer.soma.tau_membrane}
    if isinstance(layer.soma, SpikingSoma):
        soma |= {"threshold": layer.soma.threshold, "reset": layer.soma.reset, "located": layer.soma.located}
    arrays: Arrays = {
        "format": np.array(DELAYS),
        # Whole multiples of the grid, which is a power of two: nothing is lost.
        "weights": np.rint(layer.weights / layer.grid).astype(np.int32),
        "grid": np.array(layer.grid),
        "delays": layer.delays,
        "dt": np.array(layer.dt),
        "soma": np.array(json.dumps(soma)),
    }
    optional: dict[str, Any] = {
        "tau_synapse": layer.tau_synapse,
        "buffer": layer.buffer,
        "window": layer.window,
    }
    optional["origin"] = layer.origin or None
    arrays |= {name: np.asarray(value) for name, value in optional.items() if value is not None}
    return arrays


def _layer(arrays: Mapping[str, NDArray[Any]]) -> DelayLayer:
    known = {"format", "weights", "grid", "delays", "dt", "soma", "tau_synapse", "buffer", "window", "origin"}
    unknown = sorted(set(arrays) - known)
    if unknown:
        raise ExportError(f"array {unknown[0]!r} is unknown; accepted: {', '.join(sorted(known))}")
    soma = json.loads(str(arrays["soma"]))
    tau = arrays.get("tau_synapse")
    window = arrays.get("window")
    return DelayLayer(
        weights=arrays["weights"].astype(np.float64) * float(arrays["grid"]),
        delays=arrays["delays"],
        soma=SpikingSoma(**soma) if "threshold" in soma else IntegratingSoma(**soma),
        dt=float(arrays["dt"]),
        tau_synapse=None if tau is None else (float(tau) if tau.ndim == 0 else tau),
        buffer=int(arrays["buffer"]) if "buffer" in arrays else None,
        window=None if window is None else (float(window[0]), float(window[1])),
        origin=str(arrays["origin"]) if "origin" in arrays else "",
    )
