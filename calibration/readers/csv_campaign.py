"""Campaign TOML: files of one measurement with their conditions, origin, read floors and left-out rows."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from calibration.measured import KINDS, BoolArray, Campaign, Kind, Measured, Origin, ReadError
from calibration.readers.csv_table import Table, parse_csv
from calibration.readers.text import decode, read_bytes
from calibration.readers.units import UnitError, condition, quantity

Parser = Callable[[bytes, Path], Table]
_TOP = {"campaign", "conditions", "columns", "file", "exclude"}
_CAMPAIGN = {"name", "description", "kind", "licence", "reference", "format"}
_COLUMN = {"floor", "sign"}
_FILE = {"path", "name", "conditions", "sha256"}
_EXCLUDE = {"file", "reason", "column", "below", "above"}
_SIGNS = ("any", "positive", "negative")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What is known of a column: read floor with its unit, and the sign its values must have."""

    floor: float | None = None
    unit: str | None = None
    sign: str = "any"


@dataclass(frozen=True, slots=True)
class ExcludeRule:
    """Rows of one file (``*``: every file) left out: ``column`` below or above a limit in SI, and why."""

    file: str
    column: str
    below: float
    above: float
    reason: str

    def mask(self, measured: Measured) -> BoolArray:
        """Rows to leave out; all false where the rule is for another file."""
        if self.file not in ("*", measured.name):
            return np.zeros(measured.rows, dtype=np.bool_)
        values = measured[self.column]
        return np.asarray((values < self.below) | (values > self.above), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """One file of a campaign: name, path as written, conditions in SI, expected hash (empty: not checked)."""

    name: str
    path: str
    conditions: Mapping[str, float | str] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Parsed campaign TOML, with its values in SI."""

    name: str
    description: str
    format: str
    origin: Origin
    files: tuple[CampaignFile, ...]
    columns: Mapping[str, ColumnRule]
    exclusions: tuple[ExcludeRule, ...]

    def read(self, locate: Callable[[str], Path], parser: Parser) -> Campaign:
        """Read every file; ``locate`` turns the path written in the campaign into a file."""
        units: dict[str, tuple[str, Path]] = {}
        measured = []
        for entry in self.files:
            path = locate(entry.path)
            one = self._read_one(entry, path, parser)
            for column, unit in one.units.items():
                first_unit, first_path = units.setdefault(column, (unit, path))
                if first_unit != unit:
                    raise ReadError(
                        f"mixed units within the campaign ({first_path.name} has {first_unit})",
                        file=path, column=column, value=unit, accepted=f"units that convert to {first_unit}",
                    )  # fmt: skip
            measured.append(one)
        return tuple(measured)

    def _read_one(self, entry: CampaignFile, path: Path, parser: Parser) -> Measured:
        """One file with its rules applied."""
        content = read_bytes(path)
        source = self.origin.source(path, content)
        if entry.sha256 and entry.sha256 != source.sha256:
            raise ReadError("sha256 differs", file=path, value=source.sha256, accepted=entry.sha256)
        table = parser(content, path)
        floors = {}
        for column, rule in self.columns.items():
            if column not in table.columns:
                continue
            _check_column(column, rule, table, path)
            if rule.floor is not None:
                floors[column] = rule.floor
        measured = Measured(entry.name, table.columns, table.units, entry.conditions, source, floors)
        for exclusion in self.exclusions:
            if exclusion.column not in measured.columns:
                raise ReadError(
                    "campaign leaves out rows by an unknown column", file=path, column=exclusion.column,
                    accepted=", ".join(measured.columns),
                )  # fmt: skip
            measured = measured.exclude(exclusion.mask(measured), exclusion.reason)
        return measured


def _check_column(column: str, rule: ColumnRule, table: Table, path: Path) -> None:
    """Refuse a floor of another unit than the column, and values of the wrong sign."""
    if rule.unit is not None and rule.unit != table.units[column]:
        raise ReadError(
            "column has another unit than its floor", file=path, column=column, value=table.units[column],
            accepted=rule.unit,
        )  # fmt: skip
    wrong = {"any": None, "positive": np.less, "negative": np.greater}[rule.sign]
    values = table.columns[column]
    if wrong is not None and np.any(wrong(values, 0.0)):
        first = float(values[np.argmax(wrong(values, 0.0))])
        raise ReadError(
            "mixed signs", file=path, column=column, value=repr(first), accepted=f"{rule.sign} values only"
        )


def load_campaign(path: Path) -> CampaignPlan:
    """Read and check a campaign TOML; every error is a :class:`ReadError` that names the key."""
    return parse_campaign(decode(read_bytes(path), path), path)


def parse_campaign(text: str, path: Path) -> CampaignPlan:
    """Check the text of a campaign TOML."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReadError(f"not valid TOML ({error})", file=path) from None
    _known(content, _TOP, "", path)
    head = _table(content, "campaign", path)
    _known(head, _CAMPAIGN, "campaign.", path)
    kind = _text(head, "kind", "campaign.", path)
    if kind not in KINDS:
        raise ReadError(
            "unknown kind of data", file=path, column="campaign.kind", value=kind, accepted=", ".join(KINDS)
        )
    licence = _text(head, "licence", "campaign.", path)
    origin = Origin(cast(Kind, kind), licence, _text(head, "reference", "campaign.", path))
    shared = _conditions(_table(content, "conditions", path, optional=True), "conditions.", path)
    return CampaignPlan(
        name=_text(head, "name", "campaign.", path),
        description=_text(head, "description", "campaign.", path, default=""),
        format=_text(head, "format", "campaign.", path, default="csv"),
        origin=origin,
        files=_files(_tables(content, "file", path), shared, path),
        columns=_columns(_table(content, "columns", path, optional=True), path),
        exclusions=_exclusions(_tables(content, "exclude", path, optional=True), path),
    )


def _files(
    entries: Sequence[Mapping[str, Any]], shared: Mapping[str, float | str], path: Path
) -> tuple[CampaignFile, ...]:
    """The [[file]] entries; conditions of the whole campaign are the default."""
    files: list[CampaignFile] = []
    for number, entry in enumerate(entries, start=1):
        where = f"file {number}."
        _known(entry, _FILE, where, path)
        written = _text(entry, "path", where, path)
        name = _text(entry, "name", where, path, default=Path(written).stem)
        if name in {known.name for known in files}:
            raise ReadError(
                "duplicate file name", file=path, column=f"{where}name", value=name, accepted="distinct names"
            )
        own = _conditions(_table(entry, "conditions", path, optional=True), f"{where}conditions.", path)
        files.append(
            CampaignFile(name, written, {**shared, **own}, _text(entry, "sha256", where, path, default=""))
        )
    return tuple(files)


def _columns(entries: Mapping[str, Any], path: Path) -> dict[str, ColumnRule]:
    """The [columns.<name>] tables."""
    rules = {}
    for name in entries:
        where = f"columns.{name}."
        entry = _table(entries, name, path)
        _known(entry, _COLUMN, where, path)
        sign = _text(entry, "sign", where, path, default="any")
        if sign not in _SIGNS:
            raise ReadError(
                "unknown sign rule", file=path, column=f"{where}sign", value=sign, accepted=", ".join(_SIGNS)
            )
        floor, unit = (None, None)
        if "floor" in entry:
            floor, unit = _limit(entry, "floor", where, path)
        rules[name] = ColumnRule(floor, unit, sign)
    return rules


def _exclusions(entries: Sequence[Mapping[str, Any]], path: Path) -> tuple[ExcludeRule, ...]:
    """The [[exclude]] entries; each has a reason and at least one limit."""
    rules = []
    for number, entry in enumerate(entries, start=1):
        where = f"exclude {number}."
        _known(entry, _EXCLUDE, where, path)
        if not {"below", "above"} & set(entry):
            raise ReadError(
                "rows are left out by a limit",
                file=path,
                column=where,
                accepted="below = '...' or above = '...'",
            )
        below = _limit(entry, "below", where, path)[0] if "below" in entry else -np.inf
        above = _limit(entry, "above", where, path)[0] if "above" in entry else np.inf
        file, reason = _text(entry, "file", where, path, default="*"), _text(entry, "reason", where, path)
        rules.append(ExcludeRule(file, _text(entry, "column", where, path), below, above, reason))
    return tuple(rules)


def _conditions(entries: Mapping[str, Any], where: str, path: Path) -> dict[str, float | str]:
    """Conditions in SI: quantities as text with a unit, pure numbers, or plain text."""
    values: dict[str, float | str] = {}
    for key, value in entries.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ReadError(
                "condition is neither number nor text", file=path, column=where + key, value=str(value),
                accepted="e.g. '5.86 pA', 25 or 'nfet'",
            )  # fmt: skip
        try:
            values[key] = condition(value) if isinstance(value, str) else float(value)
        except UnitError as error:
            raise ReadError(str(error), file=path, column=where + key) from None
    return values


def _limit(entry: Mapping[str, Any], key: str, where: str, path: Path) -> tuple[float, str]:
    """SI value and unit of a quantity given as text."""
    try:
        return quantity(_text(entry, key, where, path))
    except UnitError as error:
        raise ReadError(str(error), file=path, column=where + key) from None


def _known(entry: Mapping[str, Any], accepted: set[str], where: str, path: Path) -> None:
    """Refuse unknown keys: a typo must not be read as an absent option."""
    for key in entry:
        if key not in accepted:
            raise ReadError(
                "unknown key", file=path, column=where + key, accepted=", ".join(sorted(accepted))
            )


def _text(entry: Mapping[str, Any], key: str, where: str, path: Path, default: str | None = None) -> str:
    """Non-empty text of a key; required unless there is a default."""
    value = entry.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        shown = None if value is None else str(value)
        raise ReadError(
            "text is required", file=path, column=where + key, value=shown, accepted=f"{key} = '...'"
        )
    return value


def _table(entry: Mapping[str, Any], key: str, path: Path, *, optional: bool = False) -> Mapping[str, Any]:
    """A sub-table."""
    value = entry.get(key, {} if optional else None)
    if not isinstance(value, dict):
        raise ReadError("table is required", file=path, column=key, accepted=f"[{key}]")
    return value


def _tables(
    entry: Mapping[str, Any], key: str, path: Path, *, optional: bool = False
) -> list[Mapping[str, Any]]:
    """An array of tables."""
    value = entry.get(key, [] if optional else None)
    if (
        not isinstance(value, list)
        or not all(isinstance(item, dict) for item in value)
        or not (value or optional)
    ):
        raise ReadError("array of tables is required", file=path, column=key, accepted=f"[[{key}]]")
    return value


def read_campaign(paths: Sequence[Path]) -> Campaign:
    """Read campaigns of CSV files; paths are relative to the campaign TOML and stay inside its folder."""
    measured: list[Measured] = []
    for path in paths:
        plan = load_campaign(path)
        if plan.format != "csv":
            raise ReadError(
                "unknown file format", file=path, column="campaign.format", value=plan.format, accepted="csv"
            )
        measured.extend(plan.read(lambda written, folder=path.parent: _inside(folder, written), parse_csv))  # type: ignore[misc]
    return tuple(measured)


def _inside(folder: Path, written: str) -> Path:
    """File named in a campaign; a campaign from elsewhere must not read files outside its own folder."""
    path = (folder / written).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ReadError(
            "file lies outside the campaign's folder", file=folder, value=written, accepted="a relative path"
        )
    return path
