"""The section of the memcapacitive cell: held-out checks, compensation, fits and the oddities of their sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuits.ngspice.pool import Pool
from spicetwin.calibrate.memcap_neuron import NeuronFit
from spicetwin.calibrate.memcap_neuron import Stage as ThresholdStage
from spicetwin.compare.memcap_neuron import Held, NeuronCase, NeuronComparison
from spicetwin.pipeline import Stage, run_pipeline
from spicetwin.stages import memcap as module


def few_spikes(pool: Pool, *, quick: bool) -> NeuronComparison:
    """A comparison as it comes out; the real one is in test_compare_memcap_neuron."""
    times = np.linspace(1e-3, 8e-3, 8)
    fitted = NeuronFit(ThresholdStage(0.0, 0.0, 0.0, 1e-5, 0.0, 0.0, 0.0, 0.0), 14e-6, 1e-11, 1e-4)
    return NeuronComparison((NeuronCase(Held(0.3, 1.45, 0.3), times, 1.0001 * times),), fitted, ())


@pytest.mark.ngspice
def test_section_holds_and_lists_points_spikes_compensation_and_oddities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "compare_neuron", few_spikes)
    chosen = (Stage("memcap", "Memristive-memcapacitive integrator", module.memcap),)
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen)
    assert document.passed, [check for _, check in document.checks() if not check.passed]
    (section,) = document.sections
    points, spikes, compensation = section.tables[:3]
    assert len(points.rows) == 3
    assert len(spikes.rows) == 1
    steps = [float(row[4]) for row in compensation.rows]  # type: ignore[arg-type]
    assert np.ptp(steps) < 1e-6 * steps[0], "a charge that follows C(x) keeps the step"
    assert np.ptp([float(row[2]) for row in compensation.rows]) > 0.2 * steps[0]  # type: ignore[arg-type]
    assert any("no material parameter is claimed" in text for text in section.text)
    assert any("fecap_pund" in text for text in section.text)
    assert (tmp_path / "run" / "data" / "compare_memcap.nc").is_file()


@pytest.mark.ngspice
def test_section_without_the_originals_says_that_its_fits_are_virtual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "compare_neuron", few_spikes)
    chosen = (Stage("memcap", "Memristive-memcapacitive integrator", module.memcap),)
    (section,) = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen).sections
    assert any("virtual stand-ins of known truth" in text for text in section.text)
