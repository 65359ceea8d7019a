"""Differentiable stack of minGRU layers, ideal or with any of the hardware's constraints.

    u = (1/N) sum_i s_i x_i                     over the N rows of a column, s in {-1, -1/3, 1/3, 1}
    a_h = u_h + b_h,   a_z = u_z + b_z          biases: 6-bit codes times bias_step
    k = clip(floor(K (slope a_z / 2 + 1/2 + offset) + 1/2), 0, K),   K = 2^bits - 1
    h <- (1 - z) h + z a_h,   z = k / 2^bits
    y = [h > theta],   h = 0 at the start,   theta: 6-bit codes plus 1/2, times bias_step

in units of V_FS / 2. A threshold lets a column tell how long ago a sequence began: a state that only relaxes
towards its bias never changes sign. An analog input drives all N rows of the first layer at once: a column of
the core has N unit capacitors whether it sees one signal or N. The readout is digital: a matrix on the mean of
the last layer's outputs over time, or on its last state.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spicetwin.boundary import InputError
from spicetwin.train.nonideal import Nonideal
from spicetwin.train.quantise import bias_codes, weight_levels
from spicetwin.train.scan import GatedScan, Scan
from spicetwin.train.settings import HARDWARE, Constraints, Network

#: Converter gain that the slope knob reaches, in full codes per V_FS (assumed).
SLOPE_RANGE = (0.5, 8.0)
#: Converter gain and offset before training.
SLOPE, OFFSET = 4.0, -0.4


class MinGruLayer(nn.Module):
    """One core: ``rows`` x ``columns``, h and z synapses side by side in ``weight`` (rows, 2 columns)."""

    def __init__(
        self, rows: int, columns: int, shape: Network, broadcast: bool, generator: torch.Generator
    ) -> None:
        """Random weights; gates spread over time constants from two steps to beyond the sequence."""
        super().__init__()
        self.rows, self.columns, self.broadcast = rows, columns, broadcast
        self.bits, self.bias_step = shape.bits, shape.bias_step
        self.steepness = shape.steepness
        weight = 2.0 * torch.rand((rows, 2 * columns), generator=generator) - 1.0
        if broadcast:  # one signal on all rows: what counts is the column's mean, dithered over the levels
            mean = 2.0 * torch.rand((1, 2 * columns), generator=generator) - 1.0
            weight = (mean + weight / 3.0).clamp(-1.0, 1.0)
        self.weight = nn.Parameter(weight)
        self.log_slope = nn.Parameter(torch.tensor(math.log(SLOPE)))
        self.offset = nn.Parameter(torch.tensor(OFFSET))
        lsb = torch.exp(torch.linspace(math.log(0.5), math.log(24.0), columns))
        lsb = lsb[torch.randperm(columns, generator=generator)]
        top = 2**shape.bits - 1
        bias_z = (lsb / top - 0.5 - OFFSET) * 2.0 / SLOPE
        bias_h = 0.1 * (2.0 * torch.rand(columns, generator=generator) - 1.0)
        threshold = 0.1 * (2.0 * torch.rand(columns, generator=generator) - 1.0)
        self.bias = nn.Parameter(torch.cat([bias_h, bias_z, threshold]))

    def slope(self) -> Any:
        """Converter gain within its range."""
        return self.log_slope.exp().clamp(*SLOPE_RANGE)

    def levels(self, constraints: Constraints) -> Any:
        """Weights times three; integers where weights are constrained."""
        return weight_levels(self.weight) if constraints.weights else 3.0 * self.weight

    def biases(self, constraints: Constraints) -> Any:
        """Biases of h and z and thresholds, one behind the other, in V_FS / 2."""
        if not constraints.biases:
            return self.bias
        codes = bias_codes(self.bias, self.bias_step, self.bits)
        return self.bias_step * (codes + self.half_steps())

    def half_steps(self) -> Any:
        """0 for biases, 1/2 for thresholds: no state can then rest on a threshold, whatever the arithmetic."""
        return torch.tensor([0.0, 0.0, 0.5], dtype=self.bias.dtype).repeat_interleave(self.columns)

    def column(self, constraints: Constraints) -> Any:
        """The six rows of scan parameters of :mod:`.kernels`; its state is counted from the threshold."""
        top = 2**self.bits - 1
        lsb = self.slope() * (top / 2.0)
        one = torch.ones(self.columns, dtype=self.weight.dtype)
        bias_h, bias_z, threshold = self.biases(constraints).split(self.columns)
        share = 1.0 / (3.0 * self.rows)
        return torch.stack(
            [
                share * one,
                bias_h - threshold,
                share * lsb * one,
                lsb * bias_z + top * (0.5 + self.offset),
                -threshold,
                one / 2.0**self.bits,
            ]
        )

    def forward(self, x: Any, constraints: Constraints, nonideal: Nonideal | None, out_type: Any) -> Any:
        """Outputs and last state for ``x``: (samples, steps, rows), or (samples, steps) when broadcast."""
        levels, column = self.levels(constraints), self.column(constraints)
        scan = Scan(float(2**self.bits - 1), constraints.gates, constraints.output, self.steepness)
        noise, where = np.zeros(1, dtype=np.float32), np.zeros((0, 0), dtype=np.int64)
        if nonideal is not None:
            levels, column = nonideal.mismatched(levels), nonideal.spread(column)
            noise, where = nonideal.noise(x.shape[0], x.shape[1], self.columns)
        if self.broadcast:
            x, levels = x[..., None], levels.sum(0, keepdim=True)
        drive = x @ levels.to(x.dtype)
        return GatedScan.apply(drive, column, scan, noise, where, out_type)


class MinGruStack(nn.Module):
    """Layers and readout."""

    def __init__(self, shape: Network, classes: int, seed: int) -> None:
        """Random start from ``seed``."""
        super().__init__()
        self.shape = shape
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(
            MinGruLayer(n, m, shape, k == 0, generator)
            for k, (n, m) in enumerate(zip(shape.layer_rows, shape.columns, strict=True))
        )
        last = shape.columns[-1]
        self.readout_weight = nn.Parameter(torch.randn((last, classes), generator=generator) / last)
        self.readout_bias = nn.Parameter(torch.zeros(classes))
        self.readout_gain = 4.0 if shape.readout == "mean_output" else 16.0

    def forward(
        self,
        x: Any,
        constraints: Constraints = HARDWARE,
        nonideal: Nonideal | None = None,
        inner: Any = torch.bfloat16,
    ) -> Any:
        """Scores (samples, classes) of ``x`` (samples, steps); ``inner`` is the type between layers."""
        y = x
        for layer in self.layers[:-1]:
            y, _ = layer(y, constraints, nonideal, inner)
        features = self._features(y, constraints, nonideal, inner)
        return self.readout_gain * (features @ self.readout_weight) + self.readout_bias

    def _features(self, y: Any, constraints: Constraints, nonideal: Nonideal | None, inner: Any) -> Any:
        """What the readout sees of the last layer: mean outputs, or last states against the common mode."""
        layer = self.layers[-1]
        out, last = layer(y, constraints, nonideal, inner)
        if self.shape.readout == "last_state":
            return last + layer.biases(constraints)[-layer.columns :]
        return out.sum(1, dtype=self.readout_weight.dtype) / out.shape[1]

    def begin_from(self, path: Path) -> None:
        """Take the weights of a checkpoint.

        Raises
        ------
        InputError
            When the file is no checkpoint of a network of this shape.
        """
        try:
            # weights_only: tensors and plain values, nothing that could run code.
            self.load_state_dict(torch.load(path, weights_only=True)["net"])
        except OSError:
            raise
        except Exception as error:
            raise InputError(f"{path}: no checkpoint of this network: {error}") from error

    def clamp(self, constraints: Constraints) -> None:
        """Keep shadow weights inside the range of the levels, where gradients reach them; ideal ones are free."""
        if constraints.weights:
            with torch.no_grad():
                for layer in self.layers:
                    layer.weight.clamp_(-1.0, 1.0)
