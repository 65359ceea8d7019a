"""Extracted model cards, kept in the user's cache folder: a library of megabytes is read only once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path


def stored(library: Path, name: str, extract: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Statements that ``extract`` finds in ``library``, from the cache when it holds them for this very file.

    The file name carries the library's path, size and time of change; the first line the sha256 of the rest,
    so that a damaged file is extracted anew. A cache folder that cannot be written only costs time.
    """
    status = library.stat()
    key = hashlib.sha256(f"{library}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:16]
    path = user_cache_path("spicetwin") / "cards" / f"{name}-{key}.lib"
    kept = _read(path)
    if kept is not None:
        return kept
    found = extract()
    _write(path, found)
    return found


def _read(path: Path) -> tuple[str, ...] | None:
    try:
        digest, _, body = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    if digest != _digest(body):
        return None
    return tuple(body.splitlines())


def _write(path: Path, cards: tuple[str, ...]) -> None:
    body = "\n".join(cards) + "\n"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{_digest(body)}\n{body}")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _digest(body: str) -> str:
    return f"* sha256 {hashlib.sha256(body.encode()).hexdigest()}"
