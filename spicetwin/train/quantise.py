"""Quantisers that pass gradients straight through."""

from __future__ import annotations

from typing import Any

import torch

#: Integer values of the four weight levels; a weight is one third of its level.
LEVELS = (-3, -1, 1, 3)


class Round(torch.autograd.Function):
    """Nearest integer, ties away from minus infinity; the gradient passes unchanged."""

    @staticmethod
    def forward(context: Any, value: Any) -> Any:
        """``floor(value + 1/2)``."""
        return torch.floor(value + 0.5)

    @staticmethod
    def backward(context: Any, gradient: Any) -> Any:
        """Straight through."""
        return gradient


def weight_levels(weight: Any) -> Any:
    """Levels -3, -1, 1, 3 nearest to ``3 weight``; weights beyond [-1, 1] saturate and pass no gradient."""
    return 2.0 * Round.apply(1.5 * weight.clamp(-1.0, 1.0) + 1.5).clamp(0.0, 3.0) - 3.0


def bias_codes(bias: Any, step: float, bits: int) -> Any:
    """Integer codes of ``bias``, in ``-2^(bits-1) .. 2^(bits-1) - 1`` steps of ``step``."""
    half = 2 ** (bits - 1)
    return Round.apply((bias / step).clamp(-half, half - 1))
