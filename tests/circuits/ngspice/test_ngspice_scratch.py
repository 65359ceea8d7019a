"""What a killed program left in the folder for temporary files is removed; what lives is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from circuits.ngspice.scratch import LOCK, PREFIX, Scratch, remove_abandoned

HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from circuits.ngspice.scratch import Scratch
scratch = Scratch()
(scratch.path / "deck.cir").write_text("left behind")
print(scratch.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def holder(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another program with a scratch folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_next_scratch_removes_what_a_killed_program_left(place: Path) -> None:
    process, left = holder(place)
    assert (left / "deck.cir").is_file()
    end(process)
    assert left.is_dir()  # SIGKILL: nothing cleaned up after itself

    scratch = Scratch()

    assert not left.exists()
    scratch.remove()
    assert list(place.iterdir()) == []


def test_the_folder_of_a_living_program_stays(place: Path) -> None:
    process, used = holder(place)
    try:
        Scratch().remove()
        remove_abandoned(place)
        assert (used / "deck.cir").read_text() == "left behind"
    finally:
        end(process)


def test_own_folder_and_a_folder_without_a_lock_stay(place: Path) -> None:
    scratch = Scratch()
    unlocked = place / f"{PREFIX}being-made"
    unlocked.mkdir()
    foreign = place / "other-program" / LOCK
    foreign.parent.mkdir()
    foreign.touch()

    remove_abandoned(place)

    assert scratch.path.is_dir()
    assert unlocked.is_dir()
    assert foreign.is_file()
    scratch.remove()


def test_a_second_removal_does_nothing(place: Path) -> None:
    scratch = Scratch()
    scratch.remove()
    scratch.remove()
    assert list(place.iterdir()) == []
