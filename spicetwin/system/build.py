"""A mixed network from its description: layers, tables, task, read-out, and the design of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from calibration.table import TABLES, CalibrationTable
from pysim.errors import ModelError
from pysim.interval import Design
from pysim.mingru.network import MinGruNetwork
from pysim.specification import Specification
from pysim.system import (
    SOURCES,
    LinearReadout,
    RecurrentPopulation,
    SystemNetwork,
    counting,
    ridge,
)
from pysim.system.classify import BATCH, Classification
from pysim.system.layer import Layer, check_entries
from spicetwin.system.layers import build_layer, layer_table, read_array, stored_mingru
from spicetwin.system.tasks import LabelledSignals, signals

SCHEMA_VERSION = "1.0.0"


@dataclass(frozen=True)
class System:
    """All of a description.

    Attributes
    ----------
    specification
        As read.
    metric
        Network, tables, test samples.
    task
        With the training samples.
    design
        Sources, shares, ranges, seed.
    chips, half_width
        Most chips, and where to stop.
    """

    specification: Specification
    metric: Classification
    task: LabelledSignals
    design: Design
    chips: int
    half_width: float | None


def schema() -> dict[str, Any]:
    """JSON Schema of a description."""
    resource = files("spicetwin.system") / "schema" / f"network-{SCHEMA_VERSION}.json"
    found: dict[str, Any] = json.loads(resource.read_text(encoding="utf-8"))
    return found


def describes_system(path: Path) -> bool:
    """Whether a TOML file describes a mixed network; unreadable files do not."""
    import tomllib

    try:
        return "layers" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def read_system(
    path: Path,
    *,
    chips: int | None = None,
    seed: int | None = None,
    half_width: float | None = None,
    tables: Path = TABLES,
) -> System:
    """Read and build a description; ``chips``, ``seed`` and ``half_width`` override it.

    Raises
    ------
    ModelError, TableError, InputError
        Naming the file, the line, what is wrong and what is accepted.
    """
    s = Specification.read(path, schema())
    given = s.document["layers"]
    first_analog, split = False, 0
    layers: list[Layer] = []
    found: list[CalibrationTable | None] = []
    stacks: list[MinGruNetwork] = []
    if given[0]["kind"] == "mingru":
        loaded = stored_mingru(s, 0, given[0])
        first_analog = loaded.layers[0].analog
        split = int(loaded.summary.get("settings", {}).get("seed", 0))
    task = signals(s.document["task"], s.path.parent, analog=first_analog, split=split)
    channels = task.test.channels
    for k, layer in enumerate(given):
        table = layer_table(s, k, layer, tables)
        built = build_layer(s, k, layer, channels, task.test.dt, table, stacks)
        name = layer.get("name", f"{built.family}{k}")
        try:
            if table is not None:
                check_entries(built, table, name)
        except ModelError as error:
            raise s.error(("layers", k, "table"), str(error)) from error
        layers.append(built)
        found.append(table)
        channels = built.outputs
    names = tuple(
        layer.get("name", f"{built.family}{k}")
        for k, (layer, built) in enumerate(zip(given, layers, strict=True))
    )
    try:
        network = SystemNetwork(tuple(layers), None, names)
    except ModelError as error:
        raise s.error(("layers",), str(error)) from error
    run = s.document.get("run", {})
    network = replace(network, readout=_readout(s, network, found, task, stacks))
    sources = tuple(run.get("sources", SOURCES))
    metric = Classification(
        network, tuple(found), task.test, task.test_labels, sources, run.get("batch", BATCH)
    )
    design = _design(run, network, metric, seed)
    return System(
        s,
        metric,
        task,
        design,
        run.get("chips", 100) if chips is None else chips,
        run.get("half_width") if half_width is None else half_width,
    )


def _design(
    run: Mapping[str, Any], network: SystemNetwork, metric: Classification, seed: int | None
) -> Design:
    """Sources whose share is wanted: by default those that the tables give a spread."""
    ranges = {name: _range(run.get(name, value)) for name, value in (("temperature", 300.15), ("time", 1.0))}
    wanted = run.get("shares", False)
    shared: tuple[str, ...] = ()
    if wanted is True:
        shared = network.spreading(metric.tables, metric.sources, ranges["temperature"], ranges["time"])
    elif wanted:
        shared = tuple(name for name in SOURCES if name in wanted)
    return Design(
        run.get("seed", 0) if seed is None else seed,
        metric.sources,
        shared,
        ranges["temperature"],
        ranges["time"],
    )


def _range(value: Any) -> tuple[float, float]:
    return (float(value[0]), float(value[1])) if isinstance(value, list) else (float(value), float(value))


def _readout(
    s: Specification,
    network: SystemNetwork,
    tables: list[CalibrationTable | None],
    task: LabelledSignals,
    stacks: list[MinGruNetwork],
) -> LinearReadout:
    """Read-out as described; a fitted one sees training samples on the typical chip."""
    given = s.document["readout"]
    kind, neurons = given["kind"], network.layers[-1].outputs
    if kind == "count":
        classes = int(max(task.test_labels.max(), task.train_labels.max())) + 1
        if neurons < classes:
            raise s.error(("readout", "kind"), f"{neurons} neurons for {classes} classes; accepted: one each")
        return counting(neurons)
    if kind == "file":
        if "file" not in given:
            raise s.error(("readout",), "kind 'file' needs the key 'file'")
        path = s.path.parent / given["file"]
        feature = given.get("feature", "mean_output")
        return LinearReadout(read_array(path, "weight"), read_array(path, "bias"), feature)
    last = network.layers[-1]
    if kind == "network" and isinstance(last, RecurrentPopulation):
        return counting(last.design.outputs, "peak")
    if kind == "network":
        own = stacks[-1].readout if stacks and s.document["layers"][-1]["kind"] == "mingru" else None
        if own is None:
            raise s.error(
                ("readout", "kind"),
                "the last layer is no minGRU network with a read-out and not recurrent; accepted: count, ridge, file",
            )
        return LinearReadout(own.weight, own.bias, own.feature)
    typical = network.draw(tuple(tables), 0, ())
    features = []
    feature = given.get("feature", "mean_output")
    for first in range(0, task.train.samples, BATCH):
        part = task.train.select(first, min(first + BATCH, task.train.samples))
        found = network.run(part, typical, first=first).layers[-1].features
        if feature not in found:
            raise s.error(("readout", "feature"), f"{feature!r}; accepted: {', '.join(found)}")
        features.append(found[feature])
    return ridge(np.concatenate(features), task.train_labels, feature, float(given.get("strength", 1e-3)))
