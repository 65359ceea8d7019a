"""NPZ without pickle: networks, and calibration tables with their look-up tables.

A table's file holds ``format`` ("look-up-tables/1"), ``header`` (JSON: the whole table, axes, errors, entries left
out), ``<entry>`` (values on the grid) and ``<entry>/<input>`` (its points).
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.arrays import arrays_of, packed
from pysim.export.equal import same
from pysim.export.exporter import At, Conformance, Exporter, Source
from pysim.export.lookup import LookUp, Sampled, left_out, look_ups, narrowed, probes
from pysim.export.source import read_npz
from pysim.mingru.network import MinGruNetwork

TABLES = "look-up-tables/1"


def content(source: Source, at: At) -> bytes:
    """NPZ file."""
    if isinstance(source, CalibrationTable):
        return packed(table_arrays(source, look_ups(source, at)))
    return packed(arrays_of(source))


def table_arrays(table: CalibrationTable, sampled: Sampled) -> dict[str, NDArray[Any]]:
    """Named arrays of the look-up tables of a calibration table."""
    header = {
        "table": table.document(),
        "look_ups": {found.name: described(found) for found in sampled.tables},
        "left_out": dict(sampled.left_out),
    }
    arrays: dict[str, NDArray[Any]] = {"format": np.array(TABLES), "header": np.array(json.dumps(header))}
    for found in sampled.tables:
        arrays[found.name] = found.values
        arrays |= {f"{found.name}/{axis.name}": axis.grid for axis in found.axes}
    return arrays


def described(found: LookUp) -> dict[str, Any]:
    """What a reader has to know of a look-up table."""
    return {
        "quantity": found.quantity,
        "unit": found.unit,
        "verdict": found.verdict,
        "interpolate": "ln(value)" if found.log else "value",
        "largest_error": found.error,
        "axes": [
            {"name": a.name, "unit": a.unit, "uniform_in": "ln" if a.log else "value", "points": a.points}
            for a in found.axes
        ],
    }


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Read back with numpy: equal objects; look-up tables interpolated by scipy against the laws."""
    lines = same(source, read_npz(io.BytesIO(data), "the exported file"), "numpy", np.__version__)
    if not isinstance(source, CalibrationTable):
        return lines
    return (*lines, interpolated(source, at, data))


def interpolated(table: CalibrationTable, at: At, data: bytes) -> Conformance:
    """Error of the file's look-up tables at random inputs, interpolated by scipy, over the error the file states."""
    import scipy
    from scipy.interpolate import RegularGridInterpolator

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        header = json.loads(str(arrays["header"]))
        worst = 0.0
        for name, about in header["look_ups"].items():
            if not about["axes"]:
                continue
            entry = narrowed(table.entries[name], at)
            inputs = probes(entry, 11)
            logs = [a["uniform_in"] == "ln" for a in about["axes"]]
            names = [a["name"] for a in about["axes"]]
            grid = [
                np.log(arrays[f"{name}/{n}"]) if k else arrays[f"{name}/{n}"]
                for n, k in zip(names, logs, strict=True)
            ]
            log = about["interpolate"] == "ln(value)"
            values = np.log(arrays[name]) if log else arrays[name]
            point = [np.log(inputs[n]) if k else inputs[n] for n, k in zip(names, logs, strict=True)]
            point = [np.clip(p, g[0], g[-1]) for p, g in zip(point, grid, strict=True)]
            found = RegularGridInterpolator(grid, values)(np.stack(point, axis=-1))
            exact = np.asarray(entry.evaluate(inputs))
            found = np.exp(found) if log else found
            scale = np.abs(exact) if log else np.abs(exact).max()
            worst = max(
                worst, float(np.max(np.abs(found - exact) / scale)) / max(about["largest_error"], 1e-9)
            )
    return Conformance(
        tool="scipy",
        version=scipy.__version__,
        stimulus="4000 random inputs of every entry",
        metric="largest error of interpolation over the stated one",
        value=worst,
        tolerance=1.2,
    )


EXPORTER = Exporter(
    name="npz",
    suffix=".npz",
    title="NumPy archive without pickle: networks, look-up tables",
    holds=(CalibrationTable, MinGruNetwork, DelayLayer),
    content=content,
    check=check,
    notes=left_out,
)
