"""Content-addressed store of waveforms on disk: the same deck on the same simulator is run once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import platformdirs

from circuits.deck import Deck, SimulationResult, Waveforms

#: Raise it when the stored content or the meaning of a deck changes: old entries are then never met again.
SCHEMA = 1

#: Environment variable that names the cache folder.
CACHE_VARIABLE = "SPICETWIN_CACHE"


def default_cache_dir() -> Path:
    """Folder of the cache: ``$SPICETWIN_CACHE``, else the user's cache folder of this platform."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("spicetwin")) / "simulations"


class ResultCache:
    """Waveforms by (deck digest, simulator, schema); an entry is one NPZ file, written whole or not at all.

    Parameters
    ----------
    folder : Path
        Where the entries are; made on the first write.
    simulator : str
        Identity of the simulator, :func:`circuits.ngspice.library.library_digest`.
    """

    def __init__(self, folder: Path, simulator: str) -> None:
        self.folder = folder
        self._simulator = simulator
        self._writes = True

    def path(self, deck: Deck) -> Path:
        """File of the entry of ``deck``."""
        key = hashlib.sha256(json.dumps([SCHEMA, self._simulator, deck.digest()]).encode()).hexdigest()
        return self.folder / key[:2] / f"{key[2:]}.npz"

    def load(self, deck: Deck) -> SimulationResult | None:
        """Stored result of ``deck``; None when there is none, or when the file is damaged (it is then rewritten)."""
        path = self.path(deck)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                header = json.loads(str(arrays["header"]))
                waves = tuple(
                    Waveforms(analysis, {name: arrays[f"{i}/{name}"] for name in names})
                    for i, (analysis, names) in enumerate(header["analyses"])
                )
                return SimulationResult(waves, header["log"], float(header["solve_seconds"]), cached=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def store(self, deck: Deck, result: SimulationResult) -> None:
        """Write the entry of ``deck``; a full or read-only disk gives one warning and the run goes on without."""
        if not self._writes:
            return
        arrays = {
            f"{i}/{name}": vector
            for i, waves in enumerate(result.analyses)
            for name, vector in waves.vectors.items()
        }
        header = {
            "analyses": [[waves.analysis, list(waves.vectors)] for waves in result.analyses],
            "log": result.log,
            "solve_seconds": result.solve_seconds,
        }
        try:
            write_npz(self.path(deck), {"header": np.array(json.dumps(header)), **arrays})
        except OSError as error:
            self._writes = False
            warnings.warn(f"the simulation cache {self.folder} is not written: {error}", stacklevel=2)


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write ``arrays`` to ``path`` through a temporary file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
