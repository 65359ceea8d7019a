"""minGRU network as a differentiable PyTorch module in float64.

Forward values are the twin's; gradients pass the gate's steps and the outputs' thresholds straight through: of the
clipped line for the gate, of a triangle of width ``surrogate`` for the outputs. Weights are parameters (levels -3 to
3), biases and thresholds too; what the circuit fixes is a buffer. Extra ``[export]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork


class MinGruCore(nn.Module):
    """One core; see :mod:`pysim.mingru.layer` for the equations.

    Parameters
    ----------
    layer
        Codes and knobs.
    surrogate
        Half width of the triangle that stands for the derivative of an output (V_FS / 2).
    """

    def __init__(self, layer: MinGruLayer, surrogate: float = 0.25) -> None:
        """Parameters and buffers of the layer."""
        super().__init__()
        for name, values in (
            ("levels_h", layer.levels_h),
            ("levels_z", layer.levels_z),
            ("bias_h", layer.b_h),
            ("bias_z", layer.b_z),
            ("theta", layer.theta),
        ):
            self.register_parameter(name, nn.Parameter(torch.tensor(np.asarray(values, np.float64))))
        for name, value in (
            ("gate_gain", layer.gate_gain),
            ("gate_zero", layer.gate_zero),
            ("bits", float(layer.bits)),
            ("analog", float(layer.analog)),
            ("surrogate", surrogate),
        ):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and states (samples, steps, columns) for inputs (samples, steps, rows)."""
        share = 1.0 / (3 * self.levels_h.shape[0])
        if bool(self.analog):
            # One signal drives all rows.
            sum_h, sum_z = (x[..., :1] * w.sum(dim=0) for w in (self.levels_h, self.levels_z))
        else:
            sum_h, sum_z = x @ self.levels_h, x @ self.levels_z
        a = sum_h * share + self.bias_h
        scale = sum_z * (share * self.gate_gain) + (self.gate_gain * self.bias_z + self.gate_zero)
        top = 2.0**self.bits - 1.0
        smooth = torch.minimum(torch.clamp(scale - 0.5, min=0.0), top)
        code = torch.minimum(torch.clamp(torch.floor(scale), min=0.0), top)
        z = (smooth + (code - smooth).detach()) * 2.0**-self.bits
        h = torch.zeros_like(a[:, 0])
        states = []
        for t in range(x.shape[1]):
            h = h + z[:, t] * (a[:, t] - h)
            states.append(h)
        state = torch.stack(states, dim=1)
        gap = state - self.theta
        slope = torch.clamp(1.0 - gap.detach().abs() / self.surrogate, min=0.0) / self.surrogate
        line = gap * slope
        return line + ((gap > 0).to(gap.dtype) - line).detach(), state


class MinGruModule(nn.Module):
    """Cores in a chain with the readout.

    Parameters
    ----------
    network
        The network.
    """

    def __init__(self, network: MinGruNetwork) -> None:
        """Cores and readout."""
        super().__init__()
        self.cores = nn.ModuleList([MinGruCore(layer) for layer in network.layers])
        self.feature = "" if network.readout is None else network.readout.feature
        if network.readout is not None:
            self.readout_weight = nn.Parameter(torch.tensor(network.readout.weight))
            self.readout_bias = nn.Parameter(torch.tensor(network.readout.bias))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Outputs ``y`` (samples, steps, columns), last states ``h``, and ``scores`` with a readout."""
        y, state = x, x
        for core in self.cores:
            y, state = core(y)
        found = {"y": y, "h": state[:, -1]}
        if self.feature:
            features: dict[str, Any] = {
                "mean_output": y.mean(dim=1),
                "mean_state": state.mean(dim=1),
                "last_state": state[:, -1],
            }
            found["scores"] = features[self.feature] @ self.readout_weight + self.readout_bias
        return found
