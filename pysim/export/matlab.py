"""MATLAB .mat (version 5): named arrays of a network, look-up tables of a calibration table as structs."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.arrays import arrays_of
from pysim.export.exporter import At, Conformance, Exporter, Source, provenance
from pysim.export.lookup import left_out, look_ups
from pysim.mingru.network import MinGruNetwork


def content(source: Source, at: At) -> bytes:
    """MAT file: one variable per array; dots of names become underscores."""
    from scipy.io import savemat

    if isinstance(source, CalibrationTable):
        variables = _table(source, at)
    else:
        variables = {_name(name): _plain(array) for name, array in arrays_of(source).items()}
    buffer = io.BytesIO()
    savemat(buffer, variables, long_field_names=True, do_compression=True, oned_as="column")  # type: ignore[arg-type]  # the stubs know paths only
    return buffer.getvalue()


def _table(table: CalibrationTable, at: At) -> dict[str, Any]:
    sampled = look_ups(table, at)
    variables: dict[str, Any] = {"provenance": "\n".join(provenance(table))}
    for found in sampled.tables:
        variables[_name(found.name)] = {
            "entry": found.name,
            "unit": found.unit,
            "values": found.values,
            "inputs": "\n".join(f"{a.name} [{a.unit}]" for a in found.axes),
            "log_value": found.log,
            "log_input": np.array([a.log for a in found.axes]),
            "largest_error": found.error,
            **{f"axis_{a.name}": a.grid for a in found.axes},
        }
    return variables


def _plain(array: NDArray[Any]) -> Any:
    return str(array) if array.dtype.kind == "U" else array


def _name(name: str) -> str:
    return re.sub(r"\W", "_", name)


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Read with scipy's own reader of the format: every number equal."""
    import scipy
    from scipy.io import loadmat

    found = loadmat(io.BytesIO(data), simplify_cells=True)  # type: ignore[arg-type]
    if isinstance(source, CalibrationTable):
        differing = sum(
            not np.array_equal(np.squeeze(table.values), np.squeeze(found[_name(table.name)]["values"]))
            for table in look_ups(source, at).tables
        )
    else:
        differing = sum(
            not np.array_equal(np.squeeze(_plain(array)), np.squeeze(found[_name(name)]))
            for name, array in arrays_of(source).items()
        )
    return (
        Conformance(
            tool="scipy.io.loadmat",
            version=scipy.__version__,
            stimulus="every variable",
            metric="variables that differ",
            value=float(differing),
            tolerance=0.0,
        ),
    )


EXPORTER = Exporter(
    name="matlab",
    suffix=".mat",
    title="MATLAB .mat (version 5): look-up tables, networks",
    holds=(CalibrationTable, MinGruNetwork, DelayLayer),
    content=content,
    check=check,
    notes=left_out,
)
