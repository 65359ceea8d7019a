"""Folder of a pool for its short-lived files; what a killed program left is removed by the next one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

#: How the folders begin, in the system's folder for temporary files.
PREFIX = "spicetwin-pool-"

#: File in the folder that its owner keeps locked. The lock goes with the process, however it ends.
LOCK = "lock"


class Scratch:
    """A temporary folder, held until :meth:`remove` or the end of the process.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self) -> None:
        """Remove what killed programs left, and make a folder."""
        remove_abandoned(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._folder.name)
        unnamed = self.path / f"{LOCK}.new"
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / LOCK)  # a lock that another program sees is held, or its owner is gone

    def remove(self) -> None:
        """Delete the folder; a second call does nothing."""
        self._folder.cleanup()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def remove_abandoned(place: Path) -> None:
    """Delete the folders in ``place`` whose owners are gone; those of other users stay."""
    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError):
            file = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(file)
