"""Content-addressed store of waveforms on disk: the same deck on the same simulator is run once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from circuits.deck import Deck, SimulationResult, Waveforms
from circuits.ngspice.included import definitions
from circuits.ngspice.statements import joined

#: Raise it when the stored content, or what a deck means to the simulator, changes: old entries are left.
SCHEMA = 2

#: Environment variable that names the cache folder.
CACHE_VARIABLE = "SPICETWIN_CACHE"

#: Bytes a cache keeps when it is pruned without a limit of its own.
DEFAULT_LIMIT = 2_000_000_000


def default_cache_dir() -> Path:
    """Folder of the cache: ``$SPICETWIN_CACHE``, else the user's cache folder of this platform."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("spicetwin")) / "simulations"


class ResultCache:
    """Waveforms by (deck, simulator, schema); an entry is one NPZ file, written whole or not at all.

    Files that a deck includes are part of its key by the content they have when it is looked up.

    Parameters
    ----------
    folder : Path
        Where the entries are; made on the first write.
    simulator : str
        Identity of the simulator, :func:`circuits.ngspice.library.library_digest`.

    Attributes
    ----------
    problem : str or None
        Why entries are no longer written (disk full, folder not writable). The run goes on without them.
    """

    def __init__(self, folder: Path, simulator: str) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self.problem: str | None = None
        self._simulator = simulator
        self._included: dict[tuple[str, int, int], str] = {}

    def path(self, deck: Deck) -> Path:
        """File of the entry of ``deck``."""
        content = [SCHEMA, self._simulator, deck.digest(), *self._included_digests(deck)]
        key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return self.folder / key[:2] / f"{key[2:]}.npz"

    def load(self, deck: Deck) -> SimulationResult | None:
        """Stored result of ``deck``; None when there is none or a damaged one (to be replaced)."""
        path = self.path(deck)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                result = _unpack(arrays)
            os.utime(path)  # the entries used longest ago are pruned first
        except Exception:  # a damaged file fails anywhere in zipfile, numpy or json; each time it is a miss
            return None
        return result

    def store(self, deck: Deck, result: SimulationResult) -> None:
        """Write the entry of ``deck``; on a full or read-only disk note the problem and go on."""
        if self.problem is not None:
            return
        try:
            _write_npz(self.path(deck), _pack(result))
        except OSError as error:
            self.problem = f"the simulation cache {self.folder} is not written: {error.strerror or error}"

    def prune(self, limit: int = DEFAULT_LIMIT) -> int:
        """Delete the entries used longest ago until ``limit`` bytes are left; returns the bytes deleted."""
        entries = sorted(self._entries(), reverse=True)
        kept = deleted = 0
        for _, size, path in entries:
            if kept + size <= limit:
                kept += size
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                deleted += size
        return deleted

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use (ns), size and path of every file of the cache, abandoned part files included."""
        for path in self.folder.glob("??/*.npz") if self.folder.is_dir() else ():
            with contextlib.suppress(OSError):  # another process may prune too
                status = path.stat()
                yield status.st_mtime_ns, status.st_size, path

    def _included_digests(self, deck: Deck) -> list[str]:
        """sha256 of every file that the deck includes, nested ones too; the typed error of one that is not there."""
        if not any(line.lstrip()[:4].lower() in (".inc", ".lib") for line in deck.lines):
            return []
        digests = []
        for path in definitions(joined(deck.lines)).files:
            status = path.stat()
            stamp = (str(path), status.st_size, status.st_mtime_ns)
            if stamp not in self._included:
                self._included[stamp] = hashlib.sha256(path.read_bytes()).hexdigest()
            digests.append(self._included[stamp])
        return digests


def _pack(result: SimulationResult) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an entry: the vectors of an analysis of equal type and length stacked, and a JSON header."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    analyses = []
    for i, waves in enumerate(result.analyses):
        groups: dict[tuple[str, int], list[str]] = {}
        for name, vector in waves.vectors.items():
            groups.setdefault((vector.dtype.str, len(vector)), []).append(name)
        keys = []
        for j, names in enumerate(groups.values()):
            arrays[f"{i}_{j}"] = np.stack([waves.vectors[name] for name in names])
            keys.append([f"{i}_{j}", names])
        analyses.append([waves.analysis, list(waves.vectors), keys])
    header = {"analyses": analyses, "log": result.log, "solve_seconds": result.solve_seconds}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    return arrays


def _unpack(arrays: Mapping[str, npt.NDArray[Any]]) -> SimulationResult:
    """Result that :func:`_pack` packed."""
    header = json.loads(arrays["header"].tobytes())
    analyses = []
    for analysis, order, groups in header["analyses"]:
        vectors: dict[str, npt.NDArray[Any]] = {}
        for key, names in groups:
            vectors.update(zip(names, arrays[key], strict=True))
        analyses.append(Waveforms(analysis, {name: vectors[name] for name in order}))
    return SimulationResult(tuple(analyses), header["log"], float(header["solve_seconds"]), cached=True)


def _write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path`` through a temporary file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
