"""Resistors whose value ngspice computes: it takes 1 mOhm where the result is zero, and says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: Prints the resistance of every resistor of the circuit, a column each (50 us).
COMMAND = "show r : resistance"

#: What ngspice takes for zero (ohm).
TAKEN_FOR_ZERO = 1e-3

_COMPUTED = re.compile(r"\s*(r\S*)(?:\s.*(?:[{']|\sr\s*=).*|(?:\s+\S+){0,2}\s*$)", re.I)


def computed_resistors(lines: Iterable[str]) -> frozenset[str]:
    """Names of the resistors of a deck whose value is an expression, or on a continuation line."""
    matches = (_COMPUTED.match(line) for line in lines if line.lstrip()[:1] in ("r", "R"))
    return frozenset(match[1].lower() for match in matches if match)


def taken_for_zero(printed: Sequence[str], computed: frozenset[str]) -> list[str]:
    """Which of the ``computed`` resistors stand at 1 mOhm in the answer to :data:`COMMAND`.

    One in a subcircuit is called ``r.x1.rload`` there. A resistance that is computed to be exactly 1 mOhm cannot
    be told from a zero.
    """
    found: list[str] = []
    devices: list[str] = []
    for line in printed:
        cells = line.split()
        if cells[:1] == ["device"]:
            devices = cells[1:]
        elif cells[:1] == ["resistance"]:
            pairs = zip(devices, cells[1:], strict=True)
            found += [name for name, value in pairs if float(value) == TAKEN_FOR_ZERO]
    return [name for name in found if name.rpartition(".")[2] in computed]
