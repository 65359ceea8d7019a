"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray


def write_bytes(path: Path, content: bytes) -> None:
    """Write to a temporary file beside ``path``, then rename; a full disk leaves the old file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; give the result the permissions any new file would get.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """:func:`write_bytes` of UTF-8 text with Unix line ends."""
    write_bytes(path, text.encode("utf-8"))


def write_netcdf(data: xarray.Dataset, path: Path) -> None:
    """Write through a temporary file beside ``path``; a failure leaves the old file as it was."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        data.to_netcdf(temporary, engine="netcdf4")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's file-creation mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
