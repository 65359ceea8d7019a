"""Somata at the end of a dendritic branch, with the exact propagators of a step.

A spiking soma follows tau_m dV/dt = -V + I with a synaptic current that each event raises by its weight and that
decays as exp(-t / tau_s), the linear limit of a DPI; both in units of the membrane's voltage. Over a time t

    I(t) = I_0 exp(-t / tau_s)
    V(t) = V_0 exp(-t / tau_m) + I_0 (t / tau_m) exp(-t / tau_m) (e^x - 1) / x,  x = t (1/tau_m - 1/tau_s),

which has no singularity at tau_s = tau_m. Source: linear ordinary differential equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError


def coupling(dt: float, tau_membrane: float, tau_synapse: ArrayLike) -> NDArray[np.float64]:
    """Voltage at the end of ``dt`` (s) that a unit of synaptic current at its begin leaves; see the module."""
    tau = np.asarray(tau_synapse, np.float64)
    x = dt * (1.0 / tau_membrane - 1.0 / tau)
    safe = np.where(x == 0.0, 1.0, x)
    ratio = np.where(x == 0.0, 1.0, np.expm1(safe) / safe)
    return np.asarray((dt / tau_membrane) * math.exp(-dt / tau_membrane) * ratio)


@dataclass(frozen=True, kw_only=True)
class SpikingSoma:
    """Leaky membrane with threshold and reset.

    Attributes
    ----------
    tau_membrane
        Time constant of the membrane (s).
    threshold, reset
        Voltage that spikes, and where the membrane goes on after a spike.
    located
        Find the crossing inside the step and go on from the reset at that instant; else the threshold holds at the
        steps' ends only.
    """

    tau_membrane: float = 20e-3
    threshold: float = 1.0
    reset: float = 0.0
    located: bool = False

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        _positive("tau_membrane", self.tau_membrane)
        if not (math.isfinite(self.threshold) and math.isfinite(self.reset) and self.reset < self.threshold):
            raise ModelError(f"threshold {self.threshold}, reset {self.reset}; accepted: reset < threshold")
        if self.threshold <= 0:
            raise ModelError(f"threshold = {self.threshold}; accepted: > 0, the resting voltage")


@dataclass(frozen=True, kw_only=True)
class IntegratingSoma:
    """Leaky membrane without spikes, V <- max(0, exp(-dt / tau) V + sum of arriving weights).

    Its answer is the largest voltage of the run; the neuron with the largest answer is the class (published model).

    Attributes
    ----------
    tau_membrane
        Time constant (s).
    """

    tau_membrane: float = 20e-3

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        _positive("tau_membrane", self.tau_membrane)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ModelError(f"{name} = {value}; accepted: a time > 0 s")
