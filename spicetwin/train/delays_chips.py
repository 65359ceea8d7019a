"""Chips for networks with delays: cells drawn from a calibration table, weights programmed into them.

A synapse has three cells: one sets its delay, two its weight, w ~ G+ - G-, one of which stays off. The delays are
measured before the training and stay; weights are programmed after it. The table gives the delays' distribution,
the study their mean: no measured memory makes milliseconds on a picofarad, so the scale is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, load, resolve
from pysim.delays.draw import DelayChip, assumed_table, draw
from spicetwin.train.delays_net import DelayNet
from spicetwin.train.delays_settings import DelayNetwork, Study

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: What a drawn chip adds to the network as trained: ``cycle``: error of programming the weights; ``drift``: relaxation
#: of all cells since; ``noise``: of one reading of all cells.
SOURCES = ("cycle", "drift", "noise")
_CELLS = 20_000


def cell_table(name: str) -> CalibrationTable:
    """Table by name or file; ``assumed`` is the published model's."""
    if name == "assumed":
        return assumed_table()
    return load(Path(name) if name.endswith(".json") else resolve(name))


@dataclass(frozen=True)
class Cells:
    """Delay cells of one chip.

    Attributes
    ----------
    table, seed
        What they are drawn from.
    seconds
        Delays (s), before cutting and rounding, shape (inputs, classes, copies).
    dt, longest
        Step (s) and longest delay (steps).
    """

    table: CalibrationTable
    seed: int
    seconds: FloatArray
    dt: float
    longest: int

    @classmethod
    def drawn(
        cls, table: CalibrationTable, network: DelayNetwork, shape: tuple[int, int, int], dt: float, seed: int
    ) -> Cells:
        """Cells of the chip ``seed``."""
        number = int(np.prod(shape))
        own = draw(table, (1, number), seed, ("within_die", "cycle")).delay()[0]
        seconds = (own * time_scale(table, network.mean_delay)).reshape(shape)
        return cls(table, seed, seconds, dt, round(network.buffer / dt))

    def steps(self, factor: FloatArray | None = None) -> IntArray:
        """Delays in steps, cut to the buffer; ``factor`` says how they have moved."""
        seconds = self.seconds if factor is None else self.seconds * factor
        return np.clip(np.rint(seconds / self.dt), 0, self.longest).astype(np.int64)

    @property
    def cut(self) -> float:
        """Share of the delays that the buffer cuts."""
        return float(np.mean(np.rint(self.seconds / self.dt) > self.longest))


def time_scale(table: CalibrationTable, mean_delay: float) -> float:
    """Factor that gives the table's delays the mean ``mean_delay`` (s)."""
    return mean_delay / float(draw(table, (1, _CELLS), 0, ("within_die", "cycle")).delay().mean())


def program(
    net: DelayNet, cells: Cells, number: int, sources: tuple[str, ...], study: Study
) -> tuple[FloatArray, IntArray]:
    """Weights and delays of ``net`` on its chip after programming ``number``, with the ``sources`` of spread.

    The largest |weight| is programmed as ``study.g_max``.
    """
    size, largest = net.weights.size, float(np.abs(net.weights).max())
    flat = net.weights.ravel() / largest
    target = study.g_max * np.concatenate([np.maximum(flat, 0.0), np.maximum(-flat, 0.0)])
    # Programming 0 is that of the delays; the weights' have numbers of their own.
    chip = _chip(cells, 2 * size, number, sources, study)
    g = chip.conductance(target, reading=number)[0]
    weights = (g[:size] - g[size:]) * (largest / study.g_max)
    moving = tuple(s for s in sources if s != "cycle")
    if not moving:
        return weights.reshape(net.weights.shape), net.delays
    before = _chip(cells, size, number, ("cycle",), study).delay()
    after = _chip(cells, size, number, ("cycle", *moving), study).delay(number)
    return weights.reshape(net.weights.shape), cells.steps((after / before).reshape(net.weights.shape))


def _chip(cells: Cells, size: int, number: int, sources: tuple[str, ...], study: Study) -> DelayChip:
    """The chip of ``cells`` after programming ``number``."""
    drawn = ("within_die", *sources)
    return draw(cells.table, (1, size), cells.seed, drawn, cycle=number + 1, time=study.age)
