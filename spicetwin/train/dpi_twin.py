"""Differentiable twin of a recurrent DPI network: the equations of :mod:`pysim.recurrent.network` in PyTorch.

Two implementations, tested equal: :func:`unrolled` steps through time under autograd and is the definition of the
gradient; :class:`RecurrentScan` runs the simulator's own compiled forward pass and a compiled backward pass.

The step's derivative is replaced by 1 / (1 + q |V / theta - 1|)^2 / theta (Zenke and Ganguli 2018,
doi:10.1162/neco_a_01086; q = 10 in the public code to arXiv:2202.05094).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pysim.kernels import recurrent
from pysim.recurrent.network import Propagators
from spicetwin.train import dpi_kernels


@dataclass(frozen=True)
class Step:
    """Propagators as tensors of one type, and the steepness of the surrogate."""

    decay: Any
    jump: Any
    keep: Any
    threshold: Any
    steepness: float

    @classmethod
    def of(cls, step: Propagators, steepness: float, kind: Any) -> Step:
        """Tensors of the type ``kind``."""

        def tensor(array: NDArray[np.float64]) -> Any:
            return torch.from_numpy(np.ascontiguousarray(array)).to(kind)

        return cls(
            tensor(step.decay), tensor(step.jump), tensor(step.keep), tensor(step.threshold), steepness
        )


class Spike(torch.autograd.Function):
    """[V >= theta] with the surrogate's slope."""

    @staticmethod
    def forward(context: Any, voltage: Any, threshold: Any, steepness: float) -> Any:
        """Ones and zeros of the type of ``voltage``."""
        context.save_for_backward(voltage, threshold)
        context.steepness = steepness
        return (voltage >= threshold).to(voltage.dtype)

    @staticmethod
    def backward(context: Any, gradient: Any) -> tuple[Any, None, None]:
        """Through the surrogate."""
        voltage, threshold = context.saved_tensors
        away = 1.0 + context.steepness * (voltage / threshold - 1.0).abs()
        return gradient / (away**2 * threshold), None, None


def unrolled(weights: Any, x: NDArray[np.uint8], step: Step) -> tuple[Any, Any]:
    """Voltages of the outputs (samples, steps, outputs) and spikes (samples, steps, neurons), under autograd.

    Parameters
    ----------
    weights
        Tensor (sources, targets).
    x
        Number of spikes of every input, (samples, steps, inputs).
    step
        Propagators of the instance.
    """
    counts = torch.from_numpy(x).to(weights.dtype)
    neurons = step.threshold.shape[0]
    jump = weights * step.jump
    current = torch.zeros((len(x), *weights.shape), dtype=weights.dtype)
    v = torch.zeros((len(x), weights.shape[1]), dtype=weights.dtype)
    outputs, spikes = [], []
    for t in range(x.shape[1]):
        v = step.keep * v + current.sum(1)
        s = Spike.apply(v[:, :neurons], step.threshold, step.steepness)
        outputs.append(v[:, neurons:])
        spikes.append(s)
        v = torch.cat([v[:, :neurons] * (1.0 - s), v[:, neurons:]], 1)
        current = step.decay * current + torch.cat([counts[:, t], s], 1)[:, :, None] * jump
    return torch.stack(outputs, 1), torch.stack(spikes, 1)


class RecurrentScan(torch.autograd.Function):
    """``outputs = RecurrentScan.apply(weights, x, step, seen)``: compiled; gradients go to the weights.

    ``seen``: spikes (samples, steps, neurons) that a chip fired instead of the twin, ``None``: the twin's own. The
    twin's membranes then follow the chip's spikes, and gradients are taken there.
    """

    @staticmethod
    def forward(
        context: Any, weights: Any, x: NDArray[np.uint8], step: Step, seen: NDArray[np.uint8] | None
    ) -> Any:
        """Voltages of the outputs, (samples, steps, outputs)."""
        neurons = step.threshold.shape[0]
        jump = (weights * step.jump).contiguous()
        voltage = torch.empty((x.shape[0], x.shape[1], weights.shape[1]), dtype=weights.dtype)
        fired = np.zeros((x.shape[0], x.shape[1], neurons), np.uint8) if seen is None else seen
        recurrent.forward(
            step.decay.numpy(), jump.detach().numpy(), step.keep.numpy(), step.threshold.numpy(), x,
            seen is not None, voltage.numpy(), fired,
        )  # fmt: skip
        context.save_for_backward(jump, voltage)
        context.x, context.step, context.fired = x, step, fired
        return voltage[:, :, neurons:].clone()

    @staticmethod
    def backward(context: Any, gradient: Any) -> tuple[Any, None, None, None]:
        """Gradient of the weights."""
        jump, voltage = context.saved_tensors
        step: Step = context.step
        slope = np.zeros(tuple(jump.shape))
        dpi_kernels.backward(
            step.decay.numpy(), jump.detach().numpy(), step.keep.numpy(), step.threshold.numpy(),
            step.steepness, context.x, voltage.numpy(), context.fired, gradient.contiguous().numpy(), slope,
        )  # fmt: skip
        return torch.from_numpy(slope).to(jump.dtype) * step.jump, None, None, None
