"""Keysight B1500 EasyEXPERT export (.csv) of the WGFMU pattern editor: voltage and current against time."""

from __future__ import annotations

import csv
from collections.abc import Sequence
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


def read_b1500(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read exports, one :class:`Measured` per file: ``time`` (s), ``v`` (V), ``i`` (A, channel 2)."""
    return tuple(_read_one(path, origin) for path in paths)


def _read_one(path: Path, origin: Origin) -> Measured:
    """One file."""
    content = read_bytes(path)
    names: list[str] = []
    rows: list[list[float]] = []
    conditions: dict[str, float | str] = {}
    expected = 0
    for row, cells in enumerate(
        csv.reader(decode(content, path).splitlines(), skipinitialspace=True), start=1
    ):
        if not cells:
            continue
        if cells[0] == "SetupTitle":
            conditions["title"] = ", ".join(cells[1:])
        elif cells[0] == "Dimension1":
            expected = int(number(cells[1], file=path, row=row, column="Dimension1")) if len(cells) > 1 else 0
        elif cells[0] == "DataName":
            names = _names(cells[1:], path, row)
        elif cells[0] == "DataValue":
            rows.append(_data_row(cells[1:], names, path, row))
    if not rows:
        raise ReadError("no data", file=path, accepted="a B1500 export with DataName and DataValue lines")
    if expected and len(rows) != expected:
        raise ReadError("file is cut", file=path, value=f"{len(rows)} rows", accepted=f"{expected} rows")
    table: FloatArray = np.array(rows, dtype=np.float64)
    columns = {_COLUMNS[name][0]: table[:, i] for i, name in enumerate(names) if name in _COLUMNS}
    units = dict(_COLUMNS.values())
    return Measured(path.stem, columns, units, conditions, origin.source(path, content))


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
