"""The section of delay cells: held-out checks of the default cell, figures, data beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicetwin.pipeline import Stage, run_pipeline
from spicetwin.stages.denram import denram


@pytest.mark.ngspice
def test_section_of_the_default_cell_holds_and_shows_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))
    chosen = (Stage("denram", "Dendritic delay cells", denram),)
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen)
    assert document.passed, [check for _, check in document.checks() if not check.passed]
    (section,) = document.sections
    assert "denram_generic130@" in section.text[0]
    assert section.tables[0].rows[0][0] == "decay_comparator"
    for name in ("denram-delays", "denram-coincidence-0"):
        assert (tmp_path / "run" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "data" / "compare_denram.nc").is_file()
