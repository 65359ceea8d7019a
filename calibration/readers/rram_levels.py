"""RRAM cells programmed to conductance levels: relaxation, bake, read noise; and the response to equal pulses.

Files without header (gzipped tab-separated, or two comma-separated columns); meanings from the repositories'
scripts. Conductance is in S; a level is a 32nd of the technology's largest programmed conductance.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, DataSource, FloatArray, Measured, Origin, ReadError
from calibration.readers.text import decode, number, read_bytes, rows_of_numbers

LEVELS = 32
LEVELS_PER_BAND = 8
"""Levels brought together: the tails are heavy, and the spread of fewer cells scatters by 10 %."""
G_MAX = {"techA": 240e-6, "techB": 128e-6, "techC": 40e-6}
"""Upper end of the 32 levels in S, from the settings beside the files."""
SAMPLE_RATE = 400.0
WINDOW = 50.0
"""Stretch of a read-noise trace in s whose spread counts: slower drift is relaxation."""
BLOCK = 20
"""Pulses brought together: the scatter of one response is a tenth of its range."""
_NUMBERS = re.compile(r"[0-9eE+\-.\t]*")
_LARGEST_TEXT = 256 * 2**20
_RELAXATION = ("cell", "elapsed", "r", "g", "g_start", "level", "time")
_BAKE = ("cell", "elapsed", "r", "g", "celsius")
_OUTSIDE = "programmed outside the 32 levels"
_START = "the reading at time zero is the reference itself"


def read_relaxation(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Change of conductance after programming; one curve per technology (the file's folder)."""
    return tuple(_relaxation(path, origin) for path in paths)


def _relaxation(path: Path, origin: Origin) -> Measured:
    """One file of seven columns."""
    columns, source = _table(path, _RELAXATION, origin)
    technology, g_max = _technology(path)
    expected = np.floor(columns["g_start"] / g_max * LEVELS)
    if np.median(np.abs(expected - columns["level"])) > 1:
        raise ReadError(
            "level does not follow from the conductance: columns are swapped, or this is another technology",
            file=path, column="level", accepted=f"columns {', '.join(_RELAXATION)} of {technology}",
        )  # fmt: skip
    found = {
        "time": columns["time"],
        "level": columns["level"],
        "band": np.floor(columns["level"] / LEVELS_PER_BAND),
        "g_level": (columns["level"] + 0.5) * g_max / LEVELS,
        "g_start": columns["g_start"],
        "dg": columns["g"] - columns["g_start"],
    }
    units = {"time": "s", "level": "1", "band": "1", "g_level": "S", "g_start": "S", "dg": "S"}
    conditions: dict[str, float | str] = {"technology": technology, "g_max": g_max}
    measured = Measured(f"relaxation_{technology}", found, units, conditions, source)
    measured = measured.exclude(measured["time"] == 0.0, _START)
    return measured.exclude(measured["level"] >= LEVELS, _OUTSIDE)


