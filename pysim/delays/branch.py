"""A dendritic branch: delay elements, DPI synapses and a passive soma, in continuous time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.delays.element import DelayElement
from pysim.errors import ModelError
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Synapses on one soma: every input spike that its element passes makes one pulse of a DPI synapse.

    Attributes
    ----------
    elements
        Delay elements, shape (n,).
    synapses
        DPI synapses, shape (n,); their ``t_pulse`` is the width of the element's pulse, their ``i_weight`` what the
        weight cell sinks.
    r_m, c_m
        Membrane resistance (ohm) and capacitance (F): tau dV/dt = -V + r_m sum I.
    """

    elements: DelayElement
    synapses: DpiSynapse
    r_m: float
    c_m: float

    def __post_init__(self) -> None:
        """Check shapes and values.

        Raises
        ------
        ModelError
            For shapes that differ or are not (n,), or a membrane that is not positive and finite.
        """
        if len(self.elements.shape) != 1 or self.elements.shape != self.synapses.shape:
            raise ModelError(
                f"elements of shape {self.elements.shape}, synapses of {self.synapses.shape}; accepted: both (n,)"
            )
        if not (0.0 < self.r_m < np.inf and 0.0 < self.c_m < np.inf):
            raise ModelError(f"r_m = {self.r_m!r} ohm, c_m = {self.c_m!r} F; accepted: positive and finite")

    def pulses(self, trains: Sequence[ArrayLike]) -> FloatArray:
        """Pulses of every element (s), shape (n, most), padded with +inf."""
        (count,) = self.elements.shape
        if len(trains) != count:
            raise ModelError(f"{len(trains)} input trains for {count} synapses; accepted: equal")
        fired = [self.elements.fire(train, (k,)) for k, train in enumerate(trains)]
        padded = np.full((count, max(1, *(f.size for f in fired))), np.inf)
        for row, train in zip(padded, fired, strict=True):
            row[: train.size] = train
        return padded

    def current(self, trains: Sequence[ArrayLike], times: ArrayLike) -> FloatArray:
        """Current into the soma (A) at ``times`` (s)."""
        return np.asarray(self.synapses.run(self.pulses(trains), times).sum(axis=0))

    def voltage(self, trains: Sequence[ArrayLike], times: ArrayLike) -> FloatArray:
        """Voltage of the soma (V) at ascending ``times`` (s), from its rest at the first.

        Exact for a current that is linear between the times; they have to resolve the synapses.
        """
        t = np.asarray(times, dtype=np.float64)
        if t.ndim != 1 or t.size < 2 or not np.all(np.diff(t) > 0.0):
            raise ModelError("times: accepted are two or more, strictly ascending")
        drive = self.r_m * self.current(trains, t)
        tau = self.r_m * self.c_m
        voltage = np.empty(t.size)
        voltage[0] = drive[0]
        decay = np.exp(-np.diff(t) / tau)
        slope = np.diff(drive) / np.diff(t)
        for k in range(t.size - 1):
            # Particular solution of a ramp: drive - tau slope; what is left of the start decays.
            start, end = drive[k] - tau * slope[k], drive[k + 1] - tau * slope[k]
            voltage[k + 1] = end + (voltage[k] - start) * decay[k]
        return voltage
