"""Characterise: interrupted runs resume to the same bytes, failures are kept, nothing is half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rc_bench import RcClosedForm, SerialPool

from circuits import characterisation
from circuits.characterisation import Characterisation, CharacterisationError, partial_path
from circuits.characterise import OutputError, characterise, journal_path
from circuits.journal import JournalError
from circuits.ngspice.errors import SimulatorCrash
from circuits.plan import Plan
from circuits.process import get_process


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {"sweeps": {"r": (10.0, 13.0, 17.0, 20.0)}, "samples": 3, **changes}
    return Plan(RcClosedForm(), get_process("generic130"), **given)


def test_any_order_and_any_interruption_give_the_same_bytes(tmp_path: Path) -> None:
    whole, parts = tmp_path / "a.nc", tmp_path / "b.nc"
    characterise(plan(), whole, SerialPool())
    for stop in (0, 1, 5):
        with pytest.raises(KeyboardInterrupt):
            characterise(plan(), parts, SerialPool(reverse=stop == 1, stop_after=stop))
        with journal_path(parts).open("ab") as journal:
            journal.write(b"[3, [1.0")
    pool = SerialPool(reverse=True)
    characterise(plan(), parts, pool)
    assert len(pool.ran) == 6
    assert parts.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "b.nc"]


def test_failures_are_kept_with_their_reasons(tmp_path: Path) -> None:
    result = characterise(plan(), tmp_path / "a.nc", SerialPool())
    reasons = {(f.coordinates["r"], f.reason) for f in result.failures}
    assert reasons == {(13.0, "measure failed: no decay"), (17.0, "measure failed: tau = nan")}
    assert len(result.failures) == 6
    assert result.observable("tau").attrs["units"] == "s"
    assert result.observable("tau").sel(r=20.0).values.ravel().tolist() == [20.0 * 1e-9 * 300.15 / 300.0] * 3


def test_a_killed_worker_costs_nothing(tmp_path: Path) -> None:
    whole, hit = tmp_path / "a.nc", tmp_path / "b.nc"
    characterise(plan(), whole, SerialPool())
    pool = SerialPool()
    pool.errors = {0: [SimulatorCrash("signal 9")]}
    characterise(plan(), hit, pool)
    assert hit.read_bytes() == whole.read_bytes()


def test_another_plan_does_not_resume(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        characterise(plan(), tmp_path / "a.nc", SerialPool(stop_after=2))
    with pytest.raises(JournalError, match="another plan"):
        characterise(plan(seed=1), tmp_path / "a.nc", SerialPool())
    characterise(plan(seed=1), tmp_path / "a.nc", SerialPool(), resume=False)


def test_changed_code_does_not_resume_and_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.nc"
    with pytest.raises(KeyboardInterrupt):
        characterise(plan(), out, SerialPool(stop_after=2))
    with monkeypatch.context() as patch:
        patch.setattr("circuits.characterise.code_digest", lambda *_: "f" * 64)
        pool = SerialPool()
        with pytest.raises(JournalError, match=r"another code .*, now ffff.*delete the journal") as error:
            characterise(plan(), out, pool)
    assert "\n" not in str(error.value)
    assert pool.ran == []
    pool = SerialPool()
    characterise(plan(), out, pool)
    assert len(pool.ran) == len(plan()) - 2


def test_what_a_run_killed_while_writing_left_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "a.nc"
    partial_path(out).write_bytes(b"half a file")
    with pytest.raises(KeyboardInterrupt):
        characterise(plan(), out, SerialPool(stop_after=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == [journal_path(out).name]


def test_a_full_disk_at_the_end_leaves_the_old_file_and_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.nc"
    out.write_bytes(b"old")

    def full(*_: object) -> None:
        raise RuntimeError("NetCDF: HDF error")

    with monkeypatch.context() as patch:
        patch.setattr(characterisation, "_write", full)
        with pytest.raises(OSError, match="disk full"):
            characterise(plan(), out, SerialPool())
    assert out.read_bytes() == b"old"
    assert not partial_path(out).exists()
    pool = SerialPool()
    characterise(plan(), out, pool)
    assert pool.ran == []


def test_a_missing_folder_is_refused_before_simulating(tmp_path: Path) -> None:
    pool = SerialPool()
    with pytest.raises(OutputError, match="does not exist"):
        characterise(plan(), tmp_path / "none" / "a.nc", pool)
    assert pool.ran == []


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(b"not netcdf")
    with pytest.raises(CharacterisationError, match="not a readable netCDF"):
        Characterisation.open(path)