def read_bake(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Conductance of every cell before and after a bake of an hour or two, by temperature."""
    return tuple(_bake(path, origin) for path in paths)


def _bake(path: Path, origin: Origin) -> Measured:
    """One file of five columns: readings of each cell at time zero and after the bake."""
    columns, source = _table(path, _BAKE, origin)
    technology, g_max = _technology(path)
    parts = []
    for celsius in np.unique(columns["celsius"]):
        mine = columns["celsius"] == celsius
        before, after = (
            {name: values[mine & ((columns["elapsed"] > 0) == later)] for name, values in columns.items()}
            for later in (False, True)
        )
        first, second = np.argsort(before["cell"]), np.argsort(after["cell"])
        if not np.array_equal(before["cell"][first], after["cell"][second]):
            raise ReadError(
                f"cells before and after the bake at {celsius:g} C differ", file=path, column="cell",
                accepted="two readings of every cell and temperature",
            )  # fmt: skip
        start, end = before["g"][first], after["g"][second]
        level = np.floor(start / g_max * LEVELS)
        time = after["elapsed"][second]
        parts.append(
            np.stack(
                [
                    np.full(len(start), celsius + 273.15),
                    level,
                    start,
                    end - start,
                    time,
                    np.full(len(start), np.median(time)),
                    _about_level(end - start, level),
                ]
            )
        )
    temperature, level, start, change, time, duration, about = np.concatenate(parts, axis=1)
    found = {
        "temperature": temperature,
        "level": level,
        "g_start": start,
        "dg": change,
        "dg_level": about,
        "lost": -change / start,
        "time": time,
        "duration": duration,
    }
    units = {
        "temperature": "K",
        "level": "1",
        "g_start": "S",
        "dg": "S",
        "dg_level": "S",
        "lost": "1",
        "time": "s",
        "duration": "s",
    }
    measured = Measured(
        f"bake_{technology}", found, units, {"technology": technology, "g_max": g_max}, source
    )
    return measured.exclude(measured["level"] >= LEVELS, _OUTSIDE)


def _about_level(change: FloatArray, level: FloatArray) -> FloatArray:
    """Changes of conductance about the mean change of their level."""
    found = np.empty_like(change)
    for name in np.unique(level):
        mine = level == name
        found[mine] = change[mine] - change[mine].mean()
    return found


def read_noise(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Long read traces, one cell per level: deviation from the mean of its window, relative and in S."""
    return tuple(_noise(path, origin) for path in paths)


def _noise(path: Path, origin: Origin) -> Measured:
    """One file: a row per level with its number, an offset, and the readings."""
    content, text = _text(path)
    technology, g_max = _technology(path)
    size = int(WINDOW * SAMPLE_RATE)
    parts = []
    for row, line in enumerate(text.splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) < 2 + size:
            raise ReadError(
                f"{max(len(cells) - 2, 0)} readings", file=path, row=row,
                accepted=f"level, offset and at least {size} readings ({WINDOW:g} s at {SAMPLE_RATE:g} Hz)",
            )  # fmt: skip
        values = _readings(line, cells, row, path)
        trace = values[2:][: (len(values) - 2) // size * size].reshape(-1, size)
        mean = np.mean(trace, axis=1, keepdims=True)
        window = np.broadcast_to(np.arange(len(trace))[:, None], trace.shape)
        level = np.full(trace.shape, values[0])
        parts.append(
            np.stack(
                [level, np.full(trace.shape, np.mean(trace)), window, trace / mean - 1.0, trace - mean]
            ).reshape(5, -1)
        )
    level, g, window, deviation, dg = np.concatenate(parts, axis=1)
    found = {"level": level, "g": g, "window": window, "deviation": deviation, "dg": dg}
    units = {"level": "1", "g": "S", "window": "1", "deviation": "1", "dg": "S"}
    conditions: dict[str, float | str] = {"technology": technology, "g_max": g_max, "window_length": WINDOW}
    return Measured(f"noise_{technology}", found, units, conditions, origin.source(path, content))


def _readings(line: str, cells: Sequence[str], row: int, path: Path) -> FloatArray:
    """Numbers of one long row; only a row that is not all numbers is read cell by cell, to name the wrong one."""
    try:
        values = np.fromstring(line, dtype=np.float64, sep="\t") if _NUMBERS.fullmatch(line) else np.empty(0)
    except (ValueError, DeprecationWarning):
        values = np.empty(0)
    if len(values) == len(cells) and np.all(np.isfinite(values)):
        return values
    return np.array([number(cell, file=path, row=row, column="g") for cell in cells], dtype=np.float64)


def read_pulse_response(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Normalised conductance after each of many equal pulses: one curve up, one down."""
    found = []
    for path in paths:
        content = read_bytes(path)
        values = rows_of_numbers(decode(content, path), ("up", "down"), ",", path)
        half = max(1, len(values) // 4)
        rise = np.mean(values[-half:], axis=0) - np.mean(values[:half], axis=0)
        if len(values) >= BLOCK and not rise[0] > 0 > rise[1]:
            raise ReadError(
                "the first column must rise and the second fall: the two are swapped", file=path,
                accepted="columns up, down",
            )  # fmt: skip
        pulse = np.arange(len(values), dtype=np.float64)
        block = (np.floor(pulse / BLOCK) + 0.5) * BLOCK
        for place, name in enumerate(("up", "down")):
            columns = {"pulse": pulse, "block": block, "g": values[:, place]}
            units = {"pulse": "1", "block": "1", "g": "1"}
            source = origin.source(path, content)
            found.append(Measured(f"{path.stem}_{name}", columns, units, {"direction": name}, source))
    return tuple(found)


def _technology(path: Path) -> tuple[str, float]:
    """Technology of a file from its folder, with the largest conductance of its levels."""
    name = path.parent.name
    if name not in G_MAX:
        raise ReadError(
            "technology is not known", file=path, value=name, accepted=f"a folder {', '.join(G_MAX)}"
        )
    return name, G_MAX[name]


def _text(path: Path) -> tuple[bytes, str]:
    """Bytes of a file and its text, unpacked where it is gzipped."""
    content = read_bytes(path)
    if not content.startswith(b"\x1f\x8b"):
        return content, decode(content, path)
    try:
        # A bounded decompressor: a small file must not be able to fill the memory.
        unpacker = zlib.decompressobj(wbits=31)
        plain = unpacker.decompress(content, _LARGEST_TEXT)
    except zlib.error:
        raise ReadError("gzip data are damaged", file=path, accepted="a complete .gz file") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ReadError(
            "gzip data are cut or too large", file=path, accepted="a complete .gz file, at most 256 MiB"
        )
    return content, decode(plain, path)


def _table(path: Path, names: Sequence[str], origin: Origin) -> tuple[dict[str, FloatArray], DataSource]:
    """Columns of a tab-separated file, by name."""
    content, text = _text(path)
    values = rows_of_numbers(text, names, "\t", path)
    return {name: values[:, i] for i, name in enumerate(names)}, origin.source(path, content)
