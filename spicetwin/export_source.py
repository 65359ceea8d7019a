"""What a user names as the source of an export: a table, a shipped network, a file of either, a population."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from calibration.table import TableError, list_tables, load, resolve
from pysim.delays.draw import assumed_table as assumed_delays
from pysim.export.exporter import Source
from pysim.export.source import read_source
from pysim.mingru.draw import assumed_table as assumed_mingru
from pysim.mingru.network import MinGruNetwork
from pysim.mingru.specification import describes_mingru
from pysim.specification import Specification, build
from spicetwin.boundary import InputError

#: Tables of hand estimates, in place of fitted ones.
ASSUMED = {"denram_assumed": assumed_delays, "mingru_assumed": assumed_mingru}


def find_source(name: str) -> Source:
    """Table or network of this name (``name``, ``name@version``) or file.

    Raises
    ------
    InputError
        Listing what there is.
    """
    path = Path(name)
    if path.suffix == ".toml":
        if describes_mingru(path):
            raise InputError(
                f"{path}: describes a run of a minGRU network; export that network itself (a .npz file)"
            )
        return build(Specification.read(path))
    if "@" not in name and (path.suffix or path.exists()):
        return read_source(path)
    networks = shipped()
    if name in networks:
        return MinGruNetwork.load(networks[name])
    if name in ASSUMED:
        return ASSUMED[name]()
    try:
        return load(resolve(name))
    except TableError:
        tables = [f"{p.parent.name}@{p.stem}" for p in list_tables()]
        if name in tables:
            raise
        known = ", ".join([*tables, *ASSUMED, *networks])
        raise InputError(
            f"{name!r} is no calibration table and no network; known: {known}; or a .npz, .json, .nir or .toml file"
        ) from None


def shipped() -> dict[str, Path]:
    """Networks that come with the package."""
    folder = Path(str(files("spicetwin"))) / "networks"
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}
