"""IC-CAP MDM files: header of inputs, outputs and values, then one data block per set of fixed variables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes

# Quantity letter of an ICCAP_INPUTS or ICCAP_OUTPUTS line -> SI unit.
UNITS = {
    "V": "V",
    "I": "A",
    "C": "F",
    "G": "S",
    "R": "ohm",
    "F": "Hz",
    "T": "s",
    "P": "1",
    "H": "1",
    "Y": "S",
    "Z": "ohm",
}
_SUFFIX = {
    "": 1.0,
    "a": 1e-18,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "K": 1e3,
    "MEG": 1e6,
}
_VALUE = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(MEG|[afpnumkK]?)\s*")


@dataclass(frozen=True, slots=True)
class MdmBlock:
    """One BEGIN_DB..END_DB block: the variables held fixed, and its columns (equal lengths)."""

    variables: Mapping[str, float]
    columns: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class MdmFile:
    """Parsed MDM file: unit of every input and output, header values as text, data blocks in file order."""

    units: Mapping[str, str]
    values: Mapping[str, str]
    blocks: tuple[MdmBlock, ...]


def parse_mdm(text: str, path: Path) -> MdmFile:
    """Parse the text of an MDM file.

    Raises
    ------
    ReadError
        For a missing or unfinished header, a file cut inside a block, an undeclared column, a ragged row, or
        a value that is not a finite number.
    """
    lines = text.splitlines()
    start, units, values, points = _header(lines, path)
    blocks: list[MdmBlock] = []
    row = start
    while row < len(lines):
        stripped = lines[row].strip()
        if stripped == "BEGIN_DB":
            block, row = _block(lines, row + 1, units, path)
            blocks.append(block)
        elif stripped and not stripped.startswith("!"):
            raise ReadError(
                "text outside a block", file=path, row=row + 1, value=stripped, accepted="BEGIN_DB"
            )
        else:
            row += 1
    if not blocks:
        raise ReadError(
            "no data block", file=path, row=len(lines), accepted="at least one BEGIN_DB ... END_DB"
        )
    _check_complete(blocks, points, path, len(lines))
    return MdmFile(units, values, tuple(blocks))


def _check_complete(blocks: Sequence[MdmBlock], points: Mapping[int, int], path: Path, row: int) -> None:
    """Refuse a file with other numbers of blocks or rows than its header's sweeps give: it was cut."""
    rows, total = points.get(1), math.prod(count for order, count in points.items() if order > 1)
    short = [len(next(iter(block.columns.values()))) for block in blocks]
    if rows is not None and any(found != rows for found in short):
        wrong = next(found for found in short if found != rows)
        raise ReadError(
            "file is cut", file=path, row=row, value=f"{wrong} rows in a block", accepted=f"{rows}"
        )
    if points and len(blocks) != total:
        raise ReadError("file is cut", file=path, row=row, value=f"{len(blocks)} blocks", accepted=f"{total}")


def _header(lines: Sequence[str], path: Path) -> tuple[int, dict[str, str], dict[str, str], dict[int, int]]:
    """Index of the line after END_HEADER, units by variable, header values by key, points by sweep order."""
    points: dict[int, int] = {}
    units: dict[str, str] = {}
    values: dict[str, str] = {}
    section = ""
    opened = False
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped == "END_HEADER" and opened:
            return index + 1, units, values, points
        if stripped == "BEGIN_HEADER":
            opened = True
        elif not opened and stripped and not stripped.startswith("!"):
            break
        elif stripped.startswith("ICCAP_"):
            section = stripped
        elif section == "ICCAP_VALUES" and stripped:
            key, _, value = stripped.partition(" ")
            values[key] = value.strip().removeprefix('"').removesuffix('"').strip()
        elif section in ("ICCAP_INPUTS", "ICCAP_OUTPUTS") and stripped:
            name, letter = _declaration(stripped, path, index + 1)
            units[name] = UNITS[letter]
            points.update(_sweep(stripped, path, index + 1) if section == "ICCAP_INPUTS" else {})
    if opened:
        raise ReadError("file ends inside the header", file=path, row=len(lines), accepted="END_HEADER")
    raise ReadError("not an MDM file", file=path, row=1, accepted="BEGIN_HEADER near the top")


def _declaration(line: str, path: Path, row: int) -> tuple[str, str]:
    """Name and quantity letter of one input or output line."""
    words = line.split()
    if len(words) < 2 or words[1] not in UNITS:
        raise ReadError(
            "unknown quantity of an input or output", file=path, row=row, value=line, accepted="/".join(UNITS)
        )
    return words[0], words[1]


