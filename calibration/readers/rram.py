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


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one kind of record with their SI units, and their read floors."""

    columns: Mapping[str, str]
    floors: Mapping[str, float] = field(default_factory=dict)

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
        return Measured(path.stem, columns, self.columns, {}, origin.source(path, content), self.floors)


PULSE_SWEEP = Layout(
    {"cell": "1", "width": "s", "v_wl": "V", "v_line": "V", "r_before": "ohm", "r_after": "ohm"}
)
READ_IV = Layout({"cell": "1", "v_read": "V", "i_read": "A"}, {"i_read": READ_FLOOR})
CELLS = Layout({"cell": "1", "r": "ohm"})
CYCLES = Layout({"cell": "1", "r_low": "ohm", "r_high": "ohm", "cycle": "1"})
