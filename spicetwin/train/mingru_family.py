"""minGRU cores on sequential digits, as the training loop sees them.

The differentiable twin of a drawn chip knows what is linear in it: capacitor mismatch, gains and offsets of the lines,
slope and offset of the converters, gain of the gate, the charge that its switches inject, offset of the comparators. It
leaves out the converter's steps, droop and noise, which the simulator has. The converters' knobs are shared by a
layer and stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.mingru import MinGruChip, MinGruNetwork, draw
from pysim.mingru.draw import T_REFERENCE
from pysim.mingru.effects import CoreEffects
from pysim.mingru.ensemble import run_chip
from pysim.mingru.streams import digest
from pysim.tasks import Task
from spicetwin.boundary import InputError
from spicetwin.train.export import network as exported
from spicetwin.train.fit import pixels
from spicetwin.train.learning import Weights
from spicetwin.train.mingru import MinGruLayer, MinGruStack
from spicetwin.train.parts import held_out
from spicetwin.train.scan import GatedScan, Scan
from spicetwin.train.settings import HARDWARE, Network

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class CoreNetwork:
    """Where a network of cores begins.

    Attributes
    ----------
    begin
        Trained network (a name of the package, or an NPZ file beside the description) whose codes are the start;
        ``{seed}`` stands for the seed, which splits the digits too.
    steepness
        Of the surrogate of the binary outputs.
    bias_rate
        Rate of biases and thresholds over that of the weights.
    """

    begin: str = "mingru_digits"
    steepness: float = 8.0
    bias_rate: float = 0.05


class MinGruFamily:
    """:class:`.learning.Family` of a stack of cores; arrays are the parameters of :class:`.mingru.MinGruStack`."""

    def __init__(
        self, task: Task, start: MinGruNetwork, shape: CoreNetwork, table: CalibrationTable, *, whole: bool
    ) -> None:
        """Prepare; ``whole`` trains on what is held out too.

        Raises
        ------
        InputError
            When the network has no readout, or another number of classes than the task.
        """
        self.task, self.shape, self.table, self.start = task, shape, table, start
        self.net = stack(start, task.classes, shape.steepness)
        held = held_out(np.zeros_like(task.train_y), task.train_y)
        used = np.ones(len(held), np.bool_) if whole else ~held
        self._x = {"training": task.train_x[used], "validation": task.train_x[held], "test": task.test_x}
        self._y = {"training": task.train_y[used], "validation": task.train_y[held], "test": task.test_y}
        entry = table.entries.get("mingru.swap_gain")
        self.kappa = (
            1.0 if entry is None else float(entry.evaluate(entry.inputs({"temperature": T_REFERENCE})))
        )

    @property
    def samples(self) -> int:
        """Number of training samples."""
        return len(self._y["training"])

    @property
    def origin(self) -> str:
        """The table and the network at the start."""
        arrays = [p.detach().numpy().tolist() for p in stack(self.start, self.task.classes, 1.0).parameters()]
        return digest(self.table.digest, arrays)

    @property
    def programmed(self) -> tuple[str, ...]:
        """None: cores round their weights themselves."""
        return ()

    def begin(self, seed: int) -> Weights:
        """The codes of the network at the start, which has the seed already in it."""
        del seed
        source = stack(self.start, self.task.classes, self.shape.steepness)
        return {name: p.detach().double().numpy().copy() for name, p in source.named_parameters()}

    def chip(self, seed: int) -> MinGruChip:
        """The frozen chip ``seed``, converters set for the table's gain of the gate."""
        return draw(self.start.with_gate_gain(self.kappa), self.table, seed)

    def gradient(
        self, weights: Weights, batch: IntArray, twin: MinGruChip | None, seen: MinGruChip | None
    ) -> tuple[float, Weights]:
        """Mean cross-entropy and gradient; of a chip that is ``seen`` the scores count, with the twin's slopes."""
        self._load(weights)
        images, labels = self._x["training"][batch], self._y["training"][batch]
        scores = self._scores(pixels(images), twin)
        if seen is not None:
            run = self._network().run(images.reshape(len(batch), -1) / 255.0, seen, seed=seen.seed)
            told = np.zeros(tuple(scores.shape)) if run.scores is None else run.scores
            scores = scores + (torch.from_numpy(told).to(scores.dtype) - scores).detach()
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))
        self.net.zero_grad()
        loss.backward()
        slopes = {
            name: np.zeros(tuple(p.shape)) if p.grad is None else p.grad.double().numpy()
            for name, p in self.net.named_parameters()
        }
        return float(loss.detach()), slopes

    def limited(self, weights: Weights) -> Weights:
        """Weights of the cores within the range of their levels."""
        return {n: np.clip(w, -1.0, 1.0) if n.endswith(".weight") else w for n, w in weights.items()}

    def rate(self, name: str) -> float:
        """Knobs stay; biases move slowly."""
        if name.endswith(("log_slope", "offset")):
            return 0.0
        return self.shape.bias_rate if name.endswith(".bias") else 1.0

    def wanted(self, part: str) -> IntArray:
        """Classes."""
        return self._y[part]

    def decide(self, weights: Weights, part: str, chip: MinGruChip | None) -> IntArray:
        """Answers of the simulator: of the mathematical network, or of a chip with its noise."""
        self._load(weights)
        x = self._x[part].reshape(len(self._x[part]), -1) / 255.0
        if chip is None:
            return run_chip(exported(self.net, {}), None, x, self._y[part]).decisions
        return run_chip(self._network(), chip, x, self._y[part], seed=chip.seed).decisions

    def _network(self) -> MinGruNetwork:
        """The network as its knobs are set on chips."""
        return exported(self.net, {}).with_gate_gain(self.kappa)

    def _load(self, weights: Weights) -> None:
        with torch.no_grad():
            for name, parameter in self.net.named_parameters():
                parameter.copy_(torch.from_numpy(np.asarray(weights[name])))

    def _scores(self, x: Any, chip: MinGruChip | None) -> Any:
        if chip is None:
            return self.net(x, HARDWARE, None, torch.float32)
        y, last = x, None
        for layer, core in zip(self.net.layers, chip.cores, strict=True):
            y, last = on_core(layer, core, y, self.kappa)
        net = self.net
        if net.shape.readout == "last_state":
            features = last + net.layers[-1].biases(HARDWARE)[-net.layers[-1].columns :]
        else:
            features = y.mean(1)
        return net.readout_gain * (features @ net.readout_weight) + net.readout_bias


