"""Description of a run of a minGRU network on drawn chips in TOML; see examples/chips_mingru.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.table import TABLES, CalibrationTable
from pysim.errors import ModelError
from pysim.mingru.archive import Readout
from pysim.mingru.draw import SOURCES, T_REFERENCE, assumed_table
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork
from pysim.specification import Specification

#: Name of the table of hand estimates, in place of a fitted one.
ASSUMED = "assumed"

#: How slope and offset of the converters are set: for the typical chip of the table, or as the network was trained.
KNOBS = ("typical", "trained")

_NUMBER = {"type": "number"}
_NUMBERS = {"type": "array", "items": _NUMBER, "minItems": 1}
_MATRIX = {"type": "array", "items": _NUMBERS, "minItems": 1}
_CODES = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    "minItems": 1,
}
_LAYER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["weight_h", "weight_z"],
    "properties": {
        "weight_h": _CODES,
        "weight_z": _CODES,
        "bias_h": _NUMBERS,
        "bias_z": _NUMBERS,
        "threshold": _NUMBERS,
        "slope": _NUMBER,
        "offset": _NUMBER,
        "bias_step": _NUMBER,
        "bits": {"type": "integer"},
        "analog": {"type": "boolean"},
    },
}
_STACK = {
    "type": "object",
    "additionalProperties": False,
    "required": ["layers"],
    "properties": {
        "layers": {"type": "array", "items": _LAYER, "minItems": 1},
        "readout": {
            "type": "object",
            "additionalProperties": False,
            "required": ["weight", "bias"],
            "properties": {"weight": _MATRIX, "bias": _NUMBERS, "feature": {"type": "string"}},
        },
    },
}
_TEXT = {"type": "string", "minLength": 1}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["network", "table", "task"],
    "properties": {
        "network": {"anyOf": [_TEXT, _STACK]},
        "table": _TEXT,
        "knobs": {"enum": list(KNOBS)},
        "task": {"enum": ["digits", "mnist"]},
        "data": _TEXT,
        "samples": {"type": "integer", "minimum": 1},
        "chips": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "seed": {"type": "integer", "minimum": 0},
        "sources": {"type": "array", "items": {"enum": list(SOURCES)}, "uniqueItems": True},
        "temperature": {"type": "number", "exclusiveMinimum": 0},
    },
}


@dataclass(frozen=True)
class MinGruExperiment:
    """A network, the table that its chips are drawn from, and the task.

    Attributes
    ----------
    network, table, task
        What runs, what chips are like, and the name of the task.
    knobs
        Out of :data:`KNOBS`.
    data
        Folder of the task's files, ``None``: the registry's.
    samples
        Test samples used, from the first on; ``None``: all.
    chips, seed, sources, temperature
        Number of chips, seed of the first (each chip has its own), sources of spread, K.
    """

    network: MinGruNetwork
    table: CalibrationTable
    task: str
    knobs: str
    data: Path | None
    samples: int | None
    chips: int
    seed: int
    sources: tuple[str, ...]
    temperature: float

    @classmethod
    def read(
        cls, path: Path | str, networks: Path | None = None, tables: Path | str = TABLES
    ) -> MinGruExperiment:
        """Read a description; ``networks`` is where networks given by name lie.

        Raises
        ------
        ModelError
            Naming the file, the line, what is wrong and what is accepted.
        TableError
            For an unknown table.
        """
        s = Specification.read(path, SCHEMA)
        named = s.document["table"] == ASSUMED
        data = s.value("data", None)
        return cls(
            _network(s, networks),
            assumed_table() if named else s.table(tables),
            s.document["task"],
            s.value("knobs", KNOBS[0]),
            None if data is None else s.path.parent / data,
            s.value("samples", None),
            s.value("chips", 100),
            s.value("seed", 0),
            tuple(s.value("sources", list(SOURCES))),
            float(s.value("temperature", T_REFERENCE)),
        )

    @property
    def deployed(self) -> MinGruNetwork:
        """The network with its knobs as they are set on the chips."""
        if self.knobs == "trained" or "mingru.swap_gain" not in self.table.entries:
            return self.network
        entry = self.table.entry("mingru.swap_gain")
        return self.network.with_gate_gain(float(entry.evaluate(entry.inputs({"temperature": T_REFERENCE}))))


def describes_mingru(path: Path | str) -> bool:
    """Whether a TOML file describes a run of a minGRU network; unreadable files do not."""
    import tomllib

    try:
        return "network" in tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _network(s: Specification, networks: Path | None) -> MinGruNetwork:
    given = s.document["network"]
    if isinstance(given, str):
        if given.endswith(".npz"):
            return MinGruNetwork.load(s.path.parent / given)
        known = {} if networks is None else {path.stem: path for path in sorted(networks.glob("*.npz"))}
        if given not in known:
            accepted = ", ".join([*known, "a path ending in .npz"])
            raise s.error(["network"], f"{given!r} is no network; accepted: {accepted}")
        return MinGruNetwork.load(known[given])
    try:
        return _stack(given)
    except (ModelError, ValueError) as error:
        raise s.error(["network"], str(error)) from error


def _stack(given: Mapping[str, Any]) -> MinGruNetwork:
    layers = []
    for k, layer in enumerate(given["layers"]):
        for name in ("weight_h", "weight_z"):
            if len({len(row) for row in layer[name]}) != 1:
                raise ModelError(f"layer {k}: {name} has rows of different length; accepted: one length")
        layers.append(MinGruLayer(**layer))
    readout = None
    if "readout" in given:
        r = given["readout"]
        readout = Readout(
            np.array(r["weight"], float), np.array(r["bias"], float), r.get("feature", "mean_output")
        )
    return MinGruNetwork(tuple(layers), readout)
