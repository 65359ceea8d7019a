"""Ctrl-C during a characterisation: one line, nothing half-written, and the next run carries on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT = 120.0


def command(out: Path) -> list[str]:
    """Some hundreds of points, so that there is time to interrupt."""
    sweep = ["--sweep", "w=1u:20u:lin:60", "--corners", "all", "--no-cache"]
    return [sys.executable, "-m", "spicetwin", "characterise", "fet_id_vg", *sweep, "-o", str(out)]


@pytest.mark.ngspice
def test_interrupted_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    cut, whole = tmp_path / "cut.nc", tmp_path / "whole.nc"
    running = subprocess.Popen(
        command(cut), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal, deadline = tmp_path / ".cut.nc.journal", time.monotonic() + LIMIT
    while not (journal.is_file() and journal.read_bytes().count(b"\n") > 20):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the program and its workers
    out, err = running.communicate(timeout=LIMIT)
    assert running.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "spicetwin: interrupted; finished points are kept"
    assert "Traceback" not in err
    assert not cut.exists()

    for target in (cut, whole):
        done = subprocess.run(command(target), capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stderr
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.nc", "whole.nc"]
