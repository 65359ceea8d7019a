"""Tab-separated RRAM array records without a header: pulse sweeps, cycles, bakes, read curves.

Column meanings are those of the scripts that wrote the files; oddities are in measurements/sources.toml. Since no
header says which column is which, and no line says whether the offset current of the array was subtracted, both
are checked against what such an array can read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from calibration.measured import BoolArray, Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, read_bytes, rows_of_numbers

READ_FLOOR = 0.6e-6
"""Offset current in A that the array reads carry: a read current at or below it is censored."""
READ_CEILING = 120e3
"""Resistance in ohm above which that offset hides the cell: such a reading is censored."""
READ_VOLTAGE = 0.2
OFFSET_LIMIT = READ_VOLTAGE / READ_FLOOR
"""What an open cell reads, in ohm, while the offset current is still in the reading."""
OFFSET_PROBE = 150e3
FEWEST = 50
"""Readings above the probe needed to tell whether the offset was subtracted."""
SHARE_CORRECTED = 0.13
"""Share of those readings above the limit: 0.05 to 0.07 in raw files (noise), 0.18 to 0.49 in corrected ones."""
IV_GROUPS = 8
PAIR_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Correction = Literal["raw", "corrected"]
Check = Callable[[Mapping[str, FloatArray]], str | None]

_RANGES = {
    "cell": (0.0, 1e9), "cycle": (0.0, 1e12), "width": (1e-10, 1e-2), "v_wl": (0.0, 6.0), "v_line": (0.0, 6.0),
    "v_read": (0.0, 2.0), "i_read": (-1e-3, 1e-3),
    **dict.fromkeys(("r", "r_before", "r_after", "r_low", "r_high"), (50.0, 1e12)),
}  # fmt: skip
_COUNTS = ("cell", "cycle")


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a kind of record with SI units, read limits, and rows left out (column, below, reason).

    ``check`` says what is wrong with the columns as a whole, such as two of them swapped. ``resistances`` are
    the columns that tell whether the array's offset current was subtracted, and ``offset`` is what it must be;
    without it the files of one data set must agree. ``ratio`` adds column ``ratio`` of two others, and ``g_after``.
    """

    columns: Mapping[str, str]
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[tuple[str, float, str], ...] = ()
    check: Check | None = None
    resistances: tuple[str, ...] = ()
    offset: Correction | None = None
    ratio: tuple[str, str] | None = None

    def read(self, paths: Sequence[Path], origin: Origin) -> Campaign:
        """One :class:`Measured` per file."""
        found = tuple(self._read_one(path, origin) for path in paths)
        known = [curve for curve in found if "offset" in curve.conditions]
        for curve in known[1:]:
            if curve.conditions["offset"] != known[0].conditions["offset"]:
                raise ReadError(
                    f"offset correction differs: {curve.conditions['offset']} here, "
                    f"{known[0].conditions['offset']} in {Path(known[0].source.path).name}",
                    file=curve.source.path, accepted="files of one correction",
                )  # fmt: skip
        return found

    def _read_one(self, path: Path, origin: Origin) -> Measured:
        """One file."""
        content = read_bytes(path)
        columns = table(decode(content, path), tuple(self.columns), path)
        if self.check is not None and (problem := self.check(columns)):
            raise ReadError(problem, file=path, accepted=f"columns in the order {', '.join(self.columns)}")
        conditions: dict[str, float | str] = {}
        if (correction := offset_correction([columns[name] for name in self.resistances])) is not None:
            if self.offset not in (None, correction):
                raise ReadError(
                    f"offset correction differs: readings above {OFFSET_LIMIT / 1e3:.0f} kohm say {correction}",
                    file=path, accepted=f"{self.offset} readings of this kind of record",
                )  # fmt: skip
            conditions["offset"] = correction
        units = dict(self.columns)
        if self.ratio is not None:
            columns["ratio"] = columns[self.ratio[0]] / columns[self.ratio[1]]
            columns["g_after"] = 1.0 / columns["r_after"]
            units |= {"ratio": "1", "g_after": "S"}
        source = origin.source(path, content)
        measured = Measured(path.stem, columns, units, conditions, source, self.floors, (), self.ceilings)
        for column, below, reason in self.left_out:
            measured = measured.exclude(measured[column] < below, reason)
        return measured


