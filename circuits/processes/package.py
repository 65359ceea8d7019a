"""Files of an installed process design kit, found through its package's metadata without importing it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from circuits.process import ProcessError


def kit_file(process: str, distribution: str, path: str) -> Path:
    """File ``path`` of the installed ``distribution``.

    The packages import a layout tool chain that nothing here needs, so their code is never run.

    Raises
    ------
    ProcessError
        When the package is not installed or lacks the file; the message names the pip extra.
    """
    remedy = f"install it with: pip install 'spicetwin[{process}]'"
    try:
        found = Path(str(importlib.metadata.distribution(distribution).locate_file(path)))
    except importlib.metadata.PackageNotFoundError:
        raise ProcessError(f"process {process} needs the package {distribution}; {remedy}") from None
    if not found.is_file():
        raise ProcessError(f"the installed {distribution} has no {path}; {remedy}")
    return found
