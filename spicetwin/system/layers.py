"""Layers of a mixed network from their tables of the description; every mistake is an error of its line."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, TableError, load, resolve
from pysim import mingru
from pysim.delays.draw import assumed_table
from pysim.delays.soma import SpikingSoma
from pysim.errors import ModelError
from pysim.memcap.draw import MemcapModel
from pysim.memcap.table import memcap_model
from pysim.mingru.network import MinGruNetwork
from pysim.mingru.streams import stream
from pysim.recurrent.chip import Design
from pysim.specification import Specification
from pysim.system import (
    Conditions,
    DelayedSpikes,
    DpiPopulation,
    DpiProjection,
    MemcapSpikes,
    MinGruStack,
    RecurrentPopulation,
)
from pysim.system.delay_layer import G_MAX
from pysim.system.layer import Layer
from spicetwin.mingru_chips import network_folder

FloatArray = NDArray[np.float64]

ASSUMED = "assumed"


def layer_table(s: Specification, k: int, layer: Mapping[str, Any], root: Path) -> CalibrationTable | None:
    """Table of a layer; ``None`` where the family has assumed values of its own."""
    name, kind = layer["table"], layer["kind"]
    if name == ASSUMED:
        if kind == "recurrent":
            return None
        if kind == "dpi":
            raise s.error(("layers", k, "table"), "a DPI layer has no assumed table; accepted: a fitted one")
        return {"mingru": mingru.assumed_table, "denram": assumed_table}[kind]() if kind != "memcap" else None
    try:
        return load(s.path.parent / name if name.endswith(".json") else resolve(name, root))
    except (TableError, OSError) as error:
        raise s.error(("layers", k, "table"), str(error)) from error


def build_layer(
    s: Specification,
    k: int,
    layer: Mapping[str, Any],
    channels: int,
    dt: float,
    table: CalibrationTable | None,
    stacks: list[MinGruNetwork],
) -> Layer:
    """One layer; its mistakes are errors of its line."""
    try:
        if layer["kind"] == "mingru":
            return _stack(s, k, layer, table, stacks)
        if layer["kind"] == "dpi":
            return _population(layer, channels)
        if layer["kind"] == "recurrent":
            if k + 1 < len(s.document["layers"]):
                raise ModelError("a recurrent layer can only be the last one; accepted: as the last layer")
            return _recurrent(s, layer, channels, dt)
        weights = _weights(s, k, layer, channels)
        if layer["kind"] == "memcap":
            tau = np.broadcast_to(np.asarray(layer["tau"], np.float64), (layer["neurons"],))
            if table is not None and layer.get("model"):
                raise ModelError(
                    "the key 'model' has no meaning for a fitted table; accepted: table = 'assumed'"
                )
            known = MemcapModel() if table is None else memcap_model(table)
            model = replace(known, **layer.get("model", {}))
            return MemcapSpikes(weights, tau, dt, model, layer.get("tolerance", 0.05))
        soma = SpikingSoma(
            tau_membrane=float(layer.get("tau_membrane", 20e-3)), threshold=float(layer.get("threshold", 1.0))
        )
        mean = float(layer["mean_delay"])
        return DelayedSpikes(
            weights,
            mean,
            float(layer.get("buffer", 4.0 * mean)),
            soma,
            dt=dt,
            tau_synapse=float(layer.get("tau_synapse", 10e-3)),
            tau_spread=float(layer.get("tau_spread", 0.0)),
            g_max=float(layer.get("g_max", G_MAX)),
            extrapolate=layer.get("extrapolate", False),
        )
    except (TypeError, ValueError) as error:
        if str(error).startswith(str(s.path)):
            raise
        raise s.error(("layers", k), str(error)) from error


def _stack(
    s: Specification,
    k: int,
    layer: Mapping[str, Any],
    table: CalibrationTable | None,
    stacks: list[MinGruNetwork],
) -> MinGruStack:
    """minGRU cores with their knobs as they are set on the chips."""
    network = stored_mingru(s, k, layer)
    stacks.append(network)
    if (
        layer.get("knobs", "typical") == "typical"
        and table is not None
        and "mingru.swap_gain" in table.entries
    ):
        entry = table.entry("mingru.swap_gain")
        reference = Conditions().temperature
        network = network.with_gate_gain(float(entry.evaluate(entry.inputs({"temperature": reference}))))
    return MinGruStack(network)


def stored_mingru(s: Specification, k: int, layer: Mapping[str, Any]) -> MinGruNetwork:
    """The network that a minGRU layer names: of the package, or in a file."""
    given = layer["network"]
    if given.endswith(".npz"):
        return MinGruNetwork.load(s.path.parent / given)
    known = {path.stem: path for path in sorted(network_folder().glob("*.npz"))}
    if given not in known:
        accepted = ", ".join([*known, "a path ending in .npz"])
        raise s.error(("layers", k, "network"), f"{given!r} is no network; accepted: {accepted}")
    return MinGruNetwork.load(known[given])


def _population(layer: Mapping[str, Any], channels: int) -> DpiPopulation:
    n = layer["neurons"]
    projections = []
    for number, p in enumerate(layer["synapses"]):
        kind = p.get("connect", "random" if "fan_in" in p else "all")
        if (kind == "random") != ("fan_in" in p):
            raise ModelError(f"synapse {p['name']}: connect = 'random' and fan_in go together")
        if kind == "one-to-one":
            if n != channels:
                raise ModelError(
                    f"layers do not connect: synapse {p['name']} is one-to-one, there are {channels} inputs for {n} "
                    "neurons; accepted: equal numbers"
                )
            connection = np.eye(n, dtype=np.bool_)
        elif kind == "all":
            connection = np.ones((n, channels), np.bool_)
        else:
            if p["fan_in"] > channels:
                raise ModelError(
                    f"synapse {p['name']}: fan_in {p['fan_in']} of {channels}; accepted: 1 to {channels}"
                )
            rank = (
                stream(p.get("seed", 0), "connect", number)
                .random((n, channels))
                .argsort(axis=1)
                .argsort(axis=1)
            )
            connection = np.asarray(rank < p["fan_in"])
        inhibitory = p.get("sign", "excitatory") == "inhibitory"
        projections.append(DpiProjection(p["name"], connection, p["bias"], inhibitory))
    options = {name: layer[name] for name in ("i_in", "tolerance") if name in layer}
    return DpiPopulation(layer.get("bias", {}), tuple(projections), **options)


def _recurrent(s: Specification, layer: Mapping[str, Any], channels: int, dt: float) -> RecurrentPopulation:
    """Recurrent neurons with trained weights; time constants are 20 ms where they are not given."""
    names = ("tau_input", "tau_recurrent", "tau_output", "tau_membrane", "tau_readout")
    design = Design(
        inputs=channels,
        neurons=layer["neurons"],
        outputs=layer["outputs"],
        **{name: float(layer.get(name, 20e-3)) for name in names},
    )
    weights = read_array(s.path.parent / layer["weights"], "weights", "weights.weights")
    return RecurrentPopulation(design, weights, dt, layer.get("merge", 1))


def _weights(s: Specification, k: int, layer: Mapping[str, Any], channels: int) -> FloatArray:
    """Weights out of a file, or drawn."""
    given, shape = layer["weights"], (channels, layer["neurons"])
    if isinstance(given, str):
        weights = read_array(s.path.parent / given, "weights")
        if weights.shape != shape:
            raise s.error(
                ("layers", k, "weights"),
                f"layers do not connect: {given} holds weights {weights.shape}; accepted: (inputs, neurons) = {shape}",
            )
        return weights
    rng = stream(given.get("seed", 0), "weights", k)
    weights = rng.normal(given.get("mean", 0.0), given["sd"], shape)
    return np.where(rng.random(shape) < given.get("density", 1.0), weights, 0.0)


def read_array(path: Path, *names: str) -> FloatArray:
    """The first of the named arrays that an NPZ file holds.

    Raises
    ------
    ModelError
        Naming the file.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return np.asarray(data[next((n for n in names if n in data), names[0])], np.float64)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise ModelError(f"{path}: no NPZ file with an array {names[0]!r}: {error}") from error
