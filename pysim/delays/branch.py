"""A dendritic branch: delay elements, DPI synapses and a passive soma, in continuous time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.delays.element import DelayElement
from pysim.errors import ModelError
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FiringSoma:
    """Threshold of a soma that a comparator watches.

    Attributes
    ----------
    threshold
        Membrane voltage that fires (V), above 0.
    lag
        Of the comparator (V s): on a ramp of slope S it answers sqrt(lag/S) late, as in a delay cell.
    t_dead
        From a spike until the membrane starts anew from ground (s).
    """

    threshold: float
    lag: float = 0.0
    t_dead: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        if not (
            0.0 < self.threshold < math.inf and 0.0 <= self.lag < math.inf and 0.0 <= self.t_dead < math.inf
        ):
            raise ModelError(
                f"threshold = {self.threshold!r} V, lag = {self.lag!r} V s, t_dead = {self.t_dead!r} s; accepted: "
                "> 0 V, 0 V s or more, 0 s or more"
            )

    def answer(self, slope: float) -> float:
        """Time from the crossing to the spike on a ramp of ``slope`` (V/s)."""
        return math.sqrt(self.lag / slope)


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
        t = _ascending(times)
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

    def fire(self, trains: Sequence[ArrayLike], times: ArrayLike, soma: FiringSoma) -> FloatArray:
        """Spikes of the soma (s) between the first and the last of ``times``, from rest.

        The membrane is that of :meth:`voltage` until it passes the threshold, and starts anew from ground once the
        spike is over; the crossing is located inside the step.
        """
        t = _ascending(times)
        drive = self.r_m * self.current(trains, t)
        tau = self.r_m * self.c_m
        found: list[float] = []
        v, now, k = float(drive[0]), float(t[0]), 0
        while k < t.size - 1:
            slope = float(drive[k + 1] - drive[k]) / float(t[k + 1] - t[k])
            at_now = float(drive[k]) + slope * (now - float(t[k]))
            end = _along(v, at_now, slope, float(t[k + 1]) - now, tau)
            if v < soma.threshold <= end:
                share = (soma.threshold - v) / (end - v)
                rise = (end - v) / (float(t[k + 1]) - now)
                spike = now + share * (float(t[k + 1]) - now) + soma.answer(rise)
                found.append(spike)
                v, now = 0.0, spike + soma.t_dead
                k = int(np.searchsorted(t, now, "right")) - 1
            else:
                v, now, k = end, float(t[k + 1]), k + 1
        return np.array([spike for spike in found if spike <= float(t[-1])])


def _along(v: float, drive: float, slope: float, time: float, tau: float) -> float:
    """Membrane after ``time`` under a drive that is a ramp: the ramp's own solution, and what is left of the start."""
    return drive + slope * (time - tau) + (v - drive + tau * slope) * math.exp(-time / tau)


def _ascending(times: ArrayLike) -> FloatArray:
    """Times, two or more and strictly ascending."""
    t = np.asarray(times, dtype=np.float64)
    if t.ndim != 1 or t.size < 2 or not np.all(np.diff(t) > 0.0):
        raise ModelError("times: accepted are two or more, strictly ascending")
    return t
