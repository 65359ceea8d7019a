"""Recurrent DPI network on a task of spikes, as the training loop sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pysim.recurrent.chip import Design, RecurrentChip, typical
from pysim.recurrent.network import RecurrentDpi, propagators
from pysim.tasks.spike_task import SpikeTask
from spicetwin.train.delays_score import importance
from spicetwin.train.dpi_twin import RecurrentScan, Step
from spicetwin.train.learning import Weights
from spicetwin.train.parts import held_out

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class DpiNetwork:
    """Sizes, typical times and start of a recurrent DPI network.

    Attributes
    ----------
    neurons
        Recurrent neurons.
    merge
        Steps of the task that make one step of the network.
    tau_input, tau_recurrent, tau_output
        Synapses from inputs to neurons, among neurons, and to the outputs (s).
    tau_membrane, tau_readout
        Of neurons and outputs (s).
    start_input, start_recurrent, start_output
        Deviation of the starting weights, over the root of the number of sources.
    steepness
        Of the surrogate.
    """

    neurons: int = 32
    merge: int = 2
    tau_input: float = 20e-3
    tau_recurrent: float = 20e-3
    tau_output: float = 20e-3
    tau_membrane: float = 20e-3
    tau_readout: float = 20e-3
    start_input: float = 2.0
    start_recurrent: float = 0.5
    start_output: float = 1.0
    steepness: float = 10.0

    def design(self, inputs: int, outputs: int) -> Design:
        """Design for a task."""
        return Design(
            inputs=inputs, neurons=self.neurons, outputs=outputs, tau_input=self.tau_input,
            tau_recurrent=self.tau_recurrent, tau_output=self.tau_output, tau_membrane=self.tau_membrane,
            tau_readout=self.tau_readout,
        )  # fmt: skip


class DpiFamily:
    """:class:`.learning.Family` of recurrent DPI networks; one array of weights, ``weights``."""

    def __init__(
        self,
        task: SpikeTask,
        shape: DpiNetwork,
        draw: Callable[[int], RecurrentChip],
        *,
        origin: str,
        balance: bool,
        whole: bool,
    ) -> None:
        """Prepare.

        Parameters
        ----------
        draw
            Chip of a seed.
        origin
            Digest of the table that chips come from.
        balance
            Weigh samples so that all classes count the same.
        whole
            Train on all training samples, those held out for validation too.
        """
        self.shape, self.draw, self._origin = shape, draw, origin
        self.design = shape.design(task.channels, task.classes)
        self.typical = typical(self.design)
        self.dt = task.dt * shape.merge
        held = held_out(task.train_group, task.train_y)
        used = np.ones(len(held), np.bool_) if whole else ~held
        x = merged(task.train_x, shape.merge)
        self._x = {"training": x[used], "validation": x[held], "test": merged(task.test_x, shape.merge)}
        self._y = {"training": task.train_y[used], "validation": task.train_y[held], "test": task.test_y}
        self._importance = importance(self._y["training"], balance)
        self._last: tuple[str, Step] | None = None

    @property
    def samples(self) -> int:
        """Number of training samples."""
        return len(self._y["training"])

    @property
    def origin(self) -> str:
        """The table."""
        return self._origin

    @property
    def programmed(self) -> tuple[str, ...]:
        """The weights."""
        return ("weights",)

    def begin(self, seed: int) -> Weights:
        """Normal weights on every synapse."""
        d, s = self.design, self.shape
        rng = np.random.default_rng([seed, 10])
        weights = np.zeros(d.shape)
        scales = (s.start_input, s.start_recurrent, s.start_output)
        for (_, rows, columns, _), scale in zip(d.projections(), scales, strict=True):
            block = weights[rows, columns]
            block[:] = scale / np.sqrt(len(block)) * rng.standard_normal(block.shape)
        return self.limited({"weights": weights})

    def chip(self, seed: int) -> RecurrentChip:
        """The frozen chip ``seed``."""
        return self.draw(seed)

    def gradient(
        self, weights: Weights, batch: IntArray, twin: RecurrentChip | None, seen: RecurrentChip | None
    ) -> tuple[float, Weights]:
        """Mean loss and gradient; a chip that is ``seen`` gives spikes and scores, the twin the slopes there."""
        x, y = self._x["training"][batch], self._y["training"][batch]
        parameter = torch.from_numpy(weights["weights"]).to(torch.float32).requires_grad_()
        step = self._step(self.typical if twin is None else twin)
        if seen is None:
            scores = RecurrentScan.apply(parameter, x, step, None).amax(1)
        else:
            run = RecurrentDpi(weights["weights"], seen, self.dt).run(x)
            own = RecurrentScan.apply(parameter, x, step, run.spikes)
            # Slope of the twin where the chip has its peak, value of the chip.
            at = torch.from_numpy(run.voltage[:, :, -run.outputs :].argmax(1))
            mine = own.gather(1, at[:, None, :])[:, 0]
            scores = mine + (torch.from_numpy(run.peaks).to(torch.float32) - mine).detach()
        share = torch.from_numpy(self._importance[y]).to(torch.float32) / len(y)
        each = torch.nn.functional.cross_entropy(scores, torch.from_numpy(y), reduction="none")
        loss = (share * each).sum()
        loss.backward()
        return float(loss.detach()), {"weights": parameter.grad.double().numpy()}

    def limited(self, weights: Weights) -> Weights:
        """No synapse where there is none."""
        return {"weights": np.where(self.design.connected(), weights["weights"], 0.0)}

    def rate(self, name: str) -> float:
        """One rate."""
        del name
        return 1.0

    def wanted(self, part: str) -> IntArray:
        """Classes."""
        return self._y[part]

    def decide(self, weights: Weights, part: str, chip: RecurrentChip | None) -> IntArray:
        """Answers of the simulator in double precision."""
        net = RecurrentDpi(weights["weights"], self.typical if chip is None else chip, self.dt)
        return net.run(self._x[part]).decisions

    def _step(self, chip: RecurrentChip) -> Step:
        """Propagators of a chip; those of the last one are kept."""
        if self._last is None or self._last[0] != chip.id:
            step = Step.of(propagators(chip, self.dt), self.shape.steepness, torch.float32)
            self._last = (chip.id, step)
        return self._last[1]


def merged(spikes: NDArray[np.uint8], steps: int) -> NDArray[np.uint8]:
    """Spikes of ``steps`` steps counted as one; a rest at the end is left out."""
    samples, length, channels = spikes.shape
    whole = spikes[:, : length // steps * steps].reshape(samples, length // steps, steps, channels)
    return np.asarray(whole.sum(axis=2, dtype=np.uint8))
