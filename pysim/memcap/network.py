r"""Recurrent spiking network with a time constant and a step size per neuron, both set by capacitances.

.. math::
    V_t = \max(V_{min}, a V_{t-1} (1 - s_{t-1}) + h (x_t W_{in} + s_{t-1} W_{rec})), \quad s_t = [V_t \ge V_{th}]

    U_t = b U_{t-1} + h_{out} (s_t W_{out}), \quad \text{score of a window} = \text{mean of } U_t \text{ over it}

with the exact propagator :math:`a = e^{-\Delta t / \tau}`, :math:`\tau = R C`, and the step of a spike
:math:`h = q / C` in units of the weights. Spikes are charges, so a membrane only falls between them:
on inputs that lie on the grid, with a transmission delay of one step, the threshold is crossed on the grid and nowhere
else, and nothing is approximated. Not in it: the curvature of the memristor and what transistors add
(:class:`pysim.memcap.integrator.LeakyIntegrator`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.delays.events import Events
from pysim.errors import ModelError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Backend = Literal["numba", "numpy"]

#: Bits of a neuron's summed |weights| that are kept; sums of 53 bits are exact in any order.
BITS = 48


@dataclass(frozen=True)
class Outcome:
    """What a network said: scores (samples, windows, outputs), number of spikes (samples, neurons)."""

    score: FloatArray
    count: IntArray

    @property
    def answer(self) -> IntArray:
        """Output with the largest score, (samples, windows)."""
        return np.asarray(self.score.argmax(axis=2))


@dataclass(frozen=True, kw_only=True)
class MemcapNetwork:
    """A recurrent network, frozen; rows of weights are where a spike comes from.

    Attributes
    ----------
    w_in, w_rec, w_out
        Step of a spike in units of the threshold, (inputs, neurons), (neurons, neurons), (neurons, outputs), at the
        capacitance where ``step`` is 1.
    tau, tau_out
        Time constants of neurons and outputs (s).
    step, step_out
        Step size relative to that of the weights, C_ref / C times what compensates it.
    dt
        Length of a step (s).
    threshold, floor
        Of the neurons: where they spike and are reset to 0, and where a sink of current ends; ``-inf`` for none.

    Raises
    ------
    ModelError
        On construction: shapes that do not fit, values that are not finite, time constants or steps that are not
        positive.
    """

    w_in: ArrayLike
    w_rec: ArrayLike
    w_out: ArrayLike
    tau: ArrayLike
    tau_out: ArrayLike
    dt: float
    step: ArrayLike = 1.0
    step_out: ArrayLike = 1.0
    threshold: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        """Check; keep read-only arrays."""
        if not (
            np.isfinite(self.dt) and self.dt > 0.0 and np.isfinite(self.threshold) and self.threshold > 0.0
        ):
            raise ModelError(
                f"recurrent network: dt = {self.dt!r} s, threshold = {self.threshold!r}; accepted: both above 0"
            )
        if not self.floor <= 0.0:
            raise ModelError(f"recurrent network: floor = {self.floor!r}; accepted: 0 or less")
        weights = {n: np.asarray(getattr(self, n), dtype=np.float64) for n in ("w_in", "w_rec", "w_out")}
        shapes = {name: w.shape for name, w in weights.items()}
        neurons = shapes["w_rec"][0] if weights["w_rec"].ndim == 2 else 0
        fits = (
            all(w.ndim == 2 and w.size for w in weights.values())
            and shapes["w_rec"] == (neurons, neurons)
            and shapes["w_in"][1] == neurons == shapes["w_out"][0]
        )
        if not fits:
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise ModelError(
                f"recurrent network: {found}; accepted: (inputs, neurons), (neurons, neurons), (neurons, outputs)"
            )
        for name, array in weights.items():
            if not np.all(np.isfinite(array)):
                raise ModelError(f"recurrent network: {name} holds a value that is not finite")
            object.__setattr__(self, name, array)
        for name, size in (("tau", neurons), ("step", neurons), ("tau_out", 0), ("step_out", 0)):
            self._spread(name, size or shapes["w_out"][1])

    def _spread(self, name: str, size: int) -> None:
        array = np.asarray(getattr(self, name), dtype=np.float64)
        if array.shape not in ((), (size,)):
            raise ModelError(
                f"recurrent network: {name} has shape {array.shape}; accepted: ({size},) or one number"
            )
        bad = ~(np.isfinite(array) & (array > 0.0))
        if np.any(bad):
            raise ModelError(f"recurrent network: {name} = {float(array[bad].flat[0])!r}; accepted: above 0")
        object.__setattr__(self, name, np.broadcast_to(array, (size,)))

    @property
    def inputs(self) -> int:
        """Input channels."""
        return int(np.shape(self.w_in)[0])

    @property
    def neurons(self) -> int:
        """Recurrent neurons."""
        return int(np.shape(self.w_rec)[0])

    @property
    def outputs(self) -> int:
        """Output integrators."""
        return int(np.shape(self.w_out)[1])

    def steps(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights as steps of the membranes, rounded to where sums are exact."""
        w_in, w_rec, w_out = (np.asarray(w, dtype=np.float64) for w in (self.w_in, self.w_rec, self.w_out))
        step, out = np.asarray(self.step), np.asarray(self.step_out)
        stacked = on_grid(np.concatenate([w_in, w_rec]) * step)
        return stacked[: self.inputs], stacked[self.inputs :], on_grid(w_out * out)

    def keeps(self) -> tuple[FloatArray, FloatArray]:
        """Propagators of a step, of neurons and outputs."""
        return np.exp(-self.dt / np.asarray(self.tau)), np.exp(-self.dt / np.asarray(self.tau_out))

    def run(self, events: Events, windows: ArrayLike, backend: Backend = "numba") -> Outcome:
        """Scores in ``windows`` (first step, behind the last) and spike counts.

        Raises
        ------
        ModelError
            For events on other channels than the network has, windows outside the run, an unknown backend.
        """
        asked = np.asarray(windows, dtype=np.int64)
        if events.channels != self.inputs:
            raise ModelError(
                f"events on {events.channels} channels; accepted: {self.inputs}, as the network has"
            )
        if (
            asked.ndim != 2 or asked.shape[1] != 2 or np.any(asked[:, 0] < 0) or np.any(asked[:, 1] > events.steps)
            or np.any(asked[:, 0] >= asked[:, 1])
        ):  # fmt: skip
            raise ModelError(
                f"windows {asked.tolist()}; accepted: pairs within 0 to {events.steps}, not empty"
            )
        if backend == "numpy":
            return self._defined(events, asked)
        if backend != "numba":
            raise ModelError(f"backend {backend!r}; accepted: numba, numpy")
        from pysim.kernels import memcap

        score = np.empty((events.samples, len(asked), self.outputs))
        count = np.empty((events.samples, self.neurons), dtype=np.int64)
        memcap.run(
            events.start, events.channel, events.steps, np.arange(events.samples), *self.steps(), *self.keeps(),
            self.threshold, self.floor, asked, score, count, np.zeros((0, 0, 0)),
        )  # fmt: skip
        return Outcome(score, count)

    def _defined(self, events: Events, windows: IntArray) -> Outcome:
        """The definition."""
        x = events.dense().astype(np.float64)
        (w_in, w_rec, w_out), (keep, keep_out) = self.steps(), self.keeps()
        v = np.zeros((events.samples, self.neurons))
        s, u = np.zeros_like(v), np.zeros((events.samples, self.outputs))
        total = np.zeros((events.samples, len(windows), self.outputs))
        count = np.zeros(v.shape, dtype=np.int64)
        for t in range(events.steps):
            v = keep * np.where(s > 0.0, 0.0, v) + (x[:, t] @ w_in + s @ w_rec)
            v = np.maximum(v, self.floor)
            s = (v >= self.threshold).astype(np.float64)
            count += s.astype(np.int64)
            u = keep_out * u + s @ w_out
            inside = (windows[:, 0] <= t) & (t < windows[:, 1])
            total[:, inside] += u[:, None]
        return Outcome(total / np.diff(windows), count)


def on_grid(weights: FloatArray) -> FloatArray:
    """Weights of every column rounded to a power of two 2^-48 of its sum of magnitudes: all their sums are exact."""
    size = np.abs(weights).sum(axis=0)
    unit = np.exp2(np.ceil(np.log2(np.where(size > 0.0, size, 1.0))) - BITS)
    return np.asarray(np.round(weights / unit) * unit)