def on_core(layer: MinGruLayer, core: CoreEffects, x: Any, kappa: float) -> tuple[Any, Any]:
    """Outputs and last state of a layer on a drawn core, as far as its effects are linear."""
    levels = layer.levels(HARDWARE) * _relative(core)
    column = core_column(layer, core, kappa)
    scan = Scan(float(2**layer.bits - 1), HARDWARE.gates, HARDWARE.output, layer.steepness)
    if layer.broadcast:
        x, levels = x[..., None], levels.sum(0, keepdim=True)
    nothing = np.zeros(1, dtype=np.float32), np.zeros((0, 0), dtype=np.int64)
    return GatedScan.apply(x @ levels, column, scan, *nothing, torch.float32)  # type: ignore[no-any-return]


def core_column(layer: MinGruLayer, core: CoreEffects, kappa: float) -> Any:
    """The six rows of scan parameters of a drawn core whose converters are set for a gate of gain ``kappa``."""

    def of(name: str) -> Any:
        return torch.from_numpy(core.array(name).copy()).to(layer.weight.dtype)

    top = 2**layer.bits - 1
    bias_h, bias_z, threshold = layer.biases(HARDWARE).split(layer.columns)
    lsb = layer.slope() * (top / 2.0) / kappa * of("gate_slope")
    zero = top * (0.5 + layer.offset) / kappa + of("gate_offset")
    share = torch.full((layer.columns,), 1.0 / (3.0 * layer.rows), dtype=layer.weight.dtype)
    start = -threshold - of("comparator_offset")
    unit = torch.from_numpy(core.shares.sum(axis=1) / top).to(layer.weight.dtype)
    injected = of("injection_swap") / of("swap_gain")
    return torch.stack(
        [
            share,
            of("bias_gain_h") * bias_h + of("offset_h") + injected + start,
            share * lsb,
            lsb * (of("bias_gain_z") * bias_z + of("offset_z")) + zero,
            start,
            unit,
        ]
    )


def _relative(core: CoreEffects) -> Any:
    """Factors of the levels of candidate and gate, (rows, 2 columns)."""
    parts = []
    for which in "hz":
        capacitor = 1.0 + core.array(f"capacitor_{which}")
        parts.append(capacitor * (core.rows * core.array(f"gain_{which}") / capacitor.sum(axis=0)))
    return torch.from_numpy(np.concatenate(parts, axis=1)).to(torch.float32)


def stack(network: MinGruNetwork, classes: int, steepness: float) -> MinGruStack:
    """Trainable network with the codes of ``network`` as weights.

    Raises
    ------
    InputError
        When it has no readout that a training knows, or other classes.
    """
    readout = network.readout
    if readout is None or readout.feature == "mean_state" or readout.weight.shape[1] != classes:
        raise InputError(
            f"the network at the start has no readout of {classes} classes; accepted: one that has"
        )
    first = network.layers[0]
    shape = Network(
        columns=tuple(layer.columns for layer in network.layers), rows=first.rows, bits=first.bits,
        bias_step=first.bias_step, readout=readout.feature, steepness=steepness,
    )  # fmt: skip
    net = MinGruStack(shape, classes, 0)
    with torch.no_grad():
        for own, given in zip(net.layers, network.layers, strict=True):
            levels = np.concatenate([given.levels_h, given.levels_z], axis=1) / 3.0
            own.weight.copy_(torch.from_numpy(levels))
            bias = np.concatenate([given.b_h, given.b_z, given.theta - 0.5 * given.bias_step])
            own.bias.copy_(torch.from_numpy(bias))
            own.log_slope.fill_(float(np.log(given.slope)))
            own.offset.fill_(given.offset)
        net.readout_weight.copy_(torch.from_numpy(readout.weight / net.readout_gain))
        net.readout_bias.copy_(torch.from_numpy(readout.bias))
    return net
