"""Exporters by name: the project's own, and those of third parties (entry points ``spicetwin.exporters``).

An entry point names an :class:`~pysim.export.exporter.Exporter`; it cannot replace one of the project's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import metadata
from typing import cast

from pysim.export.exporter import Exporter, ExportError

GROUP = "spicetwin.exporters"

#: Importers of NIR that have a normal form of their own.
TARGETS = ("snntorch", "norse", "rockpool", "spikingjelly")

#: Module of each format; imported when it is asked for, since receiving tools are slow to load.
OWN: Mapping[str, str] = {
    "npz": "pysim.export.npz",
    "json": "pysim.export.json_file",
    "csv": "pysim.export.csv_file",
    "c": "pysim.export.c_header",
    "matlab": "pysim.export.matlab",
    "spice": "pysim.export.spice",
    "veriloga": "pysim.export.veriloga",
    "onnx": "pysim.export.onnx_file",
    "torch": "pysim.export.torch_file",
    "nir": "pysim.export.nir_file",
    **{f"nir-{target}": "pysim.export.nir_targets" for target in TARGETS},
    "brian2": "pysim.export.brian2_file",
    "nest": "pysim.export.nest_file",
    "datasheet": "pysim.export.datasheet",
}


def names() -> tuple[str, ...]:
    """Every format that there is."""
    return (*OWN, *sorted(set(_foreign()) - set(OWN)))


def find_exporter(name: str) -> Exporter:
    """Exporter of this name.

    Raises
    ------
    ExportError
        Listing the formats.
    """
    if name in OWN:
        module = importlib.import_module(OWN[name])
        target = name.removeprefix("nir-")
        return cast(Exporter, module.TARGETS[target] if target in TARGETS else module.EXPORTER)
    foreign = _foreign()
    if name not in foreign:
        near = get_close_matches(name, names(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ExportError(f"unknown format {name!r}{hint}; known: {', '.join(names())}")
    found = foreign[name].load()
    if not isinstance(found, Exporter):
        raise ExportError(f"entry point {name!r} of {GROUP} is no pysim.export.exporter.Exporter")
    return found


def _foreign() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
