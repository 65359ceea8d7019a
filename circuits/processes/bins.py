"""Binned model cards: the bins that a circuit needs, renamed to ``nfet`` and ``pfet``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from circuits.process import Geometry, ProcessError

_HEAD = re.compile(r"^\.model\s+(\S+)\.(\d+)\s+(nmos|pmos)\s+", re.IGNORECASE)
_EQUALS = re.compile(r"\s*=\s*")
_LIMIT = re.compile(r"\b([lw]m(?:in|ax))\s*=\s*([-+.\deE]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Bin:
    """One ``.model`` statement and the box of W and L (metres) in which ngspice uses it."""

    card: str
    lengths: tuple[float, float]
    widths: tuple[float, float]

    def holds(self, width: float, length: float) -> bool:
        """Whether ngspice may choose this bin: both ends of both ranges count."""
        return _within(width, self.widths) and _within(length, self.lengths)


def _within(value: float, limits: tuple[float, float]) -> bool:
    slack = 1e-14 * value  # ngspice counts a border by some ten units in the last place
    return limits[0] - slack <= value <= limits[1] + slack


def bins_of(model: str, polarity: str, statements: Iterable[str]) -> tuple[Bin, ...]:
    """Bins of ``model`` in file order, renamed to ``nfet.<i>`` or ``pfet.<i>``."""
    found: list[Bin] = []
    for statement in statements:
        head = _HEAD.match(statement)
        if head and head[1].lower() == model.lower():
            parameters = _EQUALS.sub("=", statement[head.end() :])
            card = f".model {polarity}fet.{head[2]} {head[3].lower()} {parameters}"
            limits = _limits(statement)
            found.append(Bin(card, (limits["lmin"], limits["lmax"]), (limits["wmin"], limits["wmax"])))
    return tuple(found)


def _limits(statement: str) -> dict[str, float]:
    """First lmin, lmax, wmin and wmax of a card; they stand at its head, so the search stops early."""
    found: dict[str, float] = {}
    for match in _LIMIT.finditer(statement):
        found.setdefault(match[1].lower(), float(match[2]))
        if len(found) == 4:
            break
    return found


def cut(
    process: str, polarity: str, bins: tuple[Bin, ...], geometries: Iterable[Geometry]
) -> tuple[str, ...]:
    """Cards of the bins that the transistors of this polarity need, in the order of the library.

    On a border of bins ngspice takes the first one of the library; so does this, for equal currents.

    Raises
    ------
    ProcessError
        When a transistor lies in no bin.
    """
    chosen: set[int] = set()
    for kind, width, length in geometries:
        if kind != polarity:
            continue
        first = next((i for i, b in enumerate(bins) if b.holds(width, length)), None)
        if first is None:
            widths = sorted({b.widths for b in bins if _within(length, b.lengths)})
            accepted = ", ".join(f"{low:g} to {high:g}" for low, high in widths) or "none"
            raise ProcessError(
                f"{process}: no {polarity}fet model for W={width:g} m, L={length:g} m;"
                f" widths accepted at this length (m): {accepted}"
            )
        chosen.add(first)
    return tuple(bins[i].card for i in sorted(chosen))
