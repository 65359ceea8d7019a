"""Characterisation through the command under faults: SIGKILL of the program or of a worker, a full disk."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuits.characterise import characterise
from circuits.families.fet import FetIdVg
from circuits.journal import Journal
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import get_process

LIMIT = 120.0


def command(out: Path) -> list[str]:
    """Some hundreds of points, so that there is time to interrupt."""
    sweep = ["--sweep", "w=1u:20u:lin:60", "--corners", "all", "--no-cache"]
    return [sys.executable, "-m", "spicetwin", "characterise", "fet_id_vg", *sweep, "-o", str(out)]


def plan(points: int) -> Plan:
    return Plan(FetIdVg(), get_process("generic130"), sweeps={"w": [1e-6 * (1 + k) for k in range(points)]})


def started(out: Path) -> subprocess.Popen[str]:
    """The command, running, with some points in its journal."""
    running = subprocess.Popen(
        command(out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal, deadline = out.with_name(f".{out.name}.journal"), time.monotonic() + LIMIT
    while not (journal.is_file() and journal.read_bytes().count(b"\n") > 20):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return running


@pytest.mark.ngspice
def test_killed_program_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    cut, whole = tmp_path / "cut.nc", tmp_path / "whole.nc"
    running = started(cut)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=LIMIT)
    assert running.returncode == -signal.SIGKILL
    assert not cut.exists()
    for target in (cut, whole):
        done = subprocess.run(command(target), capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stderr
    assert cut.read_bytes() == whole.read_bytes()


@pytest.mark.ngspice
def test_one_and_two_workers_give_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for jobs in (1, 2):
        out = tmp_path / f"jobs{jobs}.nc"
        with Pool(jobs) as pool:
            characterise(plan(12), out, pool)
        written.append(out.read_bytes())
    assert written[0] == written[1]


@pytest.mark.ngspice
def test_killed_worker_costs_no_point(tmp_path: Path) -> None:
    class Killer:
        """Kills one worker after the fifth point."""

        def __init__(self, pool: Pool) -> None:
            self.pool, self.done = pool, False

        def update(self, done: int, failed: int, cached: int, total: int, eta: float | None) -> None:
            if done >= 5 and not self.done:
                self.done = True
                os.kill(self.pool.pids()[0], signal.SIGKILL)

    with Pool(2) as pool:
        killer = Killer(pool)
        result = characterise(plan(40), tmp_path / "killed.nc", pool, progress=killer)
        reference = characterise(plan(40), tmp_path / "whole.nc", pool)
    assert killer.done
    assert result.observable("kappa").values.tolist() == reference.observable("kappa").values.tolist()


@pytest.mark.ngspice
def test_full_disk_under_the_journal_is_one_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "full.nc"
    add, count = Journal.add, [0]

    def failing(self: Journal, record: object) -> None:
        count[0] += 1
        if count[0] == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, record)  # type: ignore[arg-type]

    with Pool(1) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "add", failing)
            with pytest.raises(OSError, match="No space left"):
                characterise(plan(10), out, pool)
        assert not out.exists()
        resumed = characterise(plan(10), out, pool)
        fresh = characterise(plan(10), tmp_path / "fresh.nc", pool)
    assert out.read_bytes() == (tmp_path / "fresh.nc").read_bytes()
    assert resumed.observable("kappa").values.tolist() == fresh.observable("kappa").values.tolist()
