"""What a training that diverged leaves behind: the last good weights on disk, and one line that names them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicetwin.boundary import InputError
from spicetwin.train.learning import DivergenceError
from spicetwin.writing import write_bytes

#: In front of the names of weights in an archive.
PREFIX = "weights."


def keep_last_good(error: DivergenceError, path: Path, what: str) -> InputError:
    """Write the weights of ``error`` to the NPZ file ``path``; returns what to raise about the training ``what``."""
    write_bytes(path, packed({PREFIX + name: w for name, w in error.weights.items()}))
    return InputError(f"{what}: {error}; the last good weights are in {path}")


def packed(arrays: dict[str, NDArray[Any]]) -> bytes:
    """NPZ content without pickles."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