def _sweep(line: str, path: Path, row: int) -> dict[int, int]:
    """Order and number of points of a LIN or LIST sweep; nothing for a constant or another kind of sweep."""
    words = line.split()
    offset = {"LIN": 4, "LIST": 2}
    for index, word in enumerate(words[2:], start=2):
        if word in offset:
            parts = words[index + 1 : index + 2] + words[index + offset[word] : index + offset[word] + 1]
            numbers = [number(part, file=path, row=row, column=words[0]) for part in parts]
            if len(numbers) == 2:
                return {int(numbers[0]): int(numbers[1])}
            raise ReadError(
                "malformed sweep", file=path, row=row, value=line, accepted="LIN order from to points"
            )
    return {}


def _block(lines: Sequence[str], row: int, units: Mapping[str, str], path: Path) -> tuple[MdmBlock, int]:
    """One block that starts at ``row`` (after BEGIN_DB), and the index of the line after its END_DB."""
    variables: dict[str, float] = {}
    names: list[str] = []
    rows: list[list[float]] = []
    for index in range(row, len(lines)):
        stripped = lines[index].strip()
        if stripped == "END_DB":
            if not rows:
                raise ReadError("block without data", file=path, row=index + 1, accepted="at least one row")
            table = np.array(rows, dtype=np.float64)
            return MdmBlock(variables, {name: table[:, i] for i, name in enumerate(names)}), index + 1
        if stripped == "BEGIN_DB":
            break
        if stripped.startswith("ICCAP_VAR"):
            words = stripped.split()
            if len(words) != 3:
                raise ReadError(
                    "malformed variable",
                    file=path,
                    row=index + 1,
                    value=stripped,
                    accepted="ICCAP_VAR name value",
                )
            variables[words[1]] = number(words[2], file=path, row=index + 1, column=words[1])
        elif stripped.startswith("#"):
            names = _column_names(stripped, units, path, index + 1)
        elif stripped:
            rows.append(_data_row(stripped, names, path, index + 1))
    raise ReadError(
        "file is cut inside a data block",
        file=path,
        row=len(lines),
        accepted="END_DB at the end of every block",
    )


def _column_names(line: str, units: Mapping[str, str], path: Path, row: int) -> list[str]:
    """Column names of a block, each declared in the header and none twice."""
    names = line.removeprefix("#").split()
    for position, name in enumerate(names):
        if name not in units:
            raise ReadError("undeclared column", file=path, row=row, column=name, accepted=", ".join(units))
        if name in names[:position]:
            raise ReadError("duplicate column", file=path, row=row, column=name)
    return names


def _data_row(line: str, names: Sequence[str], path: Path, row: int) -> list[float]:
    """Numbers of one row, as many as there are columns."""
    words = line.split()
    if not names:
        raise ReadError(
            "data before the column names", file=path, row=row, value=line, accepted="a line '#vg id ...'"
        )
    if len(words) != len(names):
        raise ReadError(
            "ragged row", file=path, row=row, value=line, accepted=f"{len(names)} values ({' '.join(names)})"
        )
    return [number(word, file=path, row=row, column=name) for word, name in zip(words, names, strict=True)]


def header_number(mdm: MdmFile, key: str, path: Path) -> float:
    """Header value with its SI suffix applied (``MAIN.W "10.00u"`` -> 1e-05)."""
    text = mdm.values.get(key)
    if text is None:
        raise ReadError("header value is missing", file=path, column=key, accepted=f'{key} "<number>"')
    match = _VALUE.fullmatch(text)
    if match is None:
        raise ReadError(
            "header value is not a number", file=path, column=key, value=text, accepted='e.g. "10.00u"'
        )
    return float(match.group(1)) * _SUFFIX[match.group(2)]


def load_mdm(path: Path) -> tuple[MdmFile, bytes]:
    """Parse a file; also its bytes, for the hash."""
    content = read_bytes(path)
    return parse_mdm(decode(content, path), path), content


def read_mdm(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read MDM files of any content: one :class:`Measured` per block, fixed variables as conditions."""
    measured: list[Measured] = []
    for path in paths:
        mdm, content = load_mdm(path)
        source = origin.source(path, content)
        header: dict[str, float | str] = {f"header.{key}": text for key, text in mdm.values.items() if text}
        for index, block in enumerate(mdm.blocks):
            units = {name: mdm.units[name] for name in block.columns}
            conditions = header | dict(block.variables)
            measured.append(Measured(f"{path.stem}#{index}", block.columns, units, conditions, source))
    return tuple(measured)
