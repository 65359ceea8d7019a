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

    Both cells of a weight lie within the window of ``study``; a weight that is the largest spans it.
    """
    size, largest = net.weights.size, float(np.abs(net.weights).max())
    flat = net.weights.ravel() / largest
    window = study.g_max - study.g_min
    target = study.g_min + window * np.concatenate([np.maximum(flat, 0.0), np.maximum(-flat, 0.0)])
    g = _programmed(cells, target, number, study) if "cycle" in sources else target
    moving = tuple(s for s in sources if s != "cycle")
    if moving:
        # The laws hold within the window: a cell programmed beyond it moves as one at its edge.
        inside = np.clip(g, study.g_min, study.g_max)
        last = (number + 1) * study.attempts
        g = g + _chip(cells, 2 * size, last, moving, study).conductance(inside, reading=number)[0] - inside
    weights = ((g[:size] - g[size:]) * (largest / window)).reshape(net.weights.shape)
    if not moving:
        return weights, net.delays
    before = _chip(cells, size, number + 1, ("cycle",), study).delay()
    after = _chip(cells, size, number + 1, ("cycle", *moving), study).delay(number)
    return weights, cells.steps((after / before).reshape(net.weights.shape))


def _programmed(cells: Cells, target: FloatArray, number: int, study: Study) -> FloatArray:
    """Conductances after the attempts of programming ``number``, of which each cell keeps the closest."""
    best = np.full(target.shape, np.inf)
    for k in range(study.attempts):
        # Programming 0 is that of the delays; the weights' have numbers of their own.
        chip = _chip(cells, len(target), number * study.attempts + k + 1, ("cycle",), study)
        g = chip.conductance(target)[0]
        best = np.where(np.abs(g - target) < np.abs(best - target), g, best)
    return best


def _chip(cells: Cells, size: int, cycle: int, sources: tuple[str, ...], study: Study) -> DelayChip:
    """Cells of the chip as programming ``cycle`` leaves them."""
    drawn = ("within_die", *sources)
    return draw(cells.table, (1, size), cells.seed, drawn, cycle=cycle, time=study.age)
