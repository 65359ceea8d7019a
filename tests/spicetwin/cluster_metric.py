"""Metrics that do something to the worker they run on."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pysim.interval import Point
from pysim.mingru.streams import stream


@dataclass(frozen=True)
class Numbers:
    """A number of each chip, without doing anything else."""

    names: tuple[str, ...] = ("value",)
    bounds: tuple[float, float] = (-10.0, 10.0)
    resolution: float = 0.0

    def fingerprint(self) -> str:
        return "numbers"

    def __call__(self, point: Point) -> tuple[float, ...]:
        return (float(stream(point.seeds, "die", "test").standard_normal()),)


@dataclass(frozen=True)
class Killing(Numbers):
    """Kills its process at one point: once where ``mark`` is a file to be made, else always."""

    index: int = 3
    mark: str = ""

    def __call__(self, point: Point) -> tuple[float, ...]:
        time.sleep(0.02)
        if point.index == self.index and not (self.mark and Path(self.mark).exists()):
            if self.mark:
                Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(point)


@dataclass(frozen=True)
class Refusing(Numbers):
    """Cannot be computed at one point."""

    def __call__(self, point: Point) -> tuple[float, ...]:
        from pysim.errors import ModelError

        if point.index == 2:
            raise ModelError("chip cannot be drawn")
        return super().__call__(point)
