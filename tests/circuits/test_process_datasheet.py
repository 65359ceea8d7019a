"""The tables of docs/processes.md are what the simulator gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from circuits.ngspice.pool import Pool
from circuits.processes.datasheet import BEGIN, END, datasheet, main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "processes.md"
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")


def rows(tables: str, process: str) -> dict[tuple[str, int], list[float]]:
    """Numbers of every table row of ``process``, by first cell and number of cells."""
    found: dict[tuple[str, int], list[float]] = {}
    for line in tables.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith(process):
            found[cells[0], len(cells)] = [float(x) for cell in cells[1:] for x in NUMBER.findall(cell)]
    return found


def test_published_figures_of_generic130_are_the_simulated_ones(pool: Pool) -> None:
    published = rows(PAGE.read_text().partition(BEGIN)[2].partition(END)[0], "generic130")
    simulated = rows(datasheet(pool, ["generic130"]), "generic130")
    assert len(published) == 8
    assert published.keys() == simulated.keys()
    for key, numbers in simulated.items():
        assert published[key] == pytest.approx(numbers, rel=0.01, abs=0.006), key


def test_every_table_has_one_heading_per_column() -> None:
    tables = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    for table in tables.split("\n\n"):
        if table.lstrip().startswith("|"):
            assert len({line.count("|") for line in table.strip().splitlines()}) == 1


def test_file_without_markers_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("no tables here")
    assert main(page) == 2
    assert page.read_text() == "no tables here"
    assert "no lines <!-- measured: begin -->" in capsys.readouterr().err
