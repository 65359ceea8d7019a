"""CSV with units in the header: ``time [ms],v_syn [V],i_syn [pA]``, converted to SI."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes
from calibration.readers.units import UnitError, to_si

_HEADER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*\[([^\[\]]*)\]\s*")
_HEADER_HINT = "name [unit], e.g. 'time [ms]' or 'counts [1]' for a pure number"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one file in SI units, with the unit of each."""

    columns: Mapping[str, FloatArray]
    units: Mapping[str, str]


def parse_csv(content: bytes, path: Path) -> Table:
    """Parse a CSV whose first line names every column and its unit; lines that start with ``#`` are comments.

    Raises
    ------
    ReadError
        For a wrong encoding, a missing or unknown unit, a duplicate name, a ragged row, or a cell that is not
        a finite number (NaN, text, a number with its own unit).
    """
    lines = decode(content, path).splitlines()
    header_row = next((row for row, line in enumerate(lines) if _is_data(line)), None)
    if header_row is None:
        raise ReadError("file is empty", file=path, accepted="a header and at least one row of data")
    names, units = _header(_cells(lines[header_row], path, header_row + 1), path, header_row + 1)
    values: list[list[float]] = []
    for row, line in enumerate(lines[header_row + 1 :], start=header_row + 2):
        if not _is_data(line):
            continue
        cells = _cells(line, path, row)
        if len(cells) != len(names):
            raise ReadError(
                f"ragged row, {len(cells)} cells",
                file=path,
                row=row,
                value=line,
                accepted=f"{len(names)} cells",
            )
        values.append(
            [number(cell, file=path, row=row, column=name) for cell, name in zip(cells, names, strict=True)]
        )
    if not values:
        raise ReadError(
            "no data under the header", file=path, row=header_row + 1, accepted="at least one row"
        )
    return _convert(np.array(values, dtype=np.float64), names, units, path, header_row + 1)


def read_csv(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read CSV files on their own, without conditions: one :class:`Measured` per file."""
    measured = []
    for path in paths:
        content = read_bytes(path)
        table = parse_csv(content, path)
        measured.append(Measured(path.stem, table.columns, table.units, {}, origin.source(path, content)))
    return tuple(measured)


def _is_data(line: str) -> bool:
    """False for blank lines and comments."""
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def _cells(line: str, path: Path, row: int) -> list[str]:
    """Cells of one line."""
    try:
        return next(csv.reader(io.StringIO(line), strict=True))
    except (csv.Error, StopIteration) as error:
        raise ReadError(f"malformed CSV ({error})", file=path, row=row, value=line) from None


def _header(cells: Sequence[str], path: Path, row: int) -> tuple[list[str], list[str]]:
    """Names and unit texts of a header line."""
    names: list[str] = []
    units: list[str] = []
    for position, cell in enumerate(cells, start=1):
        match = _HEADER.fullmatch(cell)
        if match is None:
            problem = (
                "bad column header" if "[" in cell or not cell.strip() else "column header without a unit"
            )
            raise ReadError(
                problem, file=path, row=row, column=str(position), value=cell, accepted=_HEADER_HINT
            )
        if match.group(1) in names:
            raise ReadError(
                "duplicate column", file=path, row=row, column=match.group(1), accepted="distinct names"
            )
        names.append(match.group(1))
        units.append(match.group(2).strip())
    return names, units


def _convert(values: FloatArray, names: Sequence[str], units: Sequence[str], path: Path, row: int) -> Table:
    """Table of SI columns."""
    columns: dict[str, FloatArray] = {}
    si_units: dict[str, str] = {}
    for index, (name, unit) in enumerate(zip(names, units, strict=True)):
        try:
            columns[name], si_units[name] = to_si(values[:, index], unit)
        except UnitError as error:
            message, _, accepted = str(error).partition("; accepted: ")
            del message
            raise ReadError(
                "unknown unit", file=path, row=row, column=name, value=unit, accepted=accepted
            ) from None
    return Table(columns, si_units)


def format_csv(table: Table, comments: Sequence[str] = ()) -> str:
    """Text that :func:`parse_csv` reads back to the same bits (shortest round-trip decimals, SI units)."""
    lines = [f"# {comment}" for comment in comments]
    lines.append(",".join(f"{name} [{table.units[name]}]" for name in table.columns))
    for row in zip(*table.columns.values(), strict=True):
        lines.append(",".join(repr(float(value)) for value in row))
    return "\n".join(lines) + "\n"
