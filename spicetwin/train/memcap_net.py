"""The recurrent network of the memcapacitive stack in torch: quantised conductances, time constants within a range.

The equations are those of :class:`pysim.memcap.network.MemcapNetwork`, whose kernel runs the forward pass
(:mod:`spicetwin.train.memcap_kernels`). A weight is a code of a pair of conductances, -levels to levels, times the
largest weight of its matrix over ``levels``; codes pass gradients straight through. A trained time constant is
low (high / low)^sigmoid(p).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.memcap.chip import TrainedNetwork
from pysim.memcap.network import MemcapNetwork
from pysim.tasks.windowed_task import Part, WindowedTask
from spicetwin.train.learning import refuse_divergence
from spicetwin.train.memcap_kernels import Quantised, Recurrent
from spicetwin.train.memcap_settings import MemcapShape, MemcapTraining

FloatArray = NDArray[np.float64]

#: Scale of the starting weights, over the root of the number of their inputs; that of the inputs is a setting.
START = {"w_rec": 0.5, "w_out": 1.0}
#: Gradients are cut to this norm.
CUT = 1.0
#: Spikes a sample below which a neuron is silent, and the weight of silence in the loss.
LEAST, QUIET = 3.0, 0.1
#: Share of the epochs behind which all windows are learned from.
LESSONS = 0.6


@dataclass(frozen=True)
class Taus:
    """Time constants to start with, and what may become of them.

    Attributes
    ----------
    start
        One a neuron (s).
    trained
        Train them, within ``range`` (s).
    absorbed
        Steps fall as ``unit`` / tau (s): the weights have to make up for it.
    """

    start: FloatArray
    range: tuple[float, float]
    unit: float
    trained: bool = False
    absorbed: bool = False


class MemcapNet(torch.nn.Module):
    """Weights and time constants to train.

    Parameters
    ----------
    shape
        Sizes and levels.
    inputs, outputs, dt
        Of the task.
    taus
        Time constants.
    seed
        Of the starting weights.
    how
        Scale of the starting weights, and the surrogate's steepness.
    """

    def __init__(
        self,
        shape: MemcapShape,
        inputs: int,
        outputs: int,
        dt: float,
        taus: Taus,
        seed: int,
        how: MemcapTraining | None = None,
    ) -> None:
        """Random start."""
        super().__init__()
        rng = np.random.default_rng([seed, 5])
        self.shape, self.dt, self.taus, self.how = shape, dt, taus, how or MemcapTraining()
        scales = {"w_in": self.how.start, **START}
        sizes = {
            "w_in": (inputs, shape.neurons),
            "w_rec": (shape.neurons, shape.neurons),
            "w_out": (shape.neurons, outputs),
        }
        self.weights = torch.nn.ParameterDict()
        for name, size in sizes.items():
            start = scales[name] / math.sqrt(size[0]) * rng.standard_normal(size)
            if taus.absorbed and name != "w_out":
                start = start * taus.start / taus.unit
            self.weights[name] = torch.nn.Parameter(torch.from_numpy(start))
        self.keep_out = torch.full((outputs,), math.exp(-dt / shape.tau_out), dtype=torch.float64)
        low, high = taus.range
        share = np.clip(np.log(taus.start / low) / math.log(high / low), 0.02, 0.98)
        position = torch.from_numpy(np.log(share / (1.0 - share)))
        self.position = torch.nn.Parameter(position, requires_grad=taus.trained)

    def tau(self) -> Any:
        """Time constants (s)."""
        if not self.taus.trained:
            return torch.from_numpy(self.taus.start)
        low, high = self.taus.range
        return low * (high / low) ** torch.sigmoid(self.position)

    def quantised(self) -> dict[str, Any]:
        """Weights as codes of conductances times their unit."""
        return {name: Quantised.apply(w, self.shape.levels) for name, w in self.weights.items()}

    def forward(
        self,
        events: Events,
        batch: NDArray[np.int64],
        windows: NDArray[np.int64],
        noise: float = 0.0,
        draw: torch.Generator | None = None,
    ) -> Any:
        """Scores and spike counts of the samples ``batch``; ``noise`` is the relative error of weights and taus."""
        weights, tau = self.quantised(), self.tau()
        if noise and draw is not None:
            weights = {name: w * (1.0 + noise * _normal(w, draw)) for name, w in weights.items()}
            tau = tau * torch.exp(noise * _normal(tau, draw))
        if self.taus.absorbed:
            step = self.taus.unit / tau
            weights = {**weights, "w_in": weights["w_in"] * step, "w_rec": weights["w_rec"] * step}
        return Recurrent.apply(
            weights["w_in"],
            weights["w_rec"],
            weights["w_out"],
            torch.exp(-self.dt / tau),
            self.keep_out,
            1.0,
            self.shape.floor,
            self.how.steepness,
            events,
            batch,
            windows,
        )

    def trained(self, summary: dict[str, Any] | None = None) -> TrainedNetwork:
        """What was trained, for the twin and its chips."""
        with torch.no_grad():
            weights = {name: w.numpy().copy() for name, w in self.quantised().items()}
            return TrainedNetwork(
                w_in=weights["w_in"],
                w_rec=weights["w_rec"],
                w_out=weights["w_out"],
                tau=self.tau().numpy().copy(),
                tau_out=self.shape.tau_out,
                dt=self.dt,
                tau_low=self.taus.unit,
                floor=self.shape.floor,
                absorbed=self.taus.absorbed,
                summary=summary or {},
            )


def train(net: MemcapNet, task: WindowedTask, seed: int) -> float:
    """Train in place with Adam on the cross-entropy of all windows; the best epoch by validation stays.

    ``net.how`` says how. Tasks of several windows begin with the first of them and take in one after the other: what
    must be remembered for long is learned behind what must be remembered at all.

    Returns
    -------
    float
        Its validation accuracy.

    Raises
    ------
    DivergenceError
        With the step and the weights after the last whole epoch.
    """
    how = net.how
    rng, draw = np.random.default_rng([seed, 6]), torch.Generator().manual_seed(seed)
    checked, classes = Events.from_dense(task.validation.x), torch.from_numpy(task.train.y)
    groups: list[dict[str, Any]] = [{"params": list(net.weights.parameters()), "lr": how.rate}]
    if net.taus.trained:
        groups.append({"params": [net.position], "lr": how.rate_tau})
    optimiser = torch.optim.Adam(groups, fused=True)
    samples = len(task.train)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.epochs)
    best, kept, shown, number = -1.0, {}, 0, 0
    for epoch in range(how.epochs):
        lesson = _windows((epoch + 1) / how.epochs, len(task.windows))
        if lesson != shown:
            shown, windows = lesson, task.windows[:lesson]
            events = Events.from_dense(task.train.x[:, : windows.max()])
        order, good = rng.permutation(samples), _arrays(net)
        for k in range(0, samples, how.batch):
            chosen, number = order[k : k + how.batch], number + 1
            score, count = net(events, chosen, windows, how.noise, draw)
            wanted = classes[chosen, :shown].flatten()
            loss = torch.nn.functional.cross_entropy(score.flatten(0, 1), wanted)
            # Silent neurons hardly learn: the mean count of each is held above LEAST.
            loss = loss + QUIET * torch.relu(1.0 - count.mean(dim=0) / LEAST).square().mean()
            optimiser.zero_grad()
            loss.backward()
            # Through time gradients burst now and then; Adam would remember a burst for a thousand steps.
            size = torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], CUT)
            refuse_divergence(number, epoch + 1, float(loss.detach()), {"all": size.numpy()}, good)
            optimiser.step()
        schedule.step()
        if shown < len(task.windows):
            continue
        found = accuracy(net.trained().ideal(), checked, task.validation, task.windows)
        if found > best:
            best, kept = found, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    return best


def _arrays(net: MemcapNet) -> dict[str, FloatArray]:
    """Copies of all parameters."""
    return {name: p.detach().numpy().copy() for name, p in net.named_parameters()}


def _windows(progress: float, windows: int) -> int:
    """How many windows are learned from at this share of the training."""
    return min(windows, 1 + int(progress / LESSONS * (windows - 1)))


def accuracy(network: MemcapNetwork, events: Events, part: Part, windows: NDArray[np.int64]) -> float:
    """Share of right answers over samples and windows."""
    return float((network.run(events, windows).answer == part.y).mean())


def _normal(like: Any, draw: torch.Generator) -> Any:
    return torch.randn(like.shape, generator=draw, dtype=like.dtype)
