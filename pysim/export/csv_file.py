"""CSV: the look-up tables of a calibration table in rows of one shape.

Columns: entry, every input of the table with its unit (blank where the entry has no such input), value, unit. Lines
that begin with # give origin, and for each entry the scale of interpolation and its largest error.
"""

from __future__ import annotations

import csv
import io
import platform
from typing import cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.exporter import At, Conformance, Exporter, Source, provenance
from pysim.export.lookup import LookUp, left_out, look_ups, narrowed
from pysim.mingru.network import MinGruNetwork


def content(source: Source, at: At) -> bytes:
    """CSV file."""
    table = cast(CalibrationTable, source)
    sampled = look_ups(table, at)
    units = {axis.name: axis.unit for found in sampled.tables for axis in found.axes}
    out = io.StringIO(newline="")
    out.writelines(f"# {line}\n" for line in provenance(table))
    out.writelines(f"# held: {name} = {value!r}\n" for name, value in at.items())
    for found in sampled.tables:
        scale = "ln(value)" if found.log else "value"
        axes = ", ".join(f"{'ln ' if a.log else ''}{a.name}" for a in found.axes) or "none (constant)"
        out.write(
            f"# {found.name}: interpolate {scale} linearly in {axes}; largest error {found.error:.3g}; "
            f"{found.verdict}\n"
        )
    out.writelines(f"# left out: {name}: {reason}\n" for name, reason in sampled.left_out.items())
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["entry", *(f"{n} [{u}]" for n, u in units.items()), "value", "unit"])
    for found in sampled.tables:
        writer.writerows(_rows(found, list(units)))
    return out.getvalue().encode("utf-8")


def _rows(found: LookUp, inputs: list[str]) -> list[list[str]]:
    mesh = np.meshgrid(*(a.grid for a in found.axes), indexing="ij") if found.axes else []
    own = {a.name: m.ravel() for a, m in zip(found.axes, mesh, strict=True)}
    blank = [""] * found.values.size
    columns = [[repr(float(x)) for x in own[n]] if n in own else blank for n in inputs]
    values = [repr(float(v)) for v in found.values.ravel()]
    return [[found.name, *cells, value, found.unit] for *cells, value in zip(*columns, values, strict=True)]


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Read with Python's csv: every row against the law at its inputs."""
    table = cast(CalibrationTable, source)
    lines = [line for line in data.decode("utf-8").splitlines() if not line.startswith("#")]
    rows = list(csv.reader(lines))
    inputs = [title.split(" [")[0] for title in rows[0][1:-2]]
    worst = 0.0
    for name in dict.fromkeys(row[0] for row in rows[1:]):
        entry = narrowed(table.entries[name], at)
        own = [row for row in rows[1:] if row[0] == name]
        point = {
            n: np.array([float(row[1 + k]) if row[1 + k] else entry.box[n].low for row in own])
            for k, n in enumerate(inputs)
            if n in entry.box
        }
        point |= {n: np.full(len(own), b.low) for n, b in entry.box.items() if n not in point}
        exact = np.broadcast_to(np.asarray(entry.evaluate(point)), (len(own),))
        found = np.array([float(row[-2]) for row in own])
        worst = max(worst, float(np.max(np.abs(found - exact) / np.maximum(np.abs(exact), 1e-300))))
    return (
        Conformance(
            tool="Python csv",
            version=platform.python_version(),
            stimulus=f"{len(rows) - 1} grid points",
            metric="largest relative difference from the law",
            value=worst,
            tolerance=1e-9,
        ),
    )


EXPORTER = Exporter(
    name="csv",
    suffix=".csv",
    title="CSV look-up tables of a calibration table",
    holds=(CalibrationTable,),
    content=content,
    check=check,
    notes=left_out,
    instead={
        MinGruNetwork: "a network is no list of rows; use json, npz or matlab",
        DelayLayer: "a network is no list of rows; use json, npz or matlab",
    },
)
