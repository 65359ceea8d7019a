"""Calibration table: entries with provenance in one JSON file, checked when read, never overwritten."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from calibration.entry import (
    Covariance,
    Entry,
    Interval,
    Kind,
    OutOfDomain,
    Parameter,
    Prediction,
    TableError,
    Validation,
    Variation,
)

__all__ = [
    "TABLES",
    "CalibrationTable",
    "Covariance",
    "Difference",
    "Entry",
    "Interval",
    "OutOfDomain",
    "Parameter",
    "Prediction",
    "Provenance",
    "Source",
    "TableError",
    "Validation",
    "Variation",
    "diff",
    "list_tables",
    "load",
    "resolve",
    "write",
]

SCHEMAS = Path(__file__).parent / "schema"
TABLES = Path(__file__).parent / "tables"
SCHEMA_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Source:
    """One data file behind a table."""

    path: str
    sha256: str
    kind: Kind
    licence: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers of a table come from; ``None`` where a field does not apply."""

    kind: Kind
    circuit_digest: str | None = None
    netlist_sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    model_cards_sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    process: str | None = None
    simulator: str | None = None
    simulator_version: str | None = None
    plan: str = ""
    seed: int | None = None
    sources: tuple[Source, ...] = ()
    package_version: str = ""
    git_commit: str | None = None
    git_dirty: bool | None = None


@dataclass(frozen=True)
class CalibrationTable:
    """A named, versioned set of entries.

    Attributes
    ----------
    name, version
        Identifier and semantic version; ``name@version`` names one file for good.
    created
        UTC time ``YYYY-MM-DDThh:mm:ssZ``.
    entries
        :class:`Entry` by dotted name, e.g. ``synapse.tau``.
    provenance
        Origin of the numbers.
    """

    name: str
    version: str
    created: str
    entries: Mapping[str, Entry]
    provenance: Provenance
    description: str = ""
    licence: str = ""
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Tell every entry its name."""
        named = {k: dataclasses.replace(e, name=k) for k, e in self.entries.items()}
        object.__setattr__(self, "entries", named)

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def entry(self, name: str) -> Entry:
        """Entry of this name.

        Raises
        ------
        TableError
            Listing the names that exist.
        """
        try:
            return self.entries[name]
        except KeyError:
            known = ", ".join(sorted(self.entries))
            raise TableError(f"table {self.reference} has no entry {name!r}; it has: {known}") from None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the table without the digest itself."""
        return _digest(self._content())

    def document(self) -> dict[str, Any]:
        """The table as a JSON document, digest included."""
        return {**self._content(), "digest": self.digest}

    def _content(self) -> dict[str, Any]:
        document: dict[str, Any] = _plain(self)
        return {"schema_version": SCHEMA_VERSION, **document}


