"""Recurrent memcapacitive networks on multi-time-scale XOR, as the training loop sees them.

The differentiable twin of a drawn chip is the simulator's own kernel with the chip's time constants, its steps and the
errors of its written weights; it leaves out nothing that the simulator has. Time constants are trained on the typical
circuit alone: a chip keeps those that it was programmed to, and only its conductances are written again. The error of
a written conductance is taken to stay with its cell from write to write (assumed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.events import Events
from pysim.memcap.bank import ROUTINES, MembraneModel
from pysim.memcap.chip import COMPENSATIONS, Deployment, TrainedNetwork, deploy
from pysim.memcap.network import MemcapNetwork
from pysim.tasks.windowed_task import WindowedTask
from spicetwin.train.learning import Weights
from spicetwin.train.memcap_kernels import AtChip, Recurrent
from spicetwin.train.memcap_net import CUT, LEAST, QUIET, MemcapNet, Taus
from spicetwin.train.memcap_settings import MemcapShape, MemcapTraining

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Arrays that are conductances; ``position`` beside them places the time constants in their range.
CONDUCTANCES = ("w_in", "w_rec", "w_out")


@dataclass(frozen=True)
class MemcapStack:
    """A recurrent layer with its outputs, how it is brought onto chips, and the samples of its task.

    Attributes
    ----------
    neurons, levels, units, tau_out, floor
        As in :class:`.memcap_settings.MemcapShape`.
    tau
        Time constant that all neurons begin with (s).
    tau_rate
        Learning rate of the time constants over that of the weights; 0: they stay.
    start, steepness
        As in :class:`.memcap_settings.MemcapTraining`.
    routine, compensation, sigma_weight, tolerance
        As in :class:`pysim.memcap.chip.Deployment`.
    bits
        Windows of a sample.
    train, validation, test
        Samples.
    """

    neurons: int = 10
    levels: int = 15
    units: float = 8.0
    tau_out: float = 10e-3
    floor: float = -8.0
    tau: float = 30e-3
    tau_rate: float = 1.0
    start: float = 1.0
    steepness: float = 3.0
    routine: str = "verified"
    compensation: str = "capacitance"
    sigma_weight: float = 0.05
    tolerance: float = 0.05
    bits: int = 6
    train: int = 2000
    validation: int = 400
    test: int = 1000

    def membrane(self, table: CalibrationTable) -> MembraneModel:
        """Membranes out of a table."""
        return MembraneModel.calibrated(table, self.units)

    def checks(self) -> list[tuple[bool, str, object, str]]:
        """What holds or not, key, value, and what is accepted; times are checked against the table's bank later."""
        samples = [self.train, self.validation, self.test]
        return [
            (1 <= self.neurons <= 4096, "network.neurons", self.neurons, "1 to 4096"),
            (1 <= self.levels <= 1023, "network.levels", self.levels, "1 to 1023"),
            (self.floor <= 0, "network.floor", self.floor, "0 or less"),
            (self.tau_rate >= 0, "network.tau_rate", self.tau_rate, "0 or more"),
            (self.start > 0, "network.start", self.start, "> 0"),
            (self.steepness > 0, "network.steepness", self.steepness, "> 0"),
            (self.routine in ROUTINES, "network.routine", self.routine, ", ".join(ROUTINES)),
            (
                self.compensation in COMPENSATIONS,
                "network.compensation",
                self.compensation,
                ", ".join(COMPENSATIONS),
            ),
            (0 <= self.sigma_weight < 1, "network.sigma_weight", self.sigma_weight, "0 to below 1"),
            (0 < self.tolerance < 1, "network.tolerance", self.tolerance, "between 0 and 1"),
            (self.bits >= 1, "network.bits", self.bits, "1 or more"),
            (min(samples) >= 1, "network.train, validation, test", samples, "1 or more samples each"),
        ]


@dataclass(frozen=True)
class MemcapDie:
    """A drawn chip before its programming: what it becomes depends on the time constants that are asked of it."""

    how: Deployment
    seed: int

    def programmed(self, typical: TrainedNetwork) -> MemcapNetwork:
        """The chip with the network ``typical`` on it."""
        return deploy(typical, self.how, 1, self.seed).networks[0]


