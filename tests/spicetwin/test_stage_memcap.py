"""The section of the memcapacitive integrator: held-out checks and their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicetwin.pipeline import Stage, run_pipeline
from spicetwin.stages.memcap import memcap


@pytest.mark.ngspice
def test_section_of_the_integrator_holds_and_lists_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))
    chosen = (Stage("memcap", "Memristive-memcapacitive integrator", memcap),)
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen)
    assert document.passed, [check for _, check in document.checks() if not check.passed]
    (section,) = document.sections
    assert len(section.tables[0].rows) == 3
    assert (tmp_path / "run" / "data" / "compare_memcap.nc").is_file()
