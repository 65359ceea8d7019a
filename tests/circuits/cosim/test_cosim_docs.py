"""The block of the documentation runs as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "cosim.md"


@pytest.mark.ngspice
def test_the_regulator_of_the_documentation_regulates(tmp_path: Path) -> None:
    match = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert match is not None
    done = subprocess.run(
        [sys.executable, "-c", match[1]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    volts, events = re.fullmatch(r"(\S+) V after (\d+) events\n", done.stdout).groups()  # type: ignore[union-attr]
    assert float(volts) == pytest.approx(0.5, abs=0.1)
    assert int(events) == 39
