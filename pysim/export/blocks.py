"""Typical blocks of a calibration table at one operating point: what behavioural models are written from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from calibration.table import CalibrationTable, Entry, OutOfDomain
from pysim import chip as drawing
from pysim.delays.draw import draw as draw_delays
from pysim.delays.element import DelayElement
from pysim.export.exporter import At, ExportError
from pysim.synapses.dpi import DpiSynapse

T_REFERENCE = 300.15
#: Blocks that are DPI synapses, and the block of delay elements.
DPI_BLOCKS = ("synapse", "adaptation")
DELAY_BLOCK = "denram"


@dataclass(frozen=True)
class Block:
    """One behavioural block: its name in the table, the operating point, and the twin of one instance."""

    name: str
    at: Mapping[str, float]
    twin: DpiSynapse | DelayElement


def operating_point(entries: Mapping[str, Entry], at: At) -> dict[str, float]:
    """Inputs of a block's laws: those given, the reference temperature, else the middle of the fitted domain."""
    point: dict[str, float] = {}
    for entry in entries.values():
        for name, box in entry.box.items():
            reference = (entry.reference or {}).get(name)
            if name in at:
                point[name] = at[name]
            elif isinstance(reference, float):
                point[name] = reference
            elif name == "temperature" and box.low <= T_REFERENCE <= box.high:
                point[name] = T_REFERENCE
            elif name not in point:
                point[name] = math.sqrt(box.low * box.high) if box.low > 0 else 0.5 * (box.low + box.high)
    return point


def blocks_of(table: CalibrationTable, at: At, seed: int | None = None) -> tuple[Block, ...]:
    """Blocks of a table that have a behavioural model; ``seed``: an instance with mismatch, else the typical one.

    Raises
    ------
    ExportError
        For a table without such a block, or an input that no block has.
    OutOfDomain
        When no block was fitted at the point.
    """
    found: list[Block] = []
    refused: list[OutOfDomain] = []
    inputs: set[str] = set()
    for name in (*DPI_BLOCKS, DELAY_BLOCK):
        entries = {n: e for n, e in table.entries.items() if n.startswith(f"{name}.")}
        if not entries:
            continue
        inputs |= {n for e in entries.values() for n in e.box}
        try:
            found.append(_block(table, name, entries, at, seed))
        except OutOfDomain as error:
            refused.append(error)
    if not found and not refused:
        accepted = ", ".join(f"{b}.*" for b in (*DPI_BLOCKS, DELAY_BLOCK))
        raise ExportError(
            f"table {table.reference} has no block with a behavioural model; accepted: entries {accepted}; "
            "use npz, csv or c for look-up tables of all entries"
        )
    strange = sorted(set(at) - inputs)
    if strange:
        raise ExportError(f"no block has an input {strange[0]!r}; accepted: {', '.join(sorted(inputs))}")
    if not found:
        raise refused[0]
    return tuple(found)


def _block(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    shape, sources = (1, 1), () if seed is None else ("die", "within_die")
    if name == DELAY_BLOCK:
        elements = {n: e for n, e in entries.items() if "conductance" not in e.box and "time" not in e.box}
        point = operating_point(elements, at)
        known = {n: v for n, v in point.items() if n != "temperature"}
        spread = (*sources, "temperature")
        delay = draw_delays(
            table,
            shape,
            seed or 0,
            spread,
            at={**known, "temperature": point.get("temperature", T_REFERENCE)},
        )
        return Block(name, point, delay.element())
    point = operating_point(entries, at)
    chip = drawing.draw(table, shape, seed or 0, sources, block=name, at=point)
    return Block(name, point, chip.synapse())
