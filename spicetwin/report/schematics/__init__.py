"""Schematics of the circuits, drawn as SVG; each names exactly the transistors of its netlist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from spicetwin.report.document import ReportError
from spicetwin.report.schematics.dpi_neuron import draw_dpi_neuron
from spicetwin.report.schematics.dpi_synapse import draw_dpi_synapse
from spicetwin.report.schematics.drawing import Drawing

#: Circuit name -> function that draws it.
SCHEMATICS: Mapping[str, Callable[[], Drawing]] = {
    "dpi_synapse": draw_dpi_synapse,
    "dpi_neuron": draw_dpi_neuron,
}


def write_schematic(circuit: str, path: Path) -> Path:
    """Write the SVG schematic of ``circuit``; :class:`ReportError` where none is drawn."""
    from spicetwin.writing import write_text

    if circuit not in SCHEMATICS:
        raise ReportError(f"no schematic of {circuit!r}; there are: {', '.join(SCHEMATICS)}")
    write_text(path, SCHEMATICS[circuit]().svg())
    return path
