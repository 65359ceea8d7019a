"""Spiking neuron on the leaky integrator: threshold with the comparator's lag, reset, refractory pulse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.memcap.integrator import LeakyIntegrator

FloatArray = NDArray[np.float64]

#: Nodes of the quadrature of a rise: below 1e-6 of its time at 2 % above the smallest current that fires.
NODES = 96
#: Slope at which ``t_stage`` is stated (V/s).
SLOPE = 100.0
#: Bisections of a crossing inside a step: 1e-9 of its length.
BISECTIONS = 30


@dataclass(frozen=True, kw_only=True)
class SpikingCell:
    r"""One neuron: the integrator fires where it crosses ``v_threshold`` and is held until the pulse has ended.

    A crossing at slope S is seen ``t_stage`` + ``t_log`` ln(100 V/s / S) late, which is what a starved comparator was
    found to take (one ideal integrating stage would take the root of 1/S).
    The output rises then, which is the spike; the membrane leaves ``v_reset`` when the pulse of ``t_pulse`` ends.

    Attributes
    ----------
    cell
        The membrane; of one neuron (its arrays have no axes).
    v_threshold
        Threshold with the comparator's offset (V).
    v_reset
        Membrane when the reset lets go (V).
    t_stage, t_log
        Delay of the stages at 100 V/s, and by how much a slope e times smaller lengthens it (s).
    t_pulse
        Width of the output pulse (s).

    Raises
    ------
    ModelError
        On construction, for values that are not finite or out of range, or a membrane of several neurons.
    """

    cell: LeakyIntegrator
    v_threshold: float
    v_reset: float = 0.0
    t_stage: float = 0.0
    t_log: float = 0.0
    t_pulse: float = 0.0

    def __post_init__(self) -> None:
        """Check values."""
        if np.shape(self.cell.state) != ():
            raise ModelError(
                f"spiking cell: the membrane has shape {np.shape(self.cell.state)}; accepted: one neuron"
            )
        for name in ("v_threshold", "v_reset", "t_stage", "t_log", "t_pulse"):
            value = getattr(self, name)
            if not math.isfinite(value) or (name != "v_reset" and value < 0.0):
                raise ModelError(f"spiking cell: {name} = {value!r}; accepted: finite, 0 or more")
        if self.v_threshold <= self.v_reset:
            raise ModelError(
                f"spiking cell: v_threshold = {self.v_threshold!r} V; accepted: above v_reset = {self.v_reset!r} V"
            )

    def interval(self, current: float) -> float:
        """Interval of spikes at a constant current (s); infinite where the membrane never reaches the threshold."""
        return self.t_pulse + self._time_to_fire(self.v_reset, current)

    def constant(self, current: float, count: int, v_start: float | None = None) -> FloatArray:
        """First ``count`` spike times (s) at a constant current (A) from ``v_start`` (V), else from the reset."""
        first = self._time_to_fire(self.v_reset if v_start is None else v_start, current)
        return np.asarray(first + self.interval(current) * np.arange(count))

    def respond(
        self, starts: Sequence[float], width: float, duration: float, v_start: float = 0.0
    ) -> FloatArray:
        """Spike times (s) under input spikes of ``width`` (s) that begin at ``starts`` (s), until ``duration`` (s).

        An input spike that lies within a pulse's hold is lost in part or whole, as in the circuit.

        Raises
        ------
        ModelError
            For input spikes that are not in ascending order or overlap.
        """
        begins = np.asarray(starts, dtype=np.float64)
        if np.any(np.diff(begins) < width) or not math.isfinite(width) or width <= 0.0:
            raise ModelError(
                "input spikes: accepted are ascending times that do not overlap, and a width above 0 s"
            )
        edges = np.concatenate([np.repeat(begins, 2) + np.tile([0.0, width], begins.size), [duration]])
        now, v, driven, spikes, free = 0.0, v_start, False, [], 0.0
        for edge in edges[edges <= duration]:
            while now < edge:
                if free >= edge:
                    now, v = float(edge), self.v_reset
                    break
                if free > now:
                    now, v = free, self.v_reset
                fired = self._crossing(v, float(edge) - now, driven)
                if fired is None:
                    v = float(self.cell.advance(v, float(edge) - now, driven=driven))
                    now = float(edge)
                    continue
                spikes.append(now + fired)
                now, v, free = now + fired, self.v_reset, now + fired + self.t_pulse
            # The charge of an input spike's edges comes with its end.
            if driven and free <= now:
                v += float(np.asarray(self.cell.q_edge) / self.cell.capacitance)
            driven = not driven
        return np.asarray(spikes)

    def _time_to_fire(self, v_start: float, current: float) -> float:
        """From ``v_start`` at a constant current to the output's rise (s)."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        half = 0.5 * (self.v_threshold - v_start)
        v = v_start + half * (nodes + 1.0)
        net = current * (1.0 - float(np.asarray(self.cell.g_out)) * v) - self.cell.drain(v)
        top = self._slope(self.v_threshold, current)
        if np.any(net <= 0.0) or top <= 0.0:
            return math.inf
        rise = float(self.cell.capacitance) * half * float(np.sum(weights / net))
        return rise + self._late(top)

    def _slope(self, v: float, current: float) -> float:
        net = current * (1.0 - float(np.asarray(self.cell.g_out)) * v) - float(self.cell.drain(v))
        return net / float(self.cell.capacitance)

    def _late(self, slope: float) -> float:
        return max(self.t_stage + self.t_log * math.log(SLOPE / slope), 0.0)

    def _crossing(self, v: float, duration: float, driven: bool) -> float | None:
        """Time until the output rises (s), if the threshold is crossed within ``duration``."""
        end = float(self.cell.advance(v, duration, driven=driven))
        if v >= self.v_threshold:
            return self.t_stage
        if end < self.v_threshold:
            return None
        low, high = 0.0, duration
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            above = float(self.cell.advance(v, middle, driven=driven)) >= self.v_threshold
            low, high = (low, middle) if above else (middle, high)
        current = float(np.asarray(self.cell.i_in)) if driven else 0.0
        return high + self._late(max(self._slope(self.v_threshold, current), 1e-9))
