"""DPI synapse: the full nonlinear equation, advanced exactly from spike to spike.

State x (A): output current extrapolated from weak inversion; u = (x / I_g)^m, r = I_w / I_tau, m = kappa_n /
kappa_p.

    pulse on    tau dx/dt = x [r / (1 + u) - 1]
    pulse off   x(t) = I_fl [1 + ((x_0 / I_fl)^(1/k) - 1) exp(-t / (k tau))]^k
    output      I_out = I_spec ln^2(1 + sqrt(x / I_spec))

For m = 1, k = 1, I_spec = inf this is Bartolozzi and Indiveri (2007), doi:10.1162/neco.2007.19.10.2581,
equation tau (1 + I_g / I) dI/dt + I = I_g I_in / I_tau - I_g, with an additive leakage floor. The floor
bounds x from below during a pulse too. A spike that arrives during a pulse extends it (pulse extender), it
does not add to it.

Valid where the circuit is: output transistor up to moderate inversion, pulses longer than the input stage
settles.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]
Backend = Literal["numpy", "numba"]

_MAX_NEWTON = 200
_POSITIVE = ("tau", "i_gain", "i_tau", "t_pulse", "slope_ratio", "kappa", "i_floor", "i_spec")


def pulse(
    x: ArrayLike, dt: ArrayLike, tau: ArrayLike, i_gain: ArrayLike, r: ArrayLike, m: ArrayLike
) -> FloatArray:
    """State after a pulse of length ``dt``: exact, by the implicit solution.

    With T = m dt / tau, a = r - 1 and p = integral of dT / (1 + u), the implicit solution
    t/tau = (1/m) {ln(u/u_0)/a + (r/a) ln[(a - u_0)/(a - u)]} is  p + ln(1 + u_0 (e^(a p) - 1) / a) = T  and
    ln(x/x_0) = (r p - T) / m, free of cancellation for every r >= 0 and every level. The left side is
    increasing and of one curvature, so Newton from the side where it is convex or concave converges
    monotonically.

    Parameters
    ----------
    x, dt
        State (A, > 0) and time (s, >= 0).
    tau, i_gain, r, m
        Time constant (s), I_g (A), I_w / I_tau, slope ratio.
    """
    x, dt, tau, i_gain, r, m = (
        np.asarray(q, dtype=np.float64) for q in np.broadcast_arrays(x, dt, tau, i_gain, r, m)
    )
    total = m * dt / tau
    v = np.clip(m * np.log(x / i_gain), -700.0, 700.0)
    a = r - 1.0
    size = np.abs(a)
    p = total / (1.0 + np.exp(v))
    active = p > 0.0
    for _ in range(_MAX_NEWTON):
        q = size * p
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(q < 1e-12, p, -np.expm1(-q) / size)
            level = v + np.maximum(a * p, 0.0) + np.log(ratio)
        soft = np.maximum(level, 0.0) + np.log1p(np.exp(-np.abs(level)))
        step = (p + soft - total) / (1.0 + np.exp(v + a * p - soft))
        p = np.where(active, np.clip(p - step, 1e-3 * p, total), p)
        # Quadratic convergence: the error left after this step is of the order of its square.
        active &= np.abs(step) > 1e-9 * p
        if not active.any():
            break
    return np.asarray(x * np.exp((r * p - total) / m))


def decay(x: ArrayLike, dt: ArrayLike, tau: ArrayLike, kappa: ArrayLike, i_floor: ArrayLike) -> FloatArray:
    """State after a time ``dt`` without a pulse: exact."""
    x, dt, tau, k, floor = (
        np.asarray(q, dtype=np.float64) for q in np.broadcast_arrays(x, dt, tau, kappa, i_floor)
    )
    e = np.exp(-dt / (k * tau))
    return np.asarray((floor ** (1 / k) * (1.0 - e) + x ** (1 / k) * e) ** k)


def output(x: ArrayLike, i_spec: ArrayLike) -> FloatArray:
    """Output current of the state x: EKV interpolation out of weak inversion; ``i_spec`` = inf gives x."""
    x, i_spec = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(i_spec, dtype=np.float64))
    finite = np.isfinite(i_spec)
    scale = np.where(finite, i_spec, 1.0)
    return np.where(finite, scale * np.log1p(np.sqrt(x / scale)) ** 2, x)


@dataclass(frozen=True, kw_only=True)
class DpiSynapse:
    """A batch of DPI synapses: every field is an array or number, all broadcast to one ``shape``.

    Attributes
    ----------
    tau
        C U_T / (kappa (I_tau + I_leak)) (s).
    i_gain, i_weight, i_tau
        I_g, I_w, I_tau (A).
    t_pulse
        Effective length of the extended input pulse (s).
    slope_ratio
        m = kappa_n / kappa_p of the pair against the output transistor.
    kappa
        Exponent k of the decay near rest.
    i_floor
        Leakage floor (A), where the state rests; > 0.
    i_spec
        Specific current of the output transistor (A); inf: weak inversion at every level.

    Raises
    ------
    ModelError
        When a parameter is not positive (``i_weight`` may be zero) or not finite (``i_spec`` may be
        infinite).
    """

    tau: ArrayLike
    i_gain: ArrayLike
    i_weight: ArrayLike
    i_tau: ArrayLike
    t_pulse: ArrayLike
    slope_ratio: ArrayLike = 1.0
    kappa: ArrayLike = 1.0
    i_floor: ArrayLike = 1e-15
    i_spec: ArrayLike = math.inf

    def __post_init__(self) -> None:
        """Check and broadcast the parameters."""
        names = [f.name for f in dataclasses.fields(self)]
        arrays = np.broadcast_arrays(*(np.asarray(getattr(self, n), dtype=np.float64) for n in names))
        for name, array in zip(names, arrays, strict=True):
            bad = ~(array > 0.0) if name in _POSITIVE else ~(array >= 0.0)
            if name != "i_spec":
                bad |= ~np.isfinite(array)
            if bad.any():
                need = "> 0" if name in _POSITIVE else ">= 0"
                value = float(array[bad].flat[0])
                raise ModelError(f"DPI synapse: {name} = {value!r}; accepted: finite and {need}")
            object.__setattr__(self, name, array)

    def broadcast(self, shape: tuple[int, ...]) -> DpiSynapse:
        """The same synapses as a batch of ``shape``."""
        names = [f.name for f in dataclasses.fields(self)]
        return DpiSynapse(**{n: np.broadcast_to(self.array(n), shape) for n in names})

    def part(self, index: slice) -> DpiSynapse:
        """The synapses of a part of the first axis."""
        return DpiSynapse(**{f.name: self.array(f.name)[index] for f in dataclasses.fields(self)})

    def array(self, name: str) -> FloatArray:
        """Parameter as an array of the batch's shape."""
        return np.asarray(getattr(self, name), dtype=np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch."""
        return self.array("tau").shape

    @cached_property
    def r(self) -> FloatArray:
        """I_w / I_tau."""
        return self.array("i_weight") / self.array("i_tau")

    def parameters(self) -> FloatArray:
        """Parameters as the kernels take them, shape (8, size): tau, I_g, r, t_pulse, m, k, I_fl, I_spec."""
        rows = [
            self.tau,
            self.i_gain,
            self.r,
            self.t_pulse,
            self.slope_ratio,
            self.kappa,
            self.i_floor,
            self.i_spec,
        ]
        return np.ascontiguousarray([np.asarray(row, dtype=np.float64).ravel() for row in rows])

    def after_spike(self, x: FloatArray, dt: ArrayLike) -> FloatArray:
        """State ``dt`` seconds after a spike that found the state ``x``; trailing axes broadcast."""
        extra = max(np.ndim(x), np.ndim(dt)) - len(self.shape)
        q = {f.name: self.array(f.name).reshape(self.shape + (1,) * extra) for f in dataclasses.fields(self)}
        r = self.r.reshape(self.shape + (1,) * extra)
        dt = np.asarray(dt, dtype=np.float64)
        on = np.minimum(dt, q["t_pulse"])
        risen = np.maximum(pulse(x, on, q["tau"], q["i_gain"], r, q["slope_ratio"]), q["i_floor"])
        return decay(risen, dt - on, q["tau"], q["kappa"], q["i_floor"])

    def states(self, spikes: ArrayLike) -> FloatArray:
        """State that each spike finds, shape ``shape + (n,)``.

        ``spikes``: times in seconds, ascending, shape (n,) for a common train or ``shape + (n,)``; +inf pads.
        """
        t = np.broadcast_to(np.asarray(spikes, dtype=np.float64), (*self.shape, np.shape(spikes)[-1]))
        found = np.empty(t.shape)
        x = self.array("i_floor").copy()
        for k in range(t.shape[-1]):
            if k:
                with np.errstate(invalid="ignore"):
                    gap = np.where(np.isfinite(t[..., k]), t[..., k] - t[..., k - 1], 0.0)
                x = self.after_spike(x, gap)
            found[..., k] = x
        return found

    def run(self, spikes: ArrayLike, times: ArrayLike, *, backend: Backend = "numba") -> FloatArray:
        """Output current at arbitrary ``times``, shape ``shape + (len(times),)``, from rest at the floor.

        The state is touched at spikes only; currents between spikes follow from the state at the last spike.

        Parameters
        ----------
        spikes
            Spike times (s), ascending, shape (n,) for a common train or ``shape + (n,)``; +inf pads.
        times
            Sample times (s), shape (k,).
        backend
            "numpy" is the definition, "numba" its compiled twin.

        Raises
        ------
        ModelError
            When spike times are not ascending or NaN.
        """
        t = np.asarray(spikes, dtype=np.float64)
        at = np.asarray(times, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            if np.isnan(t).any() or (np.diff(t, axis=-1) < 0).any():
                raise ModelError("spike times must be ascending numbers (+inf pads the end)")
        t = np.broadcast_to(t, (*self.shape, t.shape[-1]))
        if backend == "numba":
            from pysim.kernels import dpi

            flat = np.ascontiguousarray(t.reshape(math.prod(self.shape), t.shape[-1]))
            return dpi.run_synapses(self.parameters(), flat, at).reshape(*self.shape, at.size)
        return output(self._sampled(t, at), self.array("i_spec")[..., None])

    def _sampled(self, t: FloatArray, at: FloatArray) -> FloatArray:
        """State at the times ``at``."""
        floor = np.broadcast_to(self.array("i_floor")[..., None], (*self.shape, at.size))
        if t.shape[-1] == 0:
            return floor.copy()
        last = (t[..., None, :] <= at[:, None]).sum(axis=-1) - 1
        index = np.maximum(last, 0)
        start = np.take_along_axis(t, index, axis=-1)
        x = np.take_along_axis(self.states(t), index, axis=-1)
        with np.errstate(invalid="ignore"):
            elapsed = np.where(last >= 0, at - start, 0.0)
        return np.where(last >= 0, self.after_spike(x, elapsed), floor)

    def run_linear(self, spikes: ArrayLike, times: ArrayLike) -> FloatArray:
        """Linear limit (I_w >> I_tau, I >> I_g): tau dI/dt + I = (I_g I_w / I_tau) in a pulse, superposition
        holds.

        Arguments and result as in :meth:`run`; no floor, no saturation of the output transistor.
        """
        t = np.asarray(spikes, dtype=np.float64)
        t = np.broadcast_to(t, (*self.shape, t.shape[-1]))
        at = np.asarray(times, dtype=np.float64)
        tau = self.array("tau")[..., None]
        width = self.array("t_pulse")[..., None]
        total = np.zeros((*self.shape, at.size))
        for k in range(t.shape[-1]):
            start = t[..., k, None]
            end = start + width
            if k + 1 < t.shape[-1]:
                end = np.minimum(end, t[..., k + 1, None])
            # Response to a rectangle [start, end]: difference of two exponential relaxations.
            with np.errstate(invalid="ignore"):
                since_start = np.where(np.isfinite(start), np.maximum(at - start, 0.0), 0.0)
                since_end = np.where(np.isfinite(start), np.maximum(at - end, 0.0), 0.0)
            total += np.exp(-since_end / tau) - np.exp(-since_start / tau)
        return total * (self.array("i_gain") * self.r)[..., None]
