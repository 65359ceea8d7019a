"""Hand analysis beside simulation: device numbers from gate sweeps, closed forms, ratios by corner."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuits.families.fet import BOLTZMANN_OVER_CHARGE, FetIdVg, NFet, PFet, PFetIdVg
from circuits.plan import Plan
from spicetwin.output import engineering
from spicetwin.report.document import Cell, Table
from spicetwin.stages.context import ROOM, RunContext, value_at

ELEMENTARY_CHARGE = 1.602176634e-19  # C

#: k T / q at room temperature (V).
THERMAL = BOLTZMANN_OVER_CHARGE * ROOM


@dataclass(frozen=True)
class Device:
    """Weak inversion of one transistor at room temperature: slope factor, I0 and off-current (A)."""

    kappa: float
    i0: float
    i_off: float

    def gate(self, current: float) -> float:
        """|V_GS| that carries ``current`` (V)."""
        return THERMAL / self.kappa * math.log(current / self.i0)


@dataclass(frozen=True)
class HandRow:
    """A quantity by closed form and by simulation, by corner, in the SI unit."""

    quantity: str
    formula: str
    unit: str
    expected: Mapping[str, float]
    simulated: Mapping[str, float]

    def ratio(self, corner: str) -> float:
        """Simulated over expected."""
        return self.simulated[corner] / self.expected[corner]


def percent(ratio: float, digits: int = 1) -> str:
    """Signed deviation in percent with a true minus sign."""
    return f"{100 * ratio:+.{digits}f} %".replace("-", "−")


def devices(
    context: RunContext,
    name: str,
    polarity: str,
    size: tuple[float, float],
    fit: tuple[float, float],
    corners: Sequence[str],
) -> dict[str, Device]:
    """Transistor of (W, L) by corner, weak inversion taken between two drain currents (A)."""
    width, length = size
    squares = width / length
    low, high = fit[0] / squares, fit[1] / squares
    bench: FetIdVg
    if polarity == "n":
        bench = FetIdVg(dut=NFet(w=width, l=length), i_fit_low=low, i_fit_high=high)
    else:
        bench = PFetIdVg(dut=PFet(w=width, l=length), i_fit_low=low, i_fit_high=high)
    result = context.characterise(f"fet_{name}", Plan(bench, context.process, corners=tuple(corners)))
    found = {}
    for corner in corners:
        kappa, i0, i_off = (value_at(result, o, corner=corner) for o in ("kappa", "i0", "i_off"))
        found[corner] = Device(kappa, i0 * squares, i_off)
    return found


def hand_table(caption: str, rows: Sequence[HandRow], corners: Sequence[str]) -> Table:
    """Values at the first corner, and simulated over expected at every corner."""
    first = corners[0]
    columns = ("Quantity", "Closed form", f"By hand, {first}", f"Simulated, {first}")
    ratios = tuple(f"Ratio, {corner}" for corner in corners)
    body: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.quantity,
            row.formula,
            engineering(row.expected[first], row.unit, digits=4),
            engineering(row.simulated[first], row.unit, digits=4),
            *(round(row.ratio(corner), 3) for corner in corners),
        )
        for row in rows
    )
    return Table(caption, (*columns, *ratios), body)
