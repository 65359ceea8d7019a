"""A run folder with one of everything, for the tests of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spicetwin.report.document import Check, Document, Figure, Section, Table
from spicetwin.report.figures import waveform_overlay
from spicetwin.report.schematics import write_schematic
from spicetwin.report.style import Axis, save


def write_run(folder: Path, text: str = "plain") -> Document:
    """Write a run into ``folder`` in which every free text contains ``text``."""
    time = np.linspace(0, 0.1, 200)
    wave = 1e-10 * np.exp(-time / 0.02)
    figure = waveform_overlay(time, wave, 1.01 * wave, Axis("Output current", "A"))
    save(figure, folder / "figures" / "wave.png")
    save(figure, folder / "figures" / "wave.svg")
    write_schematic("dpi_synapse", folder / "figures" / "synapse.svg")
    files = ("wave.png", "wave.svg", "synapse.svg")
    waves = Section(
        "waves",
        f"Waves {text}",
        text=(f"A paragraph, {text}.",),
        checks=(
            Check(f"Error {text}", f"0.4 % {text}", f"<= 1 % {text}", True, f"spicetwin compare dpi {text}"),
            Check("Spike times", "2 %", "<= 1 %", False, "spicetwin compare dpi"),
        ),
        figures=tuple(Figure(f"figures/{name}", f"alt {text}", f"caption {text}") for name in files),
    )
    tables = Section(
        "tables",
        "Tables",
        tables=(
            Table(
                f"open {text}", ("name", f"value {text}"), ((text, 1.5e-12), ("none", None), ("flag", True))
            ),
            Table(f"folded {text}", ("name",), tuple((f"row {i} {text}",) for i in range(30)), folded=True),
        ),
    )
    document = Document(
        f"Title {text}", (waves, tables), summary=f"Summary {text}", notices=(f"Notice {text}",)
    )
    document.save(folder)
    return document