class MemcapFamily:
    """:class:`.learning.Family` of a recurrent memcapacitive network; arrays are the parameters of its torch twin."""

    def __init__(
        self, task: WindowedTask, network: MemcapStack, table: CalibrationTable, *, whole: bool
    ) -> None:
        """Prepare; ``whole`` trains on what is held out too.

        Raises
        ------
        ModelError
            For time constants outside the range of the bank.
        """
        self.task, self.network, self.table = task, network, table
        membrane = network.membrane(table)
        self.how = Deployment(
            membrane=membrane, routine=network.routine, compensation=network.compensation,
            sigma_weight=network.sigma_weight, tolerance=network.tolerance,
        )  # fmt: skip
        membrane.check(np.array([network.tau, network.tau_out]))
        n = network
        self._shape = MemcapShape(n.neurons, n.levels, n.units, n.tau_out, n.floor, table.reference)
        self._surrogate = MemcapTraining(start=n.start, steepness=n.steepness)
        self._taus = Taus(
            np.full(n.neurons, n.tau), membrane.range, membrane.unit.tau_low, trained=n.tau_rate > 0.0
        )
        self._net = self._fresh(0)
        parts = {"training": [task.train], "validation": [task.validation], "test": [task.test]}
        if whole:
            parts["training"].append(task.validation)
        self._events = {k: Events.from_dense(np.concatenate([p.x for p in v])) for k, v in parts.items()}
        self._y = {k: np.concatenate([p.y for p in v]) for k, v in parts.items()}
        self._last: tuple[int, bytes, MemcapNetwork] | None = None

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
        """The conductances."""
        return CONDUCTANCES

    def begin(self, seed: int) -> Weights:
        """Normal weights, one time constant for all."""
        net = self._fresh(seed)
        weights = {name: net.weights[name].detach().numpy().copy() for name in CONDUCTANCES}
        return {**weights, "position": net.position.detach().numpy().copy()}

    def chip(self, seed: int) -> MemcapDie:
        """The chip ``seed``."""
        return MemcapDie(self.how, seed)

    def gradient(
        self, weights: Weights, batch: IntArray, twin: MemcapDie | None, seen: MemcapDie | None
    ) -> tuple[float, Weights]:
        """Mean loss over all windows and gradient, cut to a norm of 1; that of the time constants is zero on a chip.

        A chip that is ``seen`` gives scores and spikes, the twin the slopes at those spikes.
        """
        self._load(weights)
        net, known = self._net, None if twin is None else self._on(twin)
        codes, tau = net.quantised(), net.tau()
        if known is None:
            w, keep, keep_out = codes, torch.exp(-net.dt / tau), net.keep_out
        else:
            steps = {"w_in": known.step, "w_rec": known.step, "w_out": known.step_out}
            w = {k: c * torch.tensor(np.asarray(getattr(known, k)) * steps[k]) for k, c in codes.items()}
            keep, keep_out = (torch.from_numpy(k) for k in known.keeps())
        fixed = (1.0, self.network.floor, self.network.steepness, self._events["training"], batch)
        given = (w["w_in"], w["w_rec"], w["w_out"], keep, keep_out, *fixed, self.task.windows)
        if seen is None:
            score, count = Recurrent.apply(*given)
        else:
            score, count = AtChip.apply(*given, self._network(seen))
        wanted = torch.from_numpy(self._y["training"][batch]).flatten()
        loss = torch.nn.functional.cross_entropy(score.flatten(0, 1), wanted)
        # Silent neurons hardly learn: the mean count of each is held above LEAST.
        loss = loss + QUIET * torch.relu(1.0 - count.mean(dim=0) / LEAST).square().mean()
        net.zero_grad()
        loss.backward()
        slopes = {name: net.weights[name].grad.numpy() for name in CONDUCTANCES}
        moves = twin is None and seen is None and net.position.grad is not None
        slopes["position"] = net.position.grad.numpy() if moves else np.zeros(self.network.neurons)
        # Through time gradients burst now and then; Adam would remember a burst for a thousand steps.
        size = float(np.sqrt(sum((s**2).sum() for s in slopes.values())))
        cut = min(1.0, CUT / size) if size > 0.0 else 1.0
        return float(loss.detach()), {name: cut * s for name, s in slopes.items()}

    def limited(self, weights: Weights) -> Weights:
        """Any weight can be programmed: the largest of a matrix sets its scale."""
        return weights

    def rate(self, name: str) -> float:
        """Time constants have a rate of their own."""
        return self.network.tau_rate if name == "position" else 1.0

    def wanted(self, part: str) -> IntArray:
        """Classes, window after window of sample after sample."""
        return self._y[part].ravel()

    def decide(self, weights: Weights, part: str, chip: MemcapDie | None) -> IntArray:
        """Answers of the simulator: of the network without spread, or of a chip that it is programmed to."""
        self._load(weights)
        network = self._net.trained().ideal() if chip is None else self._network(chip)
        return network.run(self._events[part], self.task.windows).answer.ravel()

    def _fresh(self, seed: int) -> MemcapNet:
        task = self.task
        return MemcapNet(self._shape, task.channels, task.classes, task.dt, self._taus, seed, self._surrogate)

    def _load(self, weights: Weights) -> None:
        with torch.no_grad():
            for name in CONDUCTANCES:
                self._net.weights[name].copy_(torch.from_numpy(np.asarray(weights[name])))
            self._net.position.copy_(torch.from_numpy(np.asarray(weights["position"])))

    def _network(self, chip: MemcapDie) -> MemcapNetwork:
        """A chip with the loaded weights on it."""
        return chip.programmed(self._net.trained())

    def _on(self, chip: MemcapDie) -> MemcapNetwork:
        """A chip with all weights 1: its weights are the errors of writing. That of the last time constants is kept."""
        trained = self._net.trained()
        key = (chip.seed, trained.tau.tobytes())
        if self._last is None or self._last[:2] != key:
            ones: dict[str, Any] = {name: np.ones_like(getattr(trained, name)) for name in CONDUCTANCES}
            flat = TrainedNetwork(
                **ones, tau=trained.tau, tau_out=trained.tau_out, dt=trained.dt, tau_low=trained.tau_low,
                floor=trained.floor,
            )  # fmt: skip
            self._last = (*key, chip.programmed(flat))
        return self._last[2]
