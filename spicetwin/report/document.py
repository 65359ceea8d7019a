"""Document of a run: sections of text, figures, tables and checks, stored as ``run.json`` in its folder."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from spicetwin.writing import write_text

#: Version of the document's schema, and the name of its file in a run folder.
SCHEMA_VERSION = "1.0.0"
FILE_NAME = "run.json"

Cell = str | float | int | bool | None


class ReportError(ValueError):
    """A report document or one of its figures cannot be used; the message says where and what is accepted."""


@dataclass(frozen=True)
class Figure:
    """A picture: ``file`` (PNG or SVG, path below the run folder), text in its place, caption."""

    file: str
    alt: str
    caption: str

    def __post_init__(self) -> None:
        """Refuse paths that leave the run folder and pictures without a text."""
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts or path.suffix not in (".png", ".svg"):
            raise ReportError(f"figure {self.file!r}: accepted is a .png or .svg path below the run folder")
        if not self.alt.strip() or not self.caption.strip():
            raise ReportError(f"figure {self.file!r}: alt text and caption must not be empty")


@dataclass(frozen=True)
class Table:
    """A table with a caption; units stand in the column titles. ``folded`` shows it closed, for long ones."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the columns."""
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ReportError(
                    f"table {self.caption!r}: row {number} has {len(row)} cells, not {len(self.columns)}"
                )


@dataclass(frozen=True)
class Check:
    """A claim with what was found, what was required, whether it holds, and the command that repeats it."""

    claim: str
    value: str
    limit: str
    passed: bool
    command: str


@dataclass(frozen=True)
class Section:
    """One section; ``id`` is its anchor (lower-case letters, digits, hyphens)."""

    id: str
    title: str
    text: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()

    def __post_init__(self) -> None:
        """Refuse ids that cannot be anchors."""
        if not re.fullmatch(r"[a-z][a-z0-9-]*", self.id):
            raise ReportError(f"section id {self.id!r}: accepted are lower-case letters, digits and hyphens")


@dataclass(frozen=True)
class Document:
    """Everything the report of one run shows, apart from the pixels of its figures."""

    title: str
    sections: tuple[Section, ...]
    summary: str = ""
    notices: tuple[str, ...] = ()
    created: str = dataclasses.field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def __post_init__(self) -> None:
        """Refuse anchors that are used twice."""
        seen: set[str] = set()
        for section in self.sections:
            if section.id in seen:
                raise ReportError(f"section id {section.id!r} is used twice")
            seen.add(section.id)

    def checks(self) -> Iterator[tuple[Section, Check]]:
        """Every check with its section, in order."""
        return ((section, check) for section in self.sections for check in section.checks)

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for _, check in self.checks())

    def to_json(self) -> str:
        """JSON text of the document; numbers that JSON does not have (NaN, infinities) become ``null``."""
        content = {"schema_version": SCHEMA_VERSION, **_plain(self)}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, folder: Path) -> Path:
        """Write ``run.json`` into ``folder`` and return its path."""
        path = folder / FILE_NAME
        write_text(path, self.to_json())
        return path

    @classmethod
    def from_json(cls, text: str, where: str = FILE_NAME) -> Document:
        """Read a document back; raises :class:`ReportError` that names ``where`` and the place inside."""
        content = _validated(text, where)
        sections = tuple(_section(section) for section in content["sections"])
        return cls(
            title=content["title"],
            sections=sections,
            summary=content.get("summary", ""),
            notices=tuple(content.get("notices", ())),
            created=content["created"],
        )

    @classmethod
    def load(cls, folder: Path) -> Document:
        """Document of the run in ``folder``; :class:`ReportError` where there is none."""
        path = folder / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            hint = f"make one with 'spicetwin run --output {folder}'"
            raise ReportError(f"{folder}: no {FILE_NAME} here, so this is not a run folder; {hint}") from None
        except UnicodeDecodeError as error:
            raise ReportError(f"{path}: not UTF-8 text (byte {error.start})") from None
        return cls.from_json(text, str(path))


def _plain(value: Any) -> Any:
    """Dataclasses and tuples as JSON objects and lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _validated(text: str, where: str) -> dict[str, Any]:
    """Content of a document that fits the schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReportError(f"{where}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, str) and version != SCHEMA_VERSION:
        raise ReportError(
            f"{where}: schema version {version!r} is not known here; accepted: {SCHEMA_VERSION}"
        )
    resource = files("spicetwin.report") / "schema" / f"{SCHEMA_VERSION}.json"
    schema = json.loads(resource.read_text(encoding="utf-8"))
    mismatch = best_match(Draft202012Validator(schema).iter_errors(content))
    if mismatch is not None:
        raise ReportError(f"{where}: {mismatch.json_path}: {_shortened(mismatch.message)}")
    assert isinstance(content, dict)
    return content


def _section(content: Mapping[str, Any]) -> Section:
    """Section of validated content."""
    return Section(
        id=content["id"],
        title=content["title"],
        text=tuple(content.get("text", ())),
        checks=tuple(Check(**check) for check in content.get("checks", ())),
        figures=tuple(Figure(**figure) for figure in content.get("figures", ())),
        tables=tuple(_table(table) for table in content.get("tables", ())),
    )


def _table(content: Mapping[str, Any]) -> Table:
    """Table of validated content."""
    rows = tuple(tuple(row) for row in content["rows"])
    return Table(content["caption"], tuple(content["columns"]), rows, content.get("folded", False))


def _shortened(message: str, length: int = 200) -> str:
    """Message without the pages of content that a schema error can quote."""
    return message if len(message) <= length else message[:length] + "..."
