"""Files that exports read back: our NPZ, JSON and NIR, tables and networks; everything else is refused by name."""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, load
from pysim.export.arrays import check_format, network_of
from pysim.export.exporter import ExportError, Source

#: Most bytes that an archive may unpack to.
LARGEST = 2 * 1024**3
PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".dill")
ACCEPTED = "accepted: .npz, .json and .nir files of spicetwin"
#: Format of a table with its look-up tables; see :mod:`pysim.export.npz`.
_LOOK_UPS = "look-up-tables/1"


def read_source(path: Path | str) -> Source:
    """Table or network of a file.

    Raises
    ------
    ExportError
        For a pickle, an archive that is none or would unpack to too much, unknown or newer content.
    TableError
        For a calibration table that is wrong in itself.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PICKLED:
        raise ExportError(f"{path}: pickled files can run code when read; {ACCEPTED}")
    if suffix == ".nir":
        # Its reader needs a package of the extra [export].
        from pysim.export.nir_file import read_layer

        return read_layer(path)
    if suffix not in (".npz", ".json"):
        raise ExportError(f"{path}: files of type {suffix or 'none'} are not read; {ACCEPTED}")
    try:
        if suffix == ".npz":
            with path.open("rb") as file:
                return read_npz(file, str(path))
        return _read_json(path)
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_npz(file: IO[bytes], where: str) -> Source:
    """Table or network of an open NPZ file; ``where`` names it in messages."""
    arrays = _arrays(file, where)
    if str(arrays.get("format", "")) != _LOOK_UPS:
        return network_of(arrays, where)
    try:
        document = json.loads(str(arrays["header"]))["table"]
    except (KeyError, ValueError) as error:
        raise ExportError(f"{where}: header without a table: {error}") from error
    return _table(document)


def _arrays(file: IO[bytes], where: str) -> dict[str, NDArray[Any]]:
    """Arrays of an NPZ file that cannot run code or fill the memory."""
    if file.read(1) == b"\x80":
        raise ExportError(f"{where}: a pickle, which can run code when read; {ACCEPTED}")
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = [member.file_size for member in archive.infolist()]
            strange = [
                m for m in archive.namelist() if not m.endswith(".npy") or m.startswith("/") or ".." in m
            ]
        if strange:
            raise ExportError(f"{where}: member {strange[0]!r} is no array; {ACCEPTED}")
        if sum(sizes) > LARGEST:
            raise ExportError(f"{where}: unpacks to {sum(sizes)} bytes; accepted: at most {LARGEST}")
        file.seek(0)
        with np.load(file, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except MemoryError as error:
        raise ExportError(f"{where}: an array claims more than the memory holds; {ACCEPTED}") from error
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        if isinstance(error, ExportError):
            raise
        reason = "objects instead of numbers (pickled)" if "allow_pickle" in str(error) else str(error)
        raise ExportError(f"{where}: {reason}; {ACCEPTED}") from error


def _read_json(path: Path) -> Source:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or not {"format", "schema_version"} & set(document):
        raise ExportError(f"{path}: neither a calibration table nor a network; {ACCEPTED}")
    if "schema_version" in document:
        return load(path)
    check_format(str(document["format"]), str(path))
    return network_of(arrays_from(document, str(path)), str(path))


def arrays_from(document: dict[str, Any], where: str) -> dict[str, NDArray[Any]]:
    """Named arrays of a JSON document of :mod:`pysim.export.json_file`."""
    arrays: dict[str, NDArray[Any]] = {"format": np.array(document["format"])}
    listed = document.get("arrays")
    if not isinstance(listed, dict):
        raise ExportError(f"{where}: 'arrays' is missing")
    for name, one in listed.items():
        try:
            kind = np.dtype(one["type"])
            if kind.kind not in "biufU":
                raise ExportError(
                    f"{where}: array {name!r} of type {one['type']!r}; accepted: numbers and text"
                )
            array = np.array(one["values"], dtype=kind)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, ExportError):
                raise
            raise ExportError(f"{where}: array {name!r} cannot be read: {error}") from error
        if array.dtype.kind == "f" and not all(map(math.isfinite, array.ravel().tolist())):
            raise ExportError(f"{where}: array {name!r} holds a number that is not finite")
        arrays[name] = array
    return arrays


def _table(document: dict[str, Any]) -> CalibrationTable:
    """Calibration table of a document, through the checks of its own file format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return load(path)
