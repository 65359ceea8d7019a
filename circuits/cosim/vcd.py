"""Value change dump of a co-simulation, for GTKWave: digital signals as words, analog nodes as reals."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from circuits.cosim.result import CoSimulation

#: One unit of time in the file, in seconds.
UNIT = 1e-12


def write_vcd(result: CoSimulation, path: Path, nodes: Sequence[str] | None = None) -> None:
    """Write ``path`` (IEEE 1364 VCD, 1 ps), whole or not at all.

    Parameters
    ----------
    result : CoSimulation
        What to write; signals with named values also appear as strings (a GTKWave extension).
    nodes : sequence of str, optional
        Analog vectors to include; all saved ones when not given.

    Raises
    ------
    KeyError
        A node that was not saved.
    OSError
        The file cannot be written; an existing one is as it was.
    """
    chosen = [n for n in result.waves.vectors if n != "time"] if nodes is None else list(nodes)
    text = "\n".join(_lines(result, chosen)) + "\n"
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii", errors="replace") as file:
            file.write(text)
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _lines(result: CoSimulation, nodes: Sequence[str]) -> Iterator[str]:
    """Header, then all changes in the order of time."""
    yield from ("$version spicetwin $end", "$timescale 1 ps $end", "$scope module digital $end")
    changes: list[tuple[int, str]] = []
    for number, (name, declared) in enumerate(result.declared.items()):
        code = _code(number)
        yield f"$var wire {declared.width} {code} {_plain(name)} $end"
        times, values = result.signal(name)
        for time, value in zip(times.tolist(), values.tolist(), strict=True):
            changes.append((_ticks(time), f"b{value:b} {code}"))
        if declared.labels:
            named = f"{code}s"
            yield f"$var string 1 {named} {_plain(name)}_name $end"
            for time, value in zip(times.tolist(), values.tolist(), strict=True):
                changes.append((_ticks(time), f"s{declared.text(value)} {named}"))
    yield from ("$upscope $end", "$scope module analog $end")
    ticks = [_ticks(time) for time in result.waves["time"].tolist()]
    for number, node in enumerate(nodes):
        code = f"a{_code(number)}"
        yield f"$var real 64 {code} {_plain(node)} $end"
        last = math.nan
        for tick, value in zip(ticks, result.waves[node].tolist(), strict=True):
            if value != last:
                changes.append((tick, f"r{value:.9g} {code}"))
                last = value
    yield from ("$upscope $end", "$enddefinitions $end")
    now = -1
    for tick, change in sorted(changes, key=lambda entry: entry[0]):
        if tick != now:
            now = tick
            yield f"#{now}"
        yield change


def _ticks(time: float) -> int:
    return round(time / UNIT)


def _code(number: int) -> str:
    """Short identifier of printable characters."""
    code = ""
    while True:
        code += chr(ord("A") + number % 26)
        number //= 26
        if not number:
            return code


def _plain(name: str) -> str:
    """``name`` with only characters that a VCD reference takes."""
    return re.sub(r"[^\w.]", "_", name)
