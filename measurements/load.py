"""Measured curves of a registered source: the originals where present, else the project's virtual chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

from calibration.measured import Campaign, Kind, Origin
from calibration.readers import read
from measurements.registry import DataError, MissingDataError, get_source, locate


def load(name: str, mirror: Path | None = None, *, virtual: bool | None = None) -> Campaign:
    """Read a registered source.

    Parameters
    ----------
    name
        Registered source that has a reader.
    mirror
        Folder with the originals, as in :func:`measurements.registry.locate`.
    virtual
        True: the virtual stand-in; False: the originals or an error; None: the originals, and the stand-in
        where they are absent. The kind of each curve's source tells which it was (``"virtual"``).

    Raises
    ------
    DataError
        For an unknown source, one without a reader or stand-in, absent originals or a wrong hash.
    ReadError
        For a file that cannot be read.
    """
    source = get_source(name)
    if not source.reader:
        raise DataError(f"data source {name} has no reader; its files: 'spicetwin data show {name}'")
    if virtual:
        return read_virtual(name)
    try:
        paths = locate(name, mirror)
    except MissingDataError:
        if virtual is False or not source.virtual:
            raise
        return read_virtual(name)
    origin = Origin(cast(Kind, source.kind), source.licence, source.reference)
    located = zip(paths, source.files, strict=True)
    places = {str(path): source.location(file).as_posix() for path, file in located}
    return _named_by(places, read(paths, source.reader, origin=origin))


def read_virtual(name: str) -> Campaign:
    """Virtual stand-in of a source: same columns and conditions, known truth (``truth.toml`` beside it)."""
    source = get_source(name)
    if not source.virtual:
        raise DataError(f"data source {name} has no virtual stand-in")
    with as_file(files("measurements") / "virtual" / source.virtual) as folder:
        places = {
            str(path.resolve()): f"measurements/virtual/{source.virtual}/{path.name}"
            for path in folder.iterdir()
        }
        return _named_by(places, read(folder / "campaign.toml", "campaign"))


def _named_by(places: Mapping[str, str], campaign: Campaign) -> Campaign:
    """Curves whose files are named by their place in the registry, which is the same on every machine."""
    return tuple(
        replace(curve, source=replace(curve.source, path=places[curve.source.path])) for curve in campaign
    )
