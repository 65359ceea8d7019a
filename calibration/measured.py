"""Measured data: columns in SI units with conditions, origin, and the rows left out with reasons."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Kind = Literal["silicon", "vendor monte-carlo", "published statistic", "virtual"]
KINDS: tuple[str, ...] = get_args(Kind)


class ReadError(ValueError):
    """A data file cannot be read: says which file, row, column and value, and what would be accepted.

    Rows count from 1, as an editor shows the lines of the file.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        accepted: str | None = None,
    ) -> None:
        """Keep every part of the message as an attribute too."""
        self.problem, self.file = problem, Path(file)
        self.row, self.column, self.value, self.accepted = row, column, value, accepted
        place = str(self.file)
        place += "" if row is None else f", row {row}"
        place += "" if column is None else f", column {column}"
        shown = "" if value is None else f": {_shorten(value)!r}"
        hint = "" if accepted is None else f"; accepted: {accepted}"
        super().__init__(f"{place}: {problem}{shown}{hint}")


def _shorten(text: str, limit: int = 60) -> str:
    """First characters of ``text``: a broken file may hold one huge line."""
    return text if len(text) <= limit else text[:limit] + "..."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where data came from, before any file is named: kind, licence and reference."""

    kind: Kind
    licence: str
    reference: str

    def __post_init__(self) -> None:
        """Refuse a kind that a calibration table would not know."""
        if self.kind not in KINDS:
            raise ValueError(f"data kind {self.kind!r} is unknown; accepted: {', '.join(KINDS)}")

    def source(self, path: Path, content: bytes) -> DataSource:
        """Origin of one file whose bytes are ``content``."""
        digest = hashlib.sha256(content).hexdigest()
        return DataSource(self.kind, str(path), digest, self.licence, self.reference)


@dataclass(frozen=True, slots=True)
class DataSource:
    """One data file: kind, path, sha256 of its bytes, licence, reference."""

    kind: Kind
    path: str
    sha256: str
    licence: str
    reference: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows left out of a :class:`Measured`, how many and for which reason."""

    reason: str
    rows: int


@dataclass(frozen=True)
class Measured:
    """One measured curve or trace under one set of conditions.

    Parameters
    ----------
    name
        Name within its campaign (``"tau_small"``).
    columns
        Equal-length 1-D float arrays in SI units; they are stored read-only.
    units
        SI unit of every column (``"V"``, ``"A"``, ``"1"`` for counts and other pure numbers).
    conditions
        What was held fixed: SI floats, or text.
    source
        The file and its origin.
    floors
        Read floor of a column in SI units: smaller magnitudes are censored, not measured.
    exclusions
        Rows already left out, with reasons.
    ceilings
        Upper end of the range of a column in SI units: larger values are censored.
    """

    name: str
    columns: Mapping[str, FloatArray]
    units: Mapping[str, str]
    conditions: Mapping[str, float | str]
    source: DataSource
    floors: Mapping[str, float] = field(default_factory=dict)
    exclusions: tuple[Exclusion, ...] = ()
    ceilings: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the shapes and freeze the arrays."""
        if not self.columns:
            raise ValueError(f"{self.name}: no columns")
        if set(self.columns) != set(self.units):
            raise ValueError(
                f"{self.name}: columns {sorted(self.columns)} but units for {sorted(self.units)}"
            )
        unknown = sorted({*self.floors, *self.ceilings} - set(self.columns))
        if unknown:
            raise ValueError(f"{self.name}: read limit for unknown column {unknown[0]!r}")
        frozen = {name: np.array(values, dtype=np.float64) for name, values in self.columns.items()}
        if len({values.shape for values in frozen.values()}) != 1 or next(iter(frozen.values())).ndim != 1:
            raise ValueError(f"{self.name}: columns differ in length or are not one-dimensional")
        for values in frozen.values():
            values.flags.writeable = False
        object.__setattr__(self, "columns", frozen)

    def __getitem__(self, column: str) -> FloatArray:
        """Values of one column, in SI units."""
        try:
            return self.columns[column]
        except KeyError:
            raise KeyError(f"{self.name}: no column {column!r}; columns: {', '.join(self.columns)}") from None

    @property
    def rows(self) -> int:
        """Number of rows kept."""
        return len(next(iter(self.columns.values())))

    @property
    def excluded_rows(self) -> int:
        """Number of rows left out."""
        return sum(exclusion.rows for exclusion in self.exclusions)

    def number(self, condition: str) -> float:
        """Value of a numeric condition, in SI units; KeyError names the known ones."""
        value = self.conditions.get(condition)
        if not isinstance(value, float):
            known = ", ".join(name for name, known in self.conditions.items() if isinstance(known, float))
            raise KeyError(f"{self.name}: no numeric condition {condition!r}; known: {known}")
        return value

    def censored(self, column: str) -> BoolArray:
        """True where ``column`` is at or beyond its read limits, nowhere for a column without limits.

        A floor is compared with the magnitude of the values, a ceiling with the values.
        """
        values = self[column]
        low, high = self.floors.get(column, -1.0), self.ceilings.get(column, np.inf)
        return np.asarray((np.abs(values) <= low) | (values >= high), dtype=np.bool_)

    def exclude(self, mask: BoolArray, reason: str) -> Measured:
        """Copy without the rows where ``mask`` is true; the reason and the number of rows are kept."""
        if not reason.strip():
            raise ValueError(f"{self.name}: rows are left out only with a reason")
        count = int(np.count_nonzero(mask))
        if count == 0:
            return self
        keep = ~np.asarray(mask, dtype=np.bool_)
        columns = {name: values[keep] for name, values in self.columns.items()}
        exclusions = (*self.exclusions, Exclusion(reason, count))
        return dataclasses.replace(self, columns=columns, exclusions=exclusions)


Campaign = tuple[Measured, ...]
