"""Weights behind fixed delays, as the training loop sees them.

An ideal circuit has the delays that were planned: one draw of the table, the same for every training of a seed. A
chip has delays of its own; weights are programmed into its cells after the training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.events import Events
from pysim.tasks.spike_task import SpikeTask
from spicetwin.train.delays_chips import SOURCES, Cells, program
from spicetwin.train.delays_net import DelayNet, batch_gradient
from spicetwin.train.delays_score import importance
from spicetwin.train.delays_settings import DelayNetwork, Study
from spicetwin.train.learning import Weights
from spicetwin.train.parts import held_out

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DelayCells:
    """A layer of delays and how its weights are programmed.

    Attributes
    ----------
    copies, tau_membrane, mean_delay, buffer
        As in :class:`.delays_settings.DelayNetwork`.
    start
        Scale of the starting weights |N(0, 1)| / sqrt(synapses of a neuron).
    g_min, g_max, attempts, age
        As in :class:`.delays_settings.Study`.
    """

    copies: int = 16
    tau_membrane: float = 30e-3
    mean_delay: float = 0.25
    buffer: float = 1.0
    start: float = 0.3
    g_min: float = 80e-6
    g_max: float = 120e-6
    attempts: int = 10
    age: float = 1.0

    @property
    def layer(self) -> DelayNetwork:
        """The layer alone."""
        return DelayNetwork(
            copies=self.copies, tau_membrane=self.tau_membrane, mean_delay=self.mean_delay, buffer=self.buffer
        )

    @property
    def study(self) -> Study:
        """How weights are programmed."""
        return Study(g_min=self.g_min, g_max=self.g_max, attempts=self.attempts, age=self.age)


class DelayFamily:
    """:class:`.learning.Family` of one layer with delays; one array of weights, ``weights``."""

    def __init__(
        self,
        task: SpikeTask,
        network: DelayCells,
        table: CalibrationTable,
        *,
        planned: int,
        balance: bool,
        whole: bool,
    ) -> None:
        """Prepare; ``planned`` is the seed of the planned delays, ``whole`` trains on what is held out too."""
        self.task, self.network, self.table = task, network, table
        self.shape = (task.channels, task.classes, network.copies)
        self.planned = self.chip(planned)
        held = held_out(task.train_group, task.train_y)
        used = np.ones(len(held), np.bool_) if whole else ~held
        self._events = {
            "training": Events.from_dense(task.train_x[used]),
            "validation": Events.from_dense(task.train_x[held]),
            "test": Events.from_dense(task.test_x),
        }
        self._y = {"training": task.train_y[used], "validation": task.train_y[held], "test": task.test_y}
        self._importance = importance(self._y["training"], balance)

    @property
    def samples(self) -> int:
        """Number of training samples."""
        return len(self._y["training"])

    @property
    def origin(self) -> str:
        """The table."""
        return self.table.digest

    @property
    def programmed(self) -> tuple[str, ...]:
        """The weights."""
        return ("weights",)

    def begin(self, seed: int) -> Weights:
        """Positive weights."""
        synapses = self.shape[0] * self.shape[2]
        normal = np.random.default_rng([seed, 13]).standard_normal(self.shape)
        return {"weights": np.abs(normal) * self.network.start / math.sqrt(synapses)}

    def chip(self, seed: int) -> Cells:
        """Cells of the chip ``seed``."""
        return Cells.drawn(self.table, self.network.layer, self.shape, self.task.dt, seed)

    def gradient(
        self, weights: Weights, batch: IntArray, twin: Cells | None, seen: Cells | None
    ) -> tuple[float, Weights]:
        """Mean loss and gradient at the delays of ``twin``, which are measured before a training.

        Raises
        ------
        ValueError
            For a chip in the loop: its memories would have to be programmed at every step.
        """
        if seen is not None:
            raise ValueError("delays in the loop: memories cannot be programmed at every step")
        cells = self.planned if twin is None else twin
        keep = math.exp(-self.task.dt / self.network.tau_membrane)
        loss, slope = batch_gradient(
            self._events["training"], self._y["training"], cells.steps(), keep, batch, weights["weights"],
            self._importance,
        )  # fmt: skip
        return loss, {"weights": slope}

    def limited(self, weights: Weights) -> Weights:
        """Any weight can be programmed: the largest sets the scale."""
        return weights

    def rate(self, name: str) -> float:
        """One rate."""
        del name
        return 1.0

    def wanted(self, part: str) -> IntArray:
        """Classes."""
        return self._y[part]

    def decide(self, weights: Weights, part: str, chip: Cells | None) -> IntArray:
        """Answers of the simulator; on a chip after programming, relaxation and one noisy reading."""
        cells = self.planned if chip is None else chip
        net = DelayNet(weights["weights"], cells.steps(), self.task.dt, self.network.tau_membrane)
        if chip is None:
            return net.decide(self._events[part])
        return net.decide(self._events[part], *program(net, chip, 0, SOURCES, self.network.study))
