"""Leaky integrator with a programmable capacitance: step of a spike, decay, time constant against the state."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]

#: Nodes of the quadrature of a decay, and substeps of a pulse or gap: below 1e-5 of a decay to 1/e.
NODES, SUBSTEPS = 24, 8

#: Thermal voltage at 300.15 K (V).
U_T = 0.0258648


@dataclass(frozen=True, kw_only=True)
class LeakyIntegrator:
    r"""Frozen parameters of leaky integrators; arrays broadcast to one shape.

    :math:`C \dot V = I_{in} (1 - g_{out} V) - (V_s/R) \sinh(V/V_s) - I_L (1 - e^{-V/U_T})
    - g_L V + I_{up}` with
    :math:`C = C_{low} + (C_{high} - C_{low}) x + C_{par}`.

    Attributes
    ----------
    state
        x of the memcapacitor, 0 to 1.
    c_low, c_high, c_par
        Of the memcapacitor at x = 0 and 1, and of what hangs on the membrane (F).
    resistance, v_sinh
        Of the memristor at small voltage (ohm), and V_s (V).
    i_leak, g_leak, i_up
        Weak-inversion current of the transistor that is off (A), slope of other leakage (S), and what charges (A).
    u_t
        Thermal voltage (V).
    i_in, g_out, q_edge
        Current of a spike (A), its relative fall per volt of the membrane (1/V), charge that its edges add (C).

    Raises
    ------
    ModelError
        On construction, for values that are not finite or out of range, or shapes that do not broadcast.
    """

    state: ArrayLike
    c_low: ArrayLike
    c_high: ArrayLike
    resistance: ArrayLike
    v_sinh: ArrayLike
    i_in: ArrayLike
    c_par: ArrayLike = 0.0
    i_leak: ArrayLike = 0.0
    g_leak: ArrayLike = 0.0
    i_up: ArrayLike = 0.0
    u_t: ArrayLike = U_T
    g_out: ArrayLike = 0.0
    q_edge: ArrayLike = 0.0

    def __post_init__(self) -> None:
        """Check values; keep read-only arrays of one shape."""
        names = [f.name for f in fields(self)]
        arrays = {name: np.asarray(getattr(self, name), dtype=np.float64) for name in names}
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
        except ValueError:
            shapes = ", ".join(f"{n} {a.shape}" for n, a in arrays.items() if a.ndim)
            raise ModelError(f"leaky integrator: shapes do not broadcast: {shapes}") from None
        for name, array in arrays.items():
            _check(name, array)
            object.__setattr__(self, name, np.broadcast_to(array, shape))
        if np.any(arrays["c_high"] < arrays["c_low"]):
            raise ModelError("leaky integrator: c_high must be c_low or more everywhere")

    @property
    def capacitance(self) -> FloatArray:
        """Capacitance of the membrane at the present state (F)."""
        low, high = np.asarray(self.c_low), np.asarray(self.c_high)
        return np.asarray(low + (high - low) * np.asarray(self.state) + np.asarray(self.c_par))

    def tau(self) -> FloatArray:
        """Time constant at 0 V, R C(x) with the slopes of the leakage (s)."""
        slope = 1.0 / np.asarray(self.resistance) + np.asarray(self.g_leak)
        slope = slope + np.asarray(self.i_leak) / np.asarray(self.u_t)
        return np.asarray(self.capacitance / slope)

    def drain(self, v: ArrayLike) -> FloatArray:
        """Current out of the membrane without input (A)."""
        voltage, scale = np.asarray(v, dtype=np.float64), np.asarray(self.v_sinh)
        memory = scale / np.asarray(self.resistance) * np.sinh(np.clip(voltage / scale, -40.0, 40.0))
        off = -np.asarray(self.i_leak) * np.expm1(-voltage / np.asarray(self.u_t))
        return np.asarray(memory + off + np.asarray(self.g_leak) * voltage - np.asarray(self.i_up))

    def decay(self, v_start: ArrayLike, v_end: ArrayLike) -> FloatArray:
        """Time (s) of a decay between two positive voltages; infinite where it stops before the end."""
        ends = np.asarray(v_start, dtype=np.float64), np.asarray(v_end, dtype=np.float64)
        top, bottom, _ = np.broadcast_arrays(*ends, np.asarray(self.state))
        if np.any(bottom <= 0.0) or np.any(top < bottom):
            raise ModelError("decay: accepted are voltages v_start >= v_end > 0 V")
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        span = np.log(top / bottom)[..., None]
        v = bottom[..., None] * np.exp(0.5 * span * (nodes + 1.0))
        out = np.moveaxis(self.drain(np.moveaxis(v, -1, 0)), 0, -1)
        stops = np.any(out <= 0.0, axis=-1)
        time = 0.5 * span[..., 0] * np.sum(weights * v / np.where(out > 0.0, out, 1.0), axis=-1)
        return np.where(stops, np.inf, time * self.capacitance)

    def advance(self, v: ArrayLike, duration: float, *, driven: bool = False) -> FloatArray:
        """Membrane (V) after ``duration`` (s) with or without the current of a spike; classical Runge-Kutta."""
        now = np.broadcast_to(np.asarray(v, dtype=np.float64), np.shape(self.state)).copy()
        if not math.isfinite(duration) or duration < 0.0:
            raise ModelError(f"duration {duration!r} s; accepted: finite, 0 s or more")
        step = duration / SUBSTEPS
        current = np.asarray(self.i_in) if driven else np.zeros(np.shape(self.state))
        capacitance, output = self.capacitance, np.asarray(self.g_out)

        def slope(at: FloatArray) -> FloatArray:
            return np.asarray((current * (1.0 - output * at) - self.drain(at)) / capacitance)

        for _ in range(SUBSTEPS if duration > 0.0 else 0):
            a = slope(now)
            b = slope(now + 0.5 * step * a)
            c = slope(now + 0.5 * step * b)
            d = slope(now + step * c)
            now = now + step / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        return np.asarray(now)

    def spike(self, v: ArrayLike, width: float) -> FloatArray:
        """Membrane (V) after an input spike of ``width`` (s): its current, and the charge of its edges."""
        return np.asarray(self.advance(v, width, driven=True) + np.asarray(self.q_edge) / self.capacitance)


def _check(name: str, array: FloatArray) -> None:
    positive = name in ("c_low", "c_high", "resistance", "v_sinh", "u_t")
    bad = ~np.isfinite(array) | ((array <= 0.0) if positive else np.zeros(array.shape, np.bool_))
    accepted = "above 0" if positive else "finite"
    if name == "state":
        bad |= (array < 0.0) | (array > 1.0)
        accepted = "0 to 1"
    if np.any(bad):
        raise ModelError(f"leaky integrator: {name} = {float(array[bad].flat[0])!r}; accepted: {accepted}")
