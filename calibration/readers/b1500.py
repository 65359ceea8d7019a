"""Keysight B1500 EasyEXPERT export (.csv) of the WGFMU pattern editor: voltage and current against time."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes

# Data name of the export -> column here and its SI unit (the export leaves its unit field empty).
_COLUMNS = {
    "MeasResult1_time": ("time", "s"),
    "MeasResult1_value": ("v", "V"),
    "MeasResult2_value": ("i", "A"),
}


@dataclass
class _Record:
    """One test record of an export while its lines are read."""

    title: str
    display: bool = False
    expected: int = 0
    names: list[str] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)


def read_b1500(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read exports, one :class:`Measured` per test record: ``time`` (s), ``v`` (V), ``i`` (A, channel 2).

    The second copy of the data that the display of the pattern editor stores is passed over.
    """
    return tuple(curve for path in paths for curve in _read_one(path, origin))


def _read_one(path: Path, origin: Origin) -> Campaign:
    """Records of one file."""
    content = read_bytes(path)
    source = origin.source(path, content)
    records = [record for record in _records(decode(content, path), path) if not record.display]
    if not any(record.rows for record in records):
        raise ReadError("no data", file=path, accepted="a B1500 export with DataName and DataValue lines")
    measured = []
    for index, record in enumerate(records):
        found = len(record.rows)
        if found != record.expected:
            raise ReadError(
                "file is cut", file=path, value=f"{found} rows", accepted=f"{record.expected} rows"
            )
        table: FloatArray = np.array(record.rows, dtype=np.float64)
        columns = {_COLUMNS[name][0]: table[:, i] for i, name in enumerate(record.names) if name in _COLUMNS}
        conditions: dict[str, float | str] = {"title": record.title}
        measured.append(
            Measured(f"{path.stem}#{index}", columns, dict(_COLUMNS.values()), conditions, source)
        )
    return tuple(measured)


def _records(text: str, path: Path) -> list[_Record]:
    """Test records of an export, in file order; each begins with its SetupTitle."""
    records: list[_Record] = []
    for row, cells in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), start=1):
        if not cells:
            continue
        if cells[0] == "SetupTitle":
            records.append(_Record(", ".join(cells[1:])))
            continue
        if not records:
            raise ReadError("not a B1500 export", file=path, row=row, value=cells[0], accepted="SetupTitle")
        record = records[-1]
        if cells[:2] == ["MetaData", "TestRecord.EntryPoint"]:
            record.display = cells[2:] == ["false"]
        elif cells[0] == "Dimension1":
            record.expected = int(number(",".join(cells[1:2]), file=path, row=row, column="Dimension1"))
        elif cells[0] == "DataName":
            record.names = _names(cells[1:], path, row)
        elif cells[0] == "DataValue":
            record.rows.append(_data_row(cells[1:], record.names, path, row))
    return records


def _names(cells: Sequence[str], path: Path, row: int) -> list[str]:
    """Data names, with those that are needed among them."""
    names = [cell.strip() for cell in cells]
    for needed in _COLUMNS:
        if needed not in names:
            raise ReadError(
                "column is missing", file=path, row=row, column=needed, accepted=", ".join(_COLUMNS)
            )
    return names


def _data_row(cells: Sequence[str], names: Sequence[str], path: Path, row: int) -> list[float]:
    """Numbers of one row."""
    if len(cells) != len(names):
        accepted = f"{len(names)} values" if names else "a DataName line first"
        raise ReadError(f"ragged row, {len(cells)} values", file=path, row=row, accepted=accepted)
    return [number(cell, file=path, row=row, column=name) for cell, name in zip(cells, names, strict=True)]