def _plain(value: Any) -> Any:
    """Dataclasses, tuples and infinities as JSON values; the name of an entry is its key, so left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [
            f.name for f in dataclasses.fields(value) if not (isinstance(value, Entry) and f.name == "name")
        ]
        return {n: _plain(getattr(value, n)) for n in names}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and math.isinf(value):
        return None
    return value


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of canonical JSON (sorted keys, no spaces, ASCII, shortest floats)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def load(path: Path | str) -> CalibrationTable:
    """Read and verify a table file.

    Raises
    ------
    TableError
        When the file is not JSON, has a schema version that this release does not read, was changed after it
        was written (digest), violates the schema, or holds contradictory values. The message names the file.
    """
    path = Path(path)
    try:
        document = json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise TableError(
            f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise TableError(f"{path}: a calibration table is a JSON object, this is a {type(document).__name__}")
    _check_version(path, document.get("schema_version"))
    recorded = document.pop("digest", None)
    if recorded is not None and recorded != _digest(document):
        raise TableError(
            f"{path}: the content does not match its digest: the file is corrupted or was edited by hand; "
            "restore it, or write the change as a new version"
        )
    _check_schema(path, {**document, "digest": recorded} if recorded is not None else document)
    try:
        return _table(document)
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        twice = next(k for i, (k, _) in enumerate(pairs) if k in dict(pairs[:i]))
        raise ValueError(f"key {twice!r} appears twice")
    return out


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_constant(text)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that a calibration table may hold")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _check_version(path: Path, version: object) -> None:
    known = sorted((p.name for p in SCHEMAS.iterdir() if (p / "table.json").is_file()), key=_version)
    if version in known:
        return
    parts = version.split(".") if isinstance(version, str) else []
    if len(parts) != 3 or not all(p.isdecimal() and p.isascii() and len(p) < 9 for p in parts):
        raise TableError(f"{path}: schema_version is {version!r}; accepted: {', '.join(known)}")
    if _version(".".join(parts)) > _version(known[-1]):
        raise TableError(
            f"{path}: written with table schema {version}, newer than {known[-1]}, the newest that spicetwin "
            f"{metadata.version('spicetwin')} reads: upgrade spicetwin (pip install --upgrade spicetwin)"
        )
    raise TableError(f"{path}: table schema {version} is unknown; accepted: {', '.join(known)}")


def _check_schema(path: Path | str, document: Mapping[str, Any]) -> None:
    # Imported here: it takes longer than everything else that `import pysim` needs.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    text = (SCHEMAS / document["schema_version"] / "table.json").read_text(encoding="utf-8")
    error = best_match(Draft202012Validator(json.loads(text)).iter_errors(document))
    if error is not None:
        where = ".".join(str(p) for p in error.absolute_path) or "top level"
        raise TableError(f"{path}: {where}: {error.message[:300]}")


def _table(document: Mapping[str, Any]) -> CalibrationTable:
    """Dataclasses from a document that obeys schema 1.0.0."""
    header = {k: v for k, v in document.items() if k not in ("schema_version", "entries", "provenance")}
    origin = dict(document["provenance"])
    origin["sources"] = tuple(Source(**s) for s in origin["sources"])
    header["references"] = tuple(header["references"])
    entries = {name: _entry(name, e) for name, e in document["entries"].items()}
    return CalibrationTable(**header, entries=entries, provenance=Provenance(**origin))


def _entry(name: str, document: Mapping[str, Any]) -> Entry:
    cov = document["covariance"]
    fields = {
        **document,
        "name": name,
        "parameters": {k: _parameter(p) for k, p in document["parameters"].items()},
        "covariance": Covariance(
            tuple(cov["parameters"]), tuple(tuple(map(float, r)) for r in cov["matrix"])
        ),
        "domain": {k: Interval(**box) for k, box in document["domain"].items()},
        "variation": tuple(Variation(**v) for v in document["variation"]),
        "validation": tuple(Validation(**v) for v in document["validation"]),
    }
    return Entry(**fields)


def _parameter(document: Mapping[str, Any]) -> Parameter:
    low, high = document["bounds"]
    bounds = (-math.inf if low is None else low, math.inf if high is None else high)
    return Parameter(**{**document, "bounds": bounds})


def write(table: CalibrationTable, root: Path | str = TABLES) -> Path:
    """Write ``<root>/<name>/<version>.json``; nothing is ever overwritten, and no half-written file is left.

    Raises
    ------
    TableError
        When the version exists already, the table violates the schema, or the disk refuses.
    """
    try:
        document = table.document()
    except ValueError as error:
        raise TableError(f"table {table.reference}: {error}") from error
    _check_schema(f"table {table.reference}", document)
    path = Path(root) / table.name / f"{table.version}.json"
    text = json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            # A hard link fails where the name exists: atomic, and it cannot overwrite as a rename would.
            os.link(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError:
        raise TableError(f"{path} exists; tables are append-only: raise the version") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def list_tables(root: Path | str = TABLES) -> tuple[Path, ...]:
    """Every table file under ``root``, by name, then by version."""
    found = [p for p in Path(root).glob("*/*.json") if _is_version(p.stem)]
    return tuple(sorted(found, key=lambda p: (p.parent.name, _version(p.stem))))


def _is_version(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 3 and all(p.isdecimal() and p.isascii() for p in parts)


def resolve(reference: str | Path, root: Path | str = TABLES) -> Path:
    """File of a table: a path ending in ``.json``, ``name@version``, or ``name`` for its latest version.

    Raises
    ------
    TableError
        Listing what exists.
    """
    if isinstance(reference, Path) or reference.endswith(".json"):
        return Path(reference)
    name, _, version = reference.partition("@")
    known = list_tables(root)
    matches = [p for p in known if p.parent.name == name and version in ("", "latest", p.stem)]
    if not matches:
        listing = ", ".join(f"{p.parent.name}@{p.stem}" for p in known) or "none"
        raise TableError(
            f"no calibration table {reference!r}; known: {listing}; or give a path ending in .json"
        )
    return matches[-1]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs between two tables; ``None`` where it is absent."""

    path: str
    before: Any
    after: Any


def diff(a: CalibrationTable, b: CalibrationTable) -> tuple[Difference, ...]:
    """Every value in which two tables differ, by dotted path."""
    before, after = dict(_leaves(a._content())), dict(_leaves(b._content()))
    paths = dict.fromkeys([*before, *after])
    return tuple(
        Difference(p, before.get(p), after.get(p))
        for p in paths
        if before.get(p) != after.get(p) or (p in before) != (p in after)
    )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items: Iterator[tuple[Any, Any]]
    if isinstance(value, dict) and value:
        items = iter(value.items())
    elif isinstance(value, list) and value:
        items = iter(enumerate(value))
    else:
        yield path, value
        return
    for key, item in items:
        yield from _leaves(item, f"{path}.{key}" if path else str(key))
