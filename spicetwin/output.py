"""Results on stdout: JSON for programs, aligned text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer


def emit_json(result: Any) -> None:
    """Print a JSON document on stdout; NaN and infinities are refused because JSON has none."""
    typer.echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))


def columns(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """``rows`` as left-aligned text columns."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    blank = " " * gap
    return "\n".join(
        blank.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def engineering(value: float, unit: str, digits: int = 6) -> str:
    """Value with an SI prefix: ``5e-12, "A"`` gives ``5 pA``; pure numbers, kelvin and quotients get none."""
    if not unit.isalpha() or unit in ("K", "ln") or value == 0 or not abs(value) < float("inf"):
        return f"{value:.{digits}g} {unit if unit != '1' else ''}".rstrip()
    prefixes = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))
    small = ((1e-9, "n"), (1e-12, "p"), (1e-15, "f"), (1e-18, "a"))
    for scale, prefix in (*prefixes, *small):
        if abs(value) >= 0.9999995 * scale:
            return f"{value / scale:.{digits}g} {prefix}{unit}"
    return f"{value:.{digits}g} {unit}"
