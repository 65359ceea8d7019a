"""A recurrent network of spiking neurons with as many parameters, to compare networks with delays to.

    V_t = a V_(t-1) (1 - s_(t-1)) + W_in x_t + W_rec s_(t-1),   s_t = [V_t >= 1]
    U_t = max(0, b U_(t-1) + W_out s_t),   answer: the output with the largest max over t of U_t

The read-out is that of the networks with delays. Gradients go through time and through a surrogate of the step,
1 / (1 + 5 |V - 1|)^2 (Zenke and Ganguli 2018, doi:10.1162/neco_a_01086).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spicetwin.train.delays_settings import RecurrentTraining

_STEEPNESS = 5.0


class _Fire(torch.autograd.Function):
    """Step forward, surrogate backward."""

    @staticmethod
    def forward(ctx: Any, above: Any) -> Any:
        ctx.save_for_backward(above)
        return (above >= 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Any) -> Any:
        (above,) = ctx.saved_tensors
        return slope / (1.0 + _STEEPNESS * above.abs()) ** 2


def units_of(parameters: int, inputs: int, classes: int) -> int:
    """Recurrent neurons with at most ``parameters`` weights, h (inputs + h + classes)."""
    half = 0.5 * (inputs + classes)
    return max(1, int(math.sqrt(half * half + parameters) - half))


class RecurrentNet(nn.Module):
    """Recurrent spiking neurons and integrating outputs."""

    def __init__(
        self, inputs: int, units: int, classes: int, dt: float, how: RecurrentTraining, seed: int
    ) -> None:
        """Random start from ``seed``."""
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def normal(rows: int, columns: int, scale: float) -> Any:
            return scale / math.sqrt(rows) * torch.randn((rows, columns), generator=generator)

        self.inwards = nn.Parameter(normal(inputs, units, 1.5))
        self.recurrent = nn.Parameter(normal(units, units, 0.5))
        self.outwards = nn.Parameter(normal(units, classes, 0.3).abs())
        self.keep = math.exp(-dt / how.tau_membrane)
        self.keep_out = math.exp(-dt / how.tau_readout)

    @property
    def parameters_in_all(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, x: Any) -> Any:
        """Largest output voltages (samples, classes) of spikes (samples, steps, inputs)."""
        drive = x @ self.inwards
        v = s = torch.zeros(len(x), self.recurrent.shape[0])
        u = peak = torch.zeros(len(x), self.outwards.shape[1])
        for t in range(x.shape[1]):
            v = self.keep * v * (1.0 - s) + drive[:, t] + s @ self.recurrent
            s = _Fire.apply(v - 1.0)
            u = torch.relu(self.keep_out * u + s @ self.outwards)
            peak = torch.maximum(peak, u)
        return peak


def train_recurrent(
    x: NDArray[np.uint8],
    classes: NDArray[np.int64],
    net: RecurrentNet,
    how: RecurrentTraining,
    seed: int,
    importance: NDArray[np.float64],
) -> None:
    """Train ``net`` in place with Adam; ``importance`` weighs the classes."""
    generator = torch.Generator().manual_seed(seed)
    signal, wanted = torch.from_numpy(x).to(torch.float32), torch.from_numpy(classes)
    criterion = nn.CrossEntropyLoss(weight=torch.from_numpy(importance).to(torch.float32))
    optimiser = torch.optim.Adam(net.parameters(), lr=how.rate)
    for epoch in range(how.epochs):
        share = epoch / how.epochs
        for group in optimiser.param_groups:
            group["lr"] = how.rate * (1.0 if share < 0.5 else 0.2 if share < 0.8 else 0.05)
        for chosen in torch.randperm(len(signal), generator=generator).split(how.batch):
            optimiser.zero_grad()
            criterion(net(signal[chosen]), wanted[chosen]).backward()
            optimiser.step()


def decide(net: RecurrentNet, x: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Classes of the samples."""
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(x).to(torch.float32)).argmax(1).numpy())
