"""Which chips an interval runs: independent ones in a fixed order, and copies that share all sources but one.

Chips come in pairs (A, B). For each source s the copy A_B(s) has B's part of s and A's of everything else (Saltelli et
al. 2010, doi:10.1016/j.cpc.2009.09.018): the pair (A, A_B(s)) shares all but s, the pair (B, A_B(s)) nothing but s. The
parts are seeds, so what is shared is shared to the last bit: common random numbers, source by source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pysim.errors import ModelError
from pysim.mingru.streams import digest, stream
from pysim.seeds import SourceSeeds
from pysim.system.layer import SOURCES, Conditions

#: Ranges of the conditions: lowest and highest, equal for one value.
Range = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """One run of one chip.

    Attributes
    ----------
    index
        Position in the order of the design.
    chip
        Number of the independent chip, or of A where it is a copy.
    source
        Source that a copy has from B; empty for an independent chip.
    seeds, conditions
        What the chip is drawn with and runs under.
    """

    index: int
    chip: int
    source: str
    seeds: SourceSeeds
    conditions: Conditions


@dataclass(frozen=True)
class Design:
    """Order of the runs.

    Attributes
    ----------
    seed
        Of the ensemble.
    sources
        Sources of spread that are on.
    shared
        Sources whose share of the variance is wanted; empty: independent chips alone.
    temperature
        Range in K; a chip's temperature is uniform in it and belongs to the source ``temperature``.
    time
        Range of the time since programming in s; log-uniform, belongs to ``drift``.
    """

    seed: int
    sources: tuple[str, ...] = SOURCES
    shared: tuple[str, ...] = ()
    temperature: Range = (300.15, 300.15)
    time: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            For a negative seed, an unknown source, a share of a source that is off, or a range that is none.
        """
        if self.seed < 0:
            raise ModelError(f"seed {self.seed}; accepted: 0 or more")
        for name in (*self.sources, *self.shared):
            if name not in SOURCES:
                raise ModelError(f"source {name!r}; accepted: {', '.join(SOURCES)}")
        off = [name for name in self.shared if name not in self.sources]
        if off:
            raise ModelError(f"share of {off[0]!r}: the source is off; accepted: {', '.join(self.sources)}")
        for name in ("temperature", "time"):
            low, high = getattr(self, name)
            if not (np.isfinite(high) and 0.0 < low <= high):
                raise ModelError(f"{name} from {low} to {high}; accepted: 0 < lowest <= highest")

    @property
    def group(self) -> int:
        """Runs that belong together: a chip, or a pair with its copies."""
        return 2 + len(self.shared) if self.shared else 1

    @property
    def chips_of_group(self) -> int:
        """Independent chips of a group."""
        return 2 if self.shared else 1

    def runs(self, chips: int) -> int:
        """Runs for this number of independent chips, which are rounded up to whole groups."""
        return -(-chips // self.chips_of_group) * self.group

    def points(self, chips: int) -> Iterator[Point]:
        """Runs for ``chips`` independent chips, in order."""
        return (self.point(index) for index in range(self.runs(chips)))

    def point(self, index: int) -> Point:
        """Run number ``index``."""
        group, place = divmod(index, self.group)
        first = group * self.chips_of_group
        if place < self.chips_of_group:
            return self._point(index, first + place, "", self.seeds(first + place))
        source = self.shared[place - 2]
        own, other = self.seeds(first), self.seeds(first + 1)
        return self._point(index, first, source, SourceSeeds(own.base, {source: other.of(source)}))

    def seeds(self, chip: int) -> SourceSeeds:
        """Seed of independent chip number ``chip``: another one for every ensemble."""
        return SourceSeeds(int(digest("chip", self.seed, chip)[:15], 16))

    def _point(self, index: int, chip: int, source: str, seeds: SourceSeeds) -> Point:
        low, high = self.temperature
        temperature = low
        if "temperature" in self.sources and high > low:
            temperature = float(stream(seeds, "temperature", "run").uniform(low, high))
        early, late = self.time
        time = early
        if "drift" in self.sources and late > early:
            time = float(np.exp(stream(seeds, "drift", "time").uniform(np.log(early), np.log(late))))
        return Point(index, chip, source, seeds, Conditions(temperature, time))
