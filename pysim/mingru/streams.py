"""Random streams of the temporal noise: one per sample and layer, so that no split of a batch changes a number."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.seeds import seed_of

FloatArray = NDArray[np.float64]

#: Independent numbers per column and step: state, gate, comparator.
KINDS = 3


def digest(*parts: Any) -> str:
    """Short digest of JSON values: equal digests, equal values."""
    return hashlib.sha256(json.dumps(parts, allow_nan=False).encode()).hexdigest()[:16]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Generator of this seed and these names, the first of which is the source."""
    key = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(
        np.random.SeedSequence([seed_of(seed, str(names[0])), *np.frombuffer(key, dtype=np.uint32).tolist()])
    )


class Noise:
    """Standard normal numbers of one layer for samples ``first`` .. ``first + samples - 1``, in order of steps."""

    def __init__(self, seed: int, layer: int, first: int, samples: int, columns: int) -> None:
        """Open one stream per sample."""
        self._streams = [stream(seed, "noise", layer, first + n) for n in range(samples)]
        self._columns = columns

    def take(self, steps: int) -> FloatArray:
        """The next ``steps`` steps, shape (samples, steps, KINDS, columns)."""
        found = np.empty((len(self._streams), steps, KINDS, self._columns))
        for source, target in zip(self._streams, found, strict=True):
            source.standard_normal(out=target)
        return found