def table(text: str, names: Sequence[str], path: Path) -> dict[str, FloatArray]:
    """Columns of tab-separated rows, every number inside the range of its column."""
    values = rows_of_numbers(text, names, "\t", path)
    for i, name in enumerate(names):
        _check_range(values[:, i], name, names, path)
    return {name: values[:, i] for i, name in enumerate(names)}


def _check_range(values: FloatArray, name: str, names: Sequence[str], path: Path) -> None:
    """Refuse a column with a value it cannot have: most often two columns are swapped."""
    low, high = _RANGES.get(name, (-np.inf, np.inf))
    wrong = (values < low) | (values > high)
    if name in _COUNTS:
        wrong |= values != np.round(values)
    if np.any(wrong):
        row = int(np.argmax(wrong))
        kind = "whole numbers" if name in _COUNTS else "values"
        raise ReadError(
            "value outside the range of its column: are columns swapped", file=path, row=row + 1, column=name,
            value=f"{values[row]:g}", accepted=f"{kind} from {low:g} to {high:g}, columns {', '.join(names)}",
        )  # fmt: skip


def offset_correction(resistances: Sequence[FloatArray]) -> Correction | None:
    """Whether the offset current was subtracted from the readings; ``None`` where too few are high enough.

    With the offset in, no cell can read much above V_read/I_offset = 333 kohm; without it the high state runs
    on to megaohms.
    """
    if not resistances:
        return None
    high = np.concatenate(list(resistances))
    high = high[high > OFFSET_PROBE]
    if high.size < FEWEST:
        return None
    return "corrected" if float(np.mean(high > OFFSET_LIMIT)) > SHARE_CORRECTED else "raw"


def _set_order(columns: Mapping[str, FloatArray]) -> str | None:
    """Swapped columns of a SET sweep: SET lowers the resistance, and the bit line decides on it."""
    line, word = columns["v_line"], columns["v_wl"]
    strong = line == line.max()
    if line.size < FEWEST or line.min() == line.max() or word.min() == word.max():
        return None
    if np.mean(np.log(columns["r_after"][strong] / columns["r_before"][strong])) > 0:
        return "resistance rises in a SET sweep: r_before and r_after are swapped, or this is a RESET sweep"
    switched = columns["r_after"] < 0.5 * columns["r_before"]
    by_line, by_word = (_range_of_share(switched, axis) for axis in (line, word))
    if by_word > by_line:
        return "switching depends on v_wl more than on v_line: the two are swapped"
    return None


def _range_of_share(switched: BoolArray, axis: FloatArray) -> float:
    """Highest minus lowest share of switched cells along one voltage."""
    shares = [float(np.mean(switched[axis == value])) for value in np.unique(axis)]
    return max(shares) - min(shares)


def _reset_order(columns: Mapping[str, FloatArray]) -> str | None:
    """Swapped columns of a RESET sweep: its strongest pulses raise the resistance."""
    line, width = columns["v_line"], columns["width"]
    strong = (line == line.max()) & (width == width.max())
    if np.count_nonzero(strong) < FEWEST:
        return None
    if np.mean(np.log(columns["r_after"][strong] / columns["r_before"][strong])) < 0:
        return "resistance falls in a RESET sweep: r_before and r_after are swapped, or this is a SET sweep"
    return None


def _states_order(columns: Mapping[str, FloatArray]) -> str | None:
    """Swapped columns of a cycling record."""
    if np.median(columns["r_low"]) > np.median(columns["r_high"]):
        return "r_low is above r_high: the two are swapped"
    return None


