"""Hysteresis of the user's own: P-V loops and C-V butterflies from CSV files, one curve per branch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.csv_table import Table, parse_csv
from calibration.readers.ferroelectric import check_polarisation
from calibration.readers.text import read_bytes

LEAST, MOST = 1e-16, 1e-6
"""Capacitances in F taken for those of a capacitor on a chip."""
FEWEST = 5
"""Rows that a branch must have."""


def read_loop(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Loops from CSV files with the columns ``v`` and ``p``: one curve per branch, ``rising`` and ``falling``.

    Columns of a curve, counted along the drive: ``v`` (V), ``p`` (C/m^2, from 0 at the start of the branch).
    Condition ``polarity``: positive for the rising branch.

    Raises
    ------
    ReadError
        For a missing column or branch, and for a polarisation that only a wrong unit explains.
    """
    found: list[Measured] = []
    for path in paths:
        content, table = _table(path, "p", "C/m^2")
        check_polarisation(0.5 * float(np.ptp(table.columns["p"])), path, "p")
        for name, sign, rows in _branches(table.columns["v"], path):
            p = sign * table.columns["p"][rows]
            columns = {"v": sign * table.columns["v"][rows], "p": p - p[0]}
            units = {"v": "V", "p": "C/m^2"}
            source = origin.source(path, content)
            found.append(Measured(f"{path.stem}_{name}", columns, units, {"polarity": name}, source))
    return tuple(found)


def read_butterfly(paths: Sequence[Path], origin: Origin) -> Campaign:
    """C-V butterflies from CSV files with the columns ``v`` and ``c``: one curve per branch.

    Columns of a curve, counted along the drive: ``v`` (V), ``c`` (F). Condition ``polarity`` as for a loop.

    Raises
    ------
    ReadError
        For a missing column or branch, and for a capacitance that only a wrong unit explains.
    """
    found: list[Measured] = []
    for path in paths:
        content, table = _table(path, "c", "F")
        _check_capacitance(table.columns["c"], path)
        for name, sign, rows in _branches(table.columns["v"], path):
            columns = {"v": sign * table.columns["v"][rows], "c": table.columns["c"][rows]}
            units = {"v": "V", "c": "F"}
            source = origin.source(path, content)
            found.append(Measured(f"{path.stem}_{name}", columns, units, {"polarity": name}, source))
    return tuple(found)


def _table(path: Path, column: str, unit: str) -> tuple[bytes, Table]:
    """Content of a file that has ``v`` and one more column of this unit."""
    content = read_bytes(path)
    table = parse_csv(content, path)
    for name, wanted in (("v", "V"), (column, unit)):
        if table.units.get(name) != wanted:
            raise ReadError("column is missing", file=path, column=name, accepted=f"{name} [{wanted}]")
    return content, table


def _branches(v: FloatArray, path: Path) -> list[tuple[str, float, NDArray[np.intp]]]:
    """Rows of the rising and of the falling branch in the order of their drive, with the sign of it."""
    step = np.gradient(v) if v.size > 1 else np.zeros(v.size)
    found = []
    for name, sign in (("positive", 1.0), ("negative", -1.0)):
        rows = np.flatnonzero(sign * step > 0)
        span = float(np.ptp(v[rows])) if rows.size >= FEWEST else 0.0
        if span < 0.8 * float(np.ptp(v)) or rows.size < FEWEST:
            branch = "rising" if sign > 0 else "falling"
            raise ReadError(
                f"the {branch} branch is missing",
                file=path,
                column="v",
                value=f"{rows.size} rows over {span:.3g} V",
                accepted=f"both branches over {float(np.ptp(v)):.3g} V",
            )
        found.append((name, sign, rows[np.argsort(sign * v[rows], kind="stable")]))
    return found


def _check_capacitance(c: FloatArray, path: Path) -> None:
    """Refuse capacitances that only a wrong unit explains, and say which."""
    size = float(np.median(np.abs(c)))
    if LEAST <= size <= MOST and float(c.min()) > 0.0:
        return
    if float(c.min()) <= 0.0:
        hint, size = (
            "not positive: current or charge instead of capacitance, or an open correction?",
            float(c.min()),
        )
    elif LEAST <= 1e-12 * size <= MOST:
        hint = "a factor of 1e-12 would make it plausible: pF labelled as F?"
    elif LEAST <= 1e-9 * size <= MOST:
        hint = "a factor of 1e-9 would make it plausible: nF labelled as F?"
    elif LEAST <= 1e12 * size <= MOST:
        hint = "a factor of 1e12 would make it plausible: F labelled as pF?"
    else:
        hint = "check the unit"
    raise ReadError(
        f"implausible capacitance ({hint})",
        file=path,
        column="c",
        value=f"{size:.3g} F",
        accepted=f"{LEAST:g} to {MOST:g} F",
    )
