"""Shared fixtures: the measured-data mirror and a pool of real ngspice workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from circuits.ngspice.pool import Pool

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--ngspice required`` turns a missing simulator from a skip into a failure; ``--slow`` runs validation."""
    parser.addoption("--ngspice", choices=("required", "if-available"), default="if-available")
    parser.addoption("--slow", action="store_true", help="run the validation tests marked slow")
    parser.addoption(
        "--regenerate-golden", action="store_true", help="rewrite tests/golden from the circuits"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip slow tests unless asked for; skip or fail ngspice tests where the library is missing."""
    missing = find_library("ngspice") is None
    if missing and config.getoption("--ngspice") == "required":
        raise pytest.UsageError("libngspice is not installed, and --ngspice required was given")
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow validation: run with --slow (make validate)"))
        uses_ngspice = item.get_closest_marker("ngspice") or "pool" in getattr(item, "fixturenames", ())
        if uses_ngspice and missing:
            item.add_marker(pytest.mark.skip(reason="libngspice is not installed"))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder with the original measurement files; the test is skipped where there is none."""
    path = Path(os.environ.get("SPICETWIN_MIRROR", ROOT.parent / "shared" / "raw"))
    if not path.is_dir():
        pytest.skip("no measured-data mirror (SPICETWIN_MIRROR or ../shared/raw)")
    return path


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Two ngspice workers without a cache."""
    from circuits.ngspice.pool import Pool

    with Pool(2, timeout=120.0) as workers:
        yield workers
