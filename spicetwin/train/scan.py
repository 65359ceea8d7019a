"""The compiled scan as a differentiable PyTorch function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spicetwin.train import kernels

OUTPUTS = {
    "state": kernels.LINEAR,
    "linear": kernels.LINEAR,
    "clipped": kernels.CLIPPED,
    "binary": kernels.BINARY,
}


@dataclass(frozen=True)
class Scan:
    """How a layer's scan treats gate and output.

    Attributes
    ----------
    levels
        Largest gate code K.
    rounded
        Gate codes are integers (else only clipped).
    output
        ``linear`` (``steepness`` times the state), ``clipped`` (to [0, 1]) or ``binary``.
    steepness
        Slope of the clipped output, or of the surrogate of the binary one, per unit of the state.
    leak
        Share of the gradient that a gate outside its range passes.
    """

    levels: float
    rounded: bool
    output: str
    steepness: float
    leak: float = kernels.LEAK


class GatedScan(torch.autograd.Function):
    """``out, last state = GatedScan.apply(drive, column, scan, noise, where, type of out)``; see :mod:`.kernels`."""

    @staticmethod
    def forward(
        context: Any,
        drive: Any,
        column: Any,
        scan: Scan,
        noise: NDArray[Any],
        where: NDArray[np.int64],
        out_type: Any,
    ) -> tuple[Any, Any]:
        """Outputs (samples, steps, columns) of type ``out_type``, and the state after the last step."""
        drive = drive.contiguous()
        samples, steps, width = drive.shape[0], drive.shape[1], column.shape[1]
        state = torch.empty((samples, steps, width), dtype=column.dtype)
        out = torch.empty((samples, steps, width), dtype=out_type)
        kernels.scan_forward(
            stored(drive),
            column.detach().numpy(),
            scan.levels,
            scan.rounded,
            OUTPUTS[scan.output],
            scan.steepness,
            noise,
            where,
            state.numpy(),
            stored(out),
        )
        context.save_for_backward(drive, column, state)
        context.scan = scan
        return out, state[:, -1].clone()

    @staticmethod
    def backward(
        context: Any, out_gradient: Any, last_gradient: Any
    ) -> tuple[Any, Any, None, None, None, None]:
        """Gradients of the drive and of the five trainable column rows."""
        drive, column, state = context.saved_tensors
        scan: Scan = context.scan
        drive_gradient = torch.empty_like(drive)
        column_gradient = torch.empty((drive.shape[0], 5, column.shape[1]), dtype=column.dtype)
        kernels.scan_backward(
            stored(drive),
            column.detach().numpy(),
            scan.levels,
            scan.rounded,
            OUTPUTS[scan.output],
            scan.steepness,
            scan.leak,
            state.numpy(),
            stored(out_gradient.contiguous()),
            last_gradient.contiguous().numpy(),
            stored(drive_gradient),
            column_gradient.numpy(),
        )
        total = torch.zeros_like(column)
        total[:5] = column_gradient.sum(0)
        return drive_gradient, total, None, None, None, None


def stored(tensor: Any) -> NDArray[Any]:
    """Array that shares the tensor's memory; bfloat16 as uint16, which numpy knows."""
    tensor = tensor.detach()
    array: NDArray[Any] = (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array
