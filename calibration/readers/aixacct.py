"""aixACCT TF Analyzer export (.dat): PUND of a ferroelectric capacitor, one block of columns per pulse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes
from calibration.readers.units import UnitError, to_si

_COLUMN = re.compile(r"(.+?)\s*\[([^\]]*)\]")
_FIELD = re.compile(r"([^:\[]+?)\s*(?:\[([^\]]*)\])?:\s*(.*)")
# Column of the export -> column here; its unit text is kept from the file.
_NAMES = {"Time": "time", "V": "v", "I": "i", "P": "p"}


def read_aixacct(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read exports: one :class:`Measured` per pulse with ``time`` (s), ``v`` (V), ``i`` (A), ``p`` (C/m^2).

    Numbers of the file's own header become conditions, in SI where their unit is known, with names such as
    ``pund_frequency``; ``pulse`` is the position in the sequence, from 0.
    """
    return tuple(curve for path in paths for curve in _read_one(path, origin))


def _read_one(path: Path, origin: Origin) -> Campaign:
    """Pulses of one file."""
    content = read_bytes(path)
    lines = decode(content, path).splitlines()
    if lines[0].strip() != "PulseResult":
        raise ReadError(
            "not an aixACCT pulse export", file=path, row=1, value=lines[0], accepted="PulseResult"
        )
    start = next((row for row, line in enumerate(lines) if line.startswith("Time [")), None)
    if start is None:
        raise ReadError(
            "file is cut before its data", file=path, row=len(lines), accepted="a line 'Time [s]<tab>V [V]'"
        )
    header = _header_fields(lines[:start], path)
    names, units = _column_names(lines[start], path, start + 1)
    values = _values(lines[start + 1 :], names, path, start + 2)
    expected = header.get("pulse_points")
    if isinstance(expected, float) and len(values) != int(expected):
        raise ReadError(
            "file is cut",
            file=path,
            row=len(lines),
            value=f"{len(values)} rows",
            accepted=f"{expected:g} rows",
        )
    source = origin.source(path, content)
    measured = []
    for pulse in range(len(names) // len(_NAMES)):
        columns: dict[str, FloatArray] = {}
        si_units: dict[str, str] = {}
        for offset in range(len(_NAMES)):
            index = pulse * len(_NAMES) + offset
            columns[names[index]], si_units[names[index]] = _si(
                values[:, index], units[index], path, start + 1
            )
        conditions = {**header, "pulse": float(pulse)}
        measured.append(Measured(f"{path.stem}#{pulse}", columns, si_units, conditions, source))
    return tuple(measured)


def _column_names(line: str, path: Path, row: int) -> tuple[list[str], list[str]]:
    """Names and unit texts of the data columns: Time, V, I, P, once per pulse."""
    names: list[str] = []
    units: list[str] = []
    for cell in line.rstrip("\t").split("\t"):
        match = _COLUMN.fullmatch(cell.strip())
        expected = list(_NAMES)[len(names) % len(_NAMES)]
        if match is None or match.group(1) != expected:
            raise ReadError(
                "unexpected column", file=path, row=row, value=cell, accepted=f"{expected} [unit]"
            )
        names.append(_NAMES[expected])
        units.append(match.group(2))
    if len(names) % len(_NAMES):
        raise ReadError(
            "columns of the last pulse are incomplete", file=path, row=row, accepted=", ".join(_NAMES)
        )
    return names, units


def _values(lines: Sequence[str], names: Sequence[str], path: Path, first: int) -> FloatArray:
    """Data rows as a 2-D array."""
    rows = []
    for row, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        cells = line.rstrip("\t").split("\t")
        if len(cells) != len(names):
            raise ReadError(
                f"ragged row, {len(cells)} cells", file=path, row=row, accepted=f"{len(names)} cells"
            )
        rows.append([number(cell, file=path, row=row, column=str(i + 1)) for i, cell in enumerate(cells)])
    if not rows:
        raise ReadError("no data under the header", file=path, row=first, accepted="at least one row")
    return np.array(rows, dtype=np.float64)


def _header_fields(lines: Sequence[str], path: Path) -> dict[str, float | str]:
    """``key [unit]: value`` lines as conditions; lines of another shape (titles, tables) are passed over."""
    fields: dict[str, float | str] = {}
    for row, line in enumerate(lines, start=1):
        match = _FIELD.fullmatch(line.strip())
        if match is None or "\t" in line:
            continue
        name = re.sub(r"\W+", "_", match.group(1).replace("+", " plus").replace("-", " minus").lower()).strip(
            "_"
        )
        text, unit = match.group(3), match.group(2)
        try:
            value = number(text, file=path, row=row, column=name)
            fields[name] = value if unit is None else float(to_si(np.array([value]), unit)[0][0])
        except (ReadError, UnitError):
            fields[name] = text if unit is None else f"{text} {unit}"
    return fields


def _si(values: FloatArray, unit: str, path: Path, row: int) -> tuple[FloatArray, str]:
    """Column in SI."""
    try:
        return to_si(values, unit)
    except UnitError as error:
        raise ReadError(str(error), file=path, row=row) from None
