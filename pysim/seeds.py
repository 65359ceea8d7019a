"""A seed with parts: each source of spread, and each place on a chip, may have a seed of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Self

#: Sources whose draws differ between two blocks of one family on one chip; fit and die are shared by the whole chip.
LOCAL = ("within_die", "cycle", "noise", "drift")

_BITS = 62


class SourceSeeds(int):
    """A whole number that stands for one seed per source of spread.

    It goes wherever a seed goes. A stream asks :func:`seed_of` for the part of its source, so that two chips which
    share the part of ``die``, say, share that draw and nothing else: common random numbers, source by source. As a
    number it is a digest of all parts, hence equal numbers have equal parts.

    Parameters
    ----------
    base
        Seed of every source that is not in ``parts``.
    parts
        Seeds by source.
    place
        Keeps the local draws (:data:`LOCAL`) of blocks of one family apart; empty for the first of them.
    """

    base: int
    parts: Mapping[str, int]
    place: str

    def __new__(cls, base: int, parts: Mapping[str, int] | None = None, place: str = "") -> Self:
        """Check and digest the parts.

        Raises
        ------
        ValueError
            For a negative seed.
        """
        given = dict(parts or {})
        if min(base, *given.values()) < 0 if given else base < 0:
            raise ValueError(f"seed {base}, parts {given}; accepted: whole numbers of 0 or more")
        plain = {source: seed for source, seed in sorted(given.items()) if seed != base}
        own = super().__new__(cls, _number(base, plain, place) if plain or place else base)
        own.base, own.parts, own.place = base, plain, place
        return own

    def of(self, source: str) -> int:
        """Seed of the streams of ``source``."""
        seed = self.parts.get(source, self.base)
        return _number(seed, self.place) if self.place and source in LOCAL else seed

    def at(self, place: str) -> SourceSeeds:
        """The same seeds for another place on the chip."""
        return SourceSeeds(self.base, self.parts, place)

    def __reduce__(self) -> tuple[type[SourceSeeds], tuple[int, Mapping[str, int], str]]:
        """Travel between processes with all parts."""
        return SourceSeeds, (self.base, dict(self.parts), self.place)


def seed_of(seed: int, source: str) -> int:
    """The part of ``seed`` for ``source``: the seed itself where it has no parts."""
    return seed.of(source) if isinstance(seed, SourceSeeds) else seed


def _number(*parts: object) -> int:
    """Digest of JSON values as a seed."""
    text = json.dumps(parts, sort_keys=True).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> (64 - _BITS)
