"""Tab-separated RRAM array records without a header: pulse sweeps, cycles, bakes, read curves.

Column meanings are those of the scripts that wrote the files; oddities are in measurements/sources.toml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes

READ_FLOOR = 0.6e-6
"""Offset current in A that the array reads carry: a read current at or below it is censored."""
READ_CEILING = 120e3
"""Resistance in ohm above which that offset hides the cell: such a reading is censored."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a kind of record with SI units, read limits, and rows left out (column, below, reason)."""

    columns: Mapping[str, str]
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[tuple[str, float, str], ...] = ()

    def read(self, paths: Sequence[Path], origin: Origin) -> Campaign:
        """One :class:`Measured` per file."""
        return tuple(self._read_one(path, origin) for path in paths)

    def _read_one(self, path: Path, origin: Origin) -> Measured:
        """One file."""
        content = read_bytes(path)
        names = tuple(self.columns)
        rows = []
        for row, line in enumerate(decode(content, path).splitlines(), start=1):
            cells = line.split("\t")
            if len(cells) != len(names):
                raise ReadError(
                    f"ragged row, {len(cells)} cells", file=path, row=row, value=line,
                    accepted=f"{len(names)} tab-separated cells ({', '.join(names)})",
                )  # fmt: skip
            rows.append([number(cell, file=path, row=row, column=names[i]) for i, cell in enumerate(cells)])
        table = np.array(rows, dtype=np.float64)
        columns = {name: table[:, i] for i, name in enumerate(names)}
        source = origin.source(path, content)
        measured = Measured(path.stem, columns, self.columns, {}, source, self.floors, (), self.ceilings)
        for column, below, reason in self.left_out:
            measured = measured.exclude(measured[column] < below, reason)
        return measured


_PULSES = {"cell": "1", "width": "s", "v_wl": "V", "v_line": "V", "r_before": "ohm", "r_after": "ohm"}
_NO_RESET = "RESET needs 3 V: below it the map holds no information on switching"
SET_SWEEP = Layout(_PULSES, ceilings={"r_before": READ_CEILING, "r_after": READ_CEILING})
RESET_SWEEP = Layout(
    _PULSES,
    ceilings={"r_before": READ_CEILING, "r_after": READ_CEILING},
    left_out=(("v_line", 3.0 - 1e-9, _NO_RESET),),
)
READ_IV = Layout({"cell": "1", "v_read": "V", "i_read": "A"}, floors={"i_read": READ_FLOOR})
CELLS = Layout({"cell": "1", "r": "ohm"}, ceilings={"r": READ_CEILING})
CYCLES = Layout(
    {"cell": "1", "r_low": "ohm", "r_high": "ohm", "cycle": "1"}, ceilings={"r_high": READ_CEILING}
)
