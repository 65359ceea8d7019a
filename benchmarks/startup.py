"""Start-up: ``spicetwin --help`` against the bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

REPEATS = 9


def run() -> Iterator[dict[str, Any]]:
    """Median wall time of the help, and its ratio to an interpreter that does nothing."""
    bare, command = [], []
    for _ in range(REPEATS):
        bare.append(_seconds([sys.executable, "-c", "pass"]))
        command.append(_seconds([sys.executable, "-m", "spicetwin", "--help"]))
    median = statistics.median(command)
    yield {
        "quantity": "spicetwin --help",
        "value": median,
        "unit": "s",
        "target": "<= 0.4 s",
        "met": median <= 0.4,
    }
    ratio = median / statistics.median(bare)
    yield {"quantity": "spicetwin --help / python -c pass", "value": ratio, "unit": ""}


def _seconds(command: list[str]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
