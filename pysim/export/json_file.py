"""JSON: a calibration table as its own file, a network as named arrays."""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.arrays import arrays_of
from pysim.export.equal import same
from pysim.export.exporter import At, Conformance, Exporter, Source
from pysim.export.source import read_source
from pysim.mingru.network import MinGruNetwork


def content(source: Source, at: At) -> bytes:
    """JSON file; floats as their shortest decimals that read back to the same number."""
    del at  # A table's document holds its laws, not one operating point.
    if isinstance(source, CalibrationTable):
        return (json.dumps(source.document(), indent=1, allow_nan=False) + "\n").encode("ascii")
    arrays = arrays_of(source)
    form = str(arrays.pop("format"))
    document = {"format": form, "arrays": {name: _one(array) for name, array in arrays.items()}}
    return (json.dumps(document, allow_nan=False) + "\n").encode("ascii")


def _one(array: NDArray[Any]) -> dict[str, Any]:
    return {"type": array.dtype.str, "shape": list(array.shape), "values": array.tolist()}


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Read back: equal objects."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported.json"
        path.write_bytes(data)
        return same(source, read_source(path), "Python json", platform.python_version())


EXPORTER = Exporter(
    name="json",
    suffix=".json",
    title="JSON: a table's own document, or a network's arrays",
    holds=(CalibrationTable, MinGruNetwork, DelayLayer),
    content=content,
    check=check,
)
