"""The doctor finds what is broken and says how to mend it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from circuits.ngspice.errors import SimulatorMissing
from spicetwin import doctor
from spicetwin.cli import main


@pytest.mark.ngspice
def test_operating_point_goes_through_a_worker() -> None:
    assert doctor.operating_point() == pytest.approx(0.5, abs=1e-9)


@pytest.mark.ngspice
def test_this_installation_is_sound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {"python", "spicetwin", "numpy", "libngspice"} <= {f["name"] for f in report["findings"]}


def test_a_package_that_carries_one_of_our_names_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"circuits": ["spicetwin", "circuits-framework"], "pysim": ["spicetwin"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: owners)
    findings = [finding for finding in doctor.shadows() if finding.failed]
    assert [finding.name for finding in findings] == ["import circuits"]
    assert "circuits-framework" in findings[0].detail


def test_a_folder_that_hides_ours_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})()
    monkeypatch.setattr(doctor.util, "find_spec", lambda _name: spec)
    assert {finding.name for finding in doctor.shadows()} == {f"import {name}" for name in doctor.OUR_NAMES}


def test_a_missing_simulator_is_exit_code_one_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> float:
        raise SimulatorMissing("cannot load libngspice.so")

    monkeypatch.setattr(doctor, "find_library", lambda _name: None)
    monkeypatch.setattr(doctor, "operating_point", missing)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "apt-get install libngspice0" in shown
    assert "cannot load libngspice.so" in shown


@pytest.mark.parametrize(
    ("value", "state"), [(None, "absent"), ("", "absent"), ("does-not-exist", "missing")]
)
def test_data_mirror_is_a_folder_or_unset(
    value: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    else:
        monkeypatch.setenv("SPICETWIN_MIRROR", value)
    assert doctor.mirror().state == state
