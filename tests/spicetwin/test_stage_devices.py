"""The section of capacitors and switches: checks in the unit of their limits, figures, results beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spicetwin.pipeline import Stage, run_pipeline
from spicetwin.stages.fits import devices


@pytest.mark.ngspice
def test_device_section_runs_on_virtual_devices_and_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path / "no-data"))
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))
    stage = Stage("devices", "Capacitors and switches", devices)
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=(stage,))
    assert document.passed, [check for _, check in document.checks() if not check.passed]
    claims = {check.claim: check for _, check in document.checks()}
    residual = claims["mim_sky130: rms residual of C(V)"]
    assert residual.limit == "≤ 200 ppm"
    assert residual.value.startswith("+1")
    assert "ppm" in residual.value
    (section,) = document.sections
    assert len(section.figures) == 3
    for figure in ("mim-sky130-c", "switch-leakage-ihp-i-off", "mos-cv-ihp-c-gc"):
        picture = tmp_path / "run" / "figures" / f"fit-{figure}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    kept = json.loads((tmp_path / "run" / "fits" / "mim_sky130.json").read_text())
    assert kept["verdict"] == "GOOD"
    assert "virtual" in section.text[0]
