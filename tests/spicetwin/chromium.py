"""Headless Chromium for the tests of the report."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
    "--enable-logging=stderr",
)


def browser() -> str | None:
    """Chromium's program, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Visit:
    """What came of loading a page: its document after loading, and what the console said."""

    dom: str
    console: list[str]


def visit(page: Path, profile: Path, *arguments: str) -> Visit:
    """Load ``page`` in a fresh profile and return document and console messages."""
    program = browser()
    assert program is not None
    command = [program, *FLAGS, f"--user-data-dir={profile}", *arguments, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return Visit(done.stdout, re.findall(r"CONSOLE.*", done.stderr))


def screenshot(page: Path, profile: Path, width: int, height: int, target: Path) -> Path:
    """Picture of ``page`` in a window of the given size."""
    program = browser()
    assert program is not None
    shape = [f"--window-size={width},{height}", f"--screenshot={target}"]
    command = [program, *FLAGS, f"--user-data-dir={profile}", *shape, page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    return target
