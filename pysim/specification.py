"""Network description in TOML: checked against a schema, then built from a calibration table.

Everything in SI units (A, s, K, Hz). See examples/dpi_population.toml and docs/tables.md.
"""

from __future__ import annotations

import csv
import math
import re
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import TABLES, CalibrationTable, load, resolve
from pysim.chip import SOURCES, Chip, draw
from pysim.errors import ModelError
from pysim.network import Network, Projection, SpikeSource, poisson

FloatArray = NDArray[np.float64]

_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 10_000_000}
_SEED = {"type": "integer", "minimum": 0}
_BIAS = {"type": "object", "additionalProperties": _POSITIVE}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


SCHEMA: dict[str, Any] = _object(
    ("table", "duration", "neurons"),
    table={"type": "string", "minLength": 1},
    temperature=_POSITIVE,
    duration=_POSITIVE,
    seed=_SEED,
    chips=_COUNT,
    sources={"type": "array", "items": {"enum": list(SOURCES)}, "uniqueItems": True},
    extrapolate={"type": "boolean"},
    tolerance={"type": "number", "exclusiveMinimum": 0, "maximum": 0.01},
    neurons=_object(
        ("count",),
        count=_COUNT,
        i_in={"type": "number", "minimum": 0},
        bias=_BIAS,
        adaptation=_object(("bias",), bias=_BIAS),
    ),
    inputs={
        "type": "object",
        "propertyNames": {"not": {"const": "neurons"}},
        "additionalProperties": _object(
            ("kind",),
            kind={"enum": ["poisson", "recorded"]},
            count=_COUNT,
            rate={"type": "number", "minimum": 0},
            seed=_SEED,
            file={"type": "string", "minLength": 1},
        ),
    },
    synapses={
        "type": "array",
        "items": {
            **_object(
                ("name", "from"),
                name={"type": "string", "minLength": 1},
                sign={"enum": ["excitatory", "inhibitory"]},
                connect={"enum": ["one-to-one", "all", "random"]},
                fan_in=_COUNT,
                delay={"type": "number", "minimum": 0},
                seed=_SEED,
                bias=_BIAS,
            ),
        },
    },
    rate_response=_object(
        ("currents",),
        currents={"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1},
        duration=_POSITIVE,
    ),
)
SCHEMA["properties"]["synapses"]["items"]["properties"]["from"] = {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Specification:
    """A checked network description; ``document`` has the shape of the schema it was read with."""

    path: Path
    text: str
    document: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path | str, schema: Mapping[str, Any] = SCHEMA) -> Specification:
        """Read a TOML file and check it against ``schema``.

        Raises
        ------
        ModelError
            Naming the file, the line, what is wrong and what is accepted.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
            document = tomllib.loads(text)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: is not UTF-8 text (byte {error.start})") from error
        except tomllib.TOMLDecodeError as error:
            raise ModelError(f"{path}: not TOML: {error}") from error
        specification = cls(path, text, document)
        specification._check(schema)
        return specification

    def _check(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match

        error = best_match(Draft202012Validator(schema).iter_errors(self.document))
        if error is None:
            self._check_numbers(self.document, ())
            return
        where: list[str | int] = list(error.absolute_path)
        message = error.message[:200]
        if error.validator == "additionalProperties" and isinstance(error.schema.get("properties"), dict):
            known = error.schema["properties"]
            key = next(k for k in error.instance if k not in known)
            where.append(key)
            message = f"unknown key {key!r}; accepted: {', '.join(known)}"
        elif isinstance(error.schema, dict) and "description" in error.schema:
            message += f"; accepted: {error.schema['description']}"
        raise self.error(where, message)

    def _check_numbers(self, value: Any, path: tuple[str | int, ...]) -> None:
        """TOML has nan and inf; a network has not."""
        if isinstance(value, dict):
            for key, item in value.items():
                self._check_numbers(item, (*path, key))
        elif isinstance(value, list):
            for k, item in enumerate(value):
                self._check_numbers(item, (*path, k))
        elif isinstance(value, float) and not math.isfinite(value):
            raise self.error(path, f"{value} is not a finite number")

    def error(self, where: Sequence[str | int], message: str) -> ModelError:
        """Error that names the file, the line and the key."""
        line = line_of(self.text, where)
        place = f"{self.path}:{line}" if line else str(self.path)
        key = ".".join(str(k) for k in where)
        return ModelError(f"{place}: {key + ': ' if key else ''}{message}")

    def table(self, root: Path | str = TABLES) -> CalibrationTable:
        """The calibration table, by name or by a path relative to the description."""
        name = self.document["table"]
        return load(self.path.parent / name if name.endswith(".json") else resolve(name, root))

    def value(self, key: str, default: Any) -> Any:
        """Top-level value."""
        return self.document.get(key, default)


def line_of(text: str, where: Sequence[str | int]) -> int | None:
    """Line of a key in TOML text, or of the nearest table around it; ``None`` if neither can be told.

    ``where`` holds keys and positions in arrays of tables, as a schema error gives them.
    """
    wanted = tuple(where)
    last: dict[tuple[str | int, ...], int] = {}
    here: tuple[str | int, ...] = ()
    best, depth = None, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
        if header:
            here = ()
            parts = [part.strip().strip("\"'") for part in header[2].split(".")]
            for part in parts:
                here = (*here, part)
                if header[1] == "[[" and len([k for k in here if isinstance(k, str)]) == len(parts):
                    last[here] = last.get(here, -1) + 1
                if here in last:
                    here = (*here, last[here])
            found = here
        else:
            key = re.match(r"\s*([A-Za-z0-9_\"'.-]+)\s*=", line)
            if not key:
                continue
            found = (*here, *(part.strip("\"'") for part in key[1].split(".")))
        if len(found) > depth and found == wanted[: len(found)]:
            best, depth = number, len(found)
    return best


@dataclass(frozen=True)
class Build:
    """A network with the chips it was drawn from."""

    network: Network
    table: CalibrationTable
    neurons: Chip
    synapses: tuple[Chip, ...]


def build(
    specification: Specification,
    *,
    chips: int | None = None,
    seed: int | None = None,
    tables: Path | str = TABLES,
) -> Build:
    """Draw the chips and wire the network; ``chips`` and ``seed`` override the description.

    Raises
    ------
    ModelError, TableError, OutOfDomain
        Naming what cannot be built.
    """
    s = specification
    table = s.table(tables)
    seed = s.value("seed", 0) if seed is None else seed
    neurons = s.document["neurons"]
    shape = (s.value("chips", 1) if chips is None else chips, neurons["count"])
    sources = tuple(s.value("sources", list(SOURCES)))
    warmth = {"temperature": s.value("temperature", 300.15)}
    extrapolate = s.value("extrapolate", False)
    soma = draw(
        table,
        shape,
        seed,
        sources,
        block="neuron",
        at={**warmth, **neurons.get("bias", {})},
        extrapolate=extrapolate,
    )
    inputs = {name: _source(s, name, seed) for name in s.value("inputs", {})}
    projections, drawn = [], []
    names = [p["name"] for p in s.value("synapses", [])]
    for k, p in enumerate(s.value("synapses", [])):
        if names.index(p["name"]) != k:
            raise s.error(("synapses", k, "name"), f"{p['name']!r} is used twice")
        chip = draw(
            table,
            shape,
            seed,
            sources,
            label=p["name"],
            at={**warmth, **p.get("bias", {})},
            extrapolate=extrapolate,
        )
        drawn.append(chip)
        projections.append(_projection(s, k, p, chip, inputs, seed))
    cells = soma.neuron()
    if "adaptation" in neurons:
        slow = {**warmth, **neurons["adaptation"]["bias"]}
        block = draw(table, shape, seed, sources, block="adaptation", at=slow, extrapolate=extrapolate)
        cells = cells.with_adaptation(block.synapse())
    network = Network(cells, tuple(projections), float(neurons.get("i_in", 0.0)))
    return Build(network, table, soma, tuple(drawn))


def _projection(
    s: Specification,
    k: int,
    p: Mapping[str, Any],
    chip: Chip,
    inputs: Mapping[str, SpikeSource],
    seed: int,
) -> Projection:
    if p["from"] != "neurons" and p["from"] not in inputs:
        known = ", ".join([*inputs, "neurons"])
        raise s.error(("synapses", k, "from"), f"{p['from']!r} is no input; accepted: {known}")
    source = None if p["from"] == "neurons" else inputs[p["from"]]
    n = chip.shape[1]
    count = n if source is None else source.count
    connection = _connection(s, k, p, n, count, np.random.default_rng([p.get("seed", seed), k, 1]))
    if source is None:
        if p.get("delay", 0.0) <= 0.0:
            raise s.error(("synapses", k, "delay"), "a recurrent projection needs a delay > 0 s")
        np.fill_diagonal(connection, val=False)
    inhibitory = p.get("sign", "excitatory") == "inhibitory"
    return Projection(p["name"], chip.synapse(), connection, source, float(p.get("delay", 0.0)), inhibitory)


def _connection(
    s: Specification, k: int, p: Mapping[str, Any], n: int, count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Connection matrix, shape (n, count)."""
    kind = p.get("connect", "random" if "fan_in" in p else "all")
    if ("fan_in" in p) != (kind == "random"):
        raise s.error(("synapses", k, "connect"), "connect = 'random' and fan_in go together")
    if kind == "all":
        return np.ones((n, count), dtype=np.bool_)
    if kind == "one-to-one":
        if n != count:
            raise s.error(("synapses", k, "connect"), f"one-to-one needs {n} sources, there are {count}")
        return np.eye(n, dtype=np.bool_)
    if p["fan_in"] > count:
        raise s.error(("synapses", k, "fan_in"), f"{p['fan_in']} of {count} sources; accepted: 1 to {count}")
    rank = rng.random((n, count)).argsort(axis=1).argsort(axis=1)
    return np.asarray(rank < p["fan_in"])


def _source(s: Specification, name: str, seed: int) -> SpikeSource:
    """Spike source of ``[inputs.<name>]``."""
    fields = s.document["inputs"][name]
    where = ("inputs", name)
    need, refuse = {"poisson": ({"count", "rate"}, {"file"}), "recorded": ({"file"}, {"rate", "seed"})}[
        fields["kind"]
    ]
    for key in sorted(need - set(fields)):
        raise s.error(where, f"kind {fields['kind']!r} needs {key!r}")
    for key in sorted(refuse & set(fields)):
        raise s.error((*where, key), f"has no meaning for kind {fields['kind']!r}")
    if fields["kind"] == "recorded":
        return read_spikes(s.path.parent / fields["file"], fields.get("count"))
    position = list(s.document["inputs"]).index(name)
    rng = np.random.default_rng([fields.get("seed", seed), position, 7])
    return poisson(fields["count"], float(fields["rate"]), float(s.document["duration"]), rng)


def read_spikes(path: Path, count: int | None = None) -> SpikeSource:
    """Recorded spikes: NPZ with arrays ``source`` and ``time`` (s), or CSV with the header ``source,time
    [s]``.

    Raises
    ------
    ModelError
        Naming the file and, for CSV, the row and the value.
    """
    try:
        source, time = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    number = int(source.max()) + 1 if source.size else 1
    try:
        return SpikeSource(source, time, number if count is None else count)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _read_npz(path: Path) -> tuple[NDArray[np.int64], FloatArray]:
    try:
        # Opened here: numpy leaves its own file open when the archive is cut short.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            source, time = data["source"], data["time"]
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise ModelError(f"{path}: no NPZ file with the arrays 'source' and 'time': {error}") from error
    if source.dtype.kind not in "iu" or time.dtype.kind not in "fiu":
        raise ModelError(f"{path}: 'source' must hold integers and 'time' seconds")
    return source.astype(np.int64), time.astype(np.float64)


def _read_csv(path: Path) -> tuple[NDArray[np.int64], FloatArray]:
    source, time = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = [cell.strip() for cell in next(rows, [])]
            if header != ["source", "time [s]"]:
                raise ModelError(f"{path}: row 1: header {header}; accepted: source,time [s]")
            for number, row in enumerate(rows, start=2):
                try:
                    source.append(int(row[0]))
                    time.append(float(row[1]))
                    if len(row) != 2:
                        raise ValueError
                except (ValueError, IndexError):
                    raise ModelError(
                        f"{path}: row {number}: {row!r} is no source index and time in s"
                    ) from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: is not UTF-8 text") from error
    except csv.Error as error:
        raise ModelError(f"{path}: {error}") from error
    return np.array(source, dtype=np.int64), np.array(time, dtype=np.float64)