_PULSES = {"cell": "1", "width": "s", "v_wl": "V", "v_line": "V", "r_before": "ohm", "r_after": "ohm"}
_NO_RESET = "RESET needs 3 V: below it the map holds no information on switching"
_BOTH = ("r_before", "r_after")
SET_SWEEP = Layout(
    _PULSES,
    ceilings={"r_before": READ_CEILING, "r_after": READ_CEILING},
    check=_set_order,
    resistances=_BOTH,
    offset="raw",
    ratio=("r_after", "r_before"),
)
RESET_SWEEP = replace(
    SET_SWEEP,
    left_out=(("v_line", 3.0 - 1e-9, _NO_RESET),),
    check=_reset_order,
    ratio=("r_before", "r_after"),
)
_IV = Layout({"cell": "1", "v_read": "V", "i_read": "A"}, floors={"i_read": READ_FLOOR})
CELLS = Layout({"cell": "1", "r": "ohm"}, ceilings={"r": READ_CEILING}, resistances=("r",))
CYCLES = Layout(
    {"cell": "1", "r_low": "ohm", "r_high": "ohm", "cycle": "1"},
    ceilings={"r_high": READ_CEILING},
    check=_states_order,
    resistances=("r_high",),
    offset="corrected",
)


def read_iv(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read current against voltage, with the rank of every cell's conductance in eight equal groups."""
    found = []
    for measured in _IV.read(paths, origin):
        cells, member = np.unique(measured["cell"], return_inverse=True)
        v, i = measured["v_read"], measured["i_read"]
        n = np.bincount(member).astype(np.float64)
        means = {name: np.bincount(member, values) / n for name, values in (("v", v), ("i", i))}
        spread = np.bincount(member, (v - means["v"][member]) ** 2)
        rise = np.bincount(member, (v - means["v"][member]) * (i - means["i"][member]))
        slope = np.divide(rise, spread, out=np.zeros(len(cells)), where=spread > 0)
        rank = np.argsort(np.argsort(slope))
        group = np.floor(rank * IV_GROUPS / len(cells))
        columns = {**measured.columns, "group": group[member]}
        found.append(replace(measured, columns=columns, units={**measured.units, "group": "1"}))
    return tuple(found)


def read_cycle_pairs(paths: Sequence[Path], origin: Origin) -> Campaign:
    """How often a cell is below a level in both of two cycles, for several levels; one curve per state.

    ``share`` of all readings below the level, ``both`` the share of cells below it in both cycles, and
    ``both_sigma`` its standard error. Levels of the high state stay below the read ceiling.
    """
    found = []
    for measured in CYCLES.read(paths, origin):
        cycles = np.unique(measured["cycle"])
        parts = [measured["cycle"] == cycle for cycle in cycles]
        orders = [np.argsort(measured["cell"][part]) for part in parts]
        cells = [measured["cell"][part][order] for part, order in zip(parts, orders, strict=True)]
        if len(cells) != 2 or not np.array_equal(*cells) or len(np.unique(cells[0])) != len(cells[0]):
            raise ReadError(
                f"{len(cycles)} cycles of {len(np.unique(measured['cell']))} cells in {measured.rows} rows",
                file=measured.source.path, accepted="two cycles of the same cells",
            )  # fmt: skip
        for state in ("r_low", "r_high"):
            pair = np.stack([measured[state][part][order] for part, order in zip(parts, orders, strict=True)])
            levels = np.quantile(pair, PAIR_SHARES)
            levels = levels[levels < measured.ceilings.get(state, np.inf)]
            below = pair[:, :, None] < levels
            share, both = np.mean(below, axis=(0, 1)), np.mean(np.all(below, axis=0), axis=0)
            error = np.sqrt(np.maximum(both * (1.0 - both), 1.0 / len(cells[0])) / len(cells[0]))
            columns = {"share": share, "both": both, "both_sigma": error}
            units = dict.fromkeys(columns, "1")
            found.append(
                Measured(f"{measured.name}_{state}", columns, units, {"state": state}, measured.source)
            )
    return tuple(found)
