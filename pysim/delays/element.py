"""Single-event delay element: a resistive memory, a capacitor and a threshold.

Two topologies. ``decay``: a spike sets the capacitor to ``v_start``, the memory discharges it to ``v_trip``.
``charge``: a spike sets a latch, and the capacitor charges from 0 V to ``v_trip`` through the memory from ``v_start``.
Either stores one spike: a second one within the delay starts a decay anew (the first is merged into it) and finds
the latch of a charge set (it is dropped).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]
Topology = Literal["decay", "charge"]

#: Nodes of the Gauss-Legendre quadrature; 1e-12 of the delay unless the net current nearly vanishes at the trip.
NODES = 48


def leak_delay(
    resistance: ArrayLike, capacitance: ArrayLike, v_start: ArrayLike, v_trip: ArrayLike, i_leak: ArrayLike
) -> FloatArray:
    r"""Time (s) of a linear discharge with a constant leakage.

    :math:`C \dot V = -V/R - I_L` gives :math:`t = R C \ln[(V_0 + I_L R) / (V_{th} + I_L R)]`; its limit at
    R -> infinity is :math:`C (V_0 - V_{th}) / I_L`. Ohm, F, V, A; a negative leakage charges. Exact; infinite
    where the capacitor settles above the trip level.
    """
    r, c, v0, v1, leak = _floats(resistance, capacitance, v_start, v_trip, i_leak)
    low = v1 + leak * r
    with np.errstate(divide="ignore", invalid="ignore"):
        time = r * c * np.log1p((v0 - v1) / low)
    return np.where(low > 0.0, time, np.inf)


def charge_delay(
    resistance: ArrayLike, capacitance: ArrayLike, v_start: ArrayLike, v_trip: ArrayLike, i_leak: ArrayLike
) -> FloatArray:
    r"""Time (s) of a linear charge from 0 V towards ``v_start`` with a constant leakage from the capacitor.

    :math:`t = R C \ln[(V_0 - I_L R) / (V_0 - V_{th} - I_L R)]`; infinite where the leakage holds the capacitor
    below the trip level.
    """
    r, c, v0, v1, leak = _floats(resistance, capacitance, v_start, v_trip, i_leak)
    return leak_delay(r, c, v0, v0 - v1, -leak)


def sinh_delay(
    resistance: ArrayLike, capacitance: ArrayLike, v_start: ArrayLike, v_trip: ArrayLike, v_sinh: ArrayLike
) -> FloatArray:
    r"""Time (s) of a discharge through I = (V_s/R) sinh(V/V_s), without leakage.

    :math:`t = R C \ln[\tanh(V_0/2V_s) / \tanh(V_{th}/2V_s)]`, R being the resistance at small voltage. Exact;
    ``v_sinh`` infinite: linear.
    """
    r, c, v0, v1, vs = _floats(resistance, capacitance, v_start, v_trip, v_sinh)
    return np.where(
        np.isinf(vs), r * c * np.log(v0 / v1), r * c * (_ln_tanh(0.5 * v0 / vs) - _ln_tanh(0.5 * v1 / vs))
    )


def _ln_tanh(x: FloatArray) -> FloatArray:
    """ln tanh x, also where tanh x rounds to 1."""
    small = np.exp(-2.0 * x)
    with np.errstate(divide="ignore"):
        return np.log(-np.expm1(-2.0 * x)) - np.log1p(small)


def _floats(*values: ArrayLike) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


@dataclass(frozen=True, kw_only=True)
class DelayElement:
    r"""Frozen parameters of delay elements; arrays broadcast to one shape.

    Capacitor current: :math:`I(W) = (V_s/R) \sinh(W/V_s) \pm (I_L + g_L V)`, W over the memory, V over the
    capacitor; + for ``decay`` (W = V), - for ``charge`` (W = v_start - V).

    Attributes
    ----------
    resistance, capacitance
        Of the memory at small voltage (ohm), of the capacitor with what hangs on it (F).
    v_start, v_trip
        Voltage that sets or charges the capacitor, and its voltage at the trip (V).
    v_sinh
        V_s of the memory (V); infinite: linear.
    i_leak, g_leak
        Leakage out of the capacitor at 0 V (A) and its increase with voltage (S).
    t_stage
        What threshold stage and input switch add to every delay (s).
    lag
        Of the threshold stage (V s): it integrates its overdrive, so a ramp of slope S is seen sqrt(lag / S) late.
    t_rearm
        From an output pulse until the element takes a spike again (s); ``charge`` only.
    topology
        ``decay`` or ``charge``.

    Raises
    ------
    ModelError
        On construction, for values that are not finite or out of range, or shapes that do not broadcast.
    """

    resistance: ArrayLike
    capacitance: ArrayLike
    v_start: ArrayLike
    v_trip: ArrayLike
    v_sinh: ArrayLike = np.inf
    i_leak: ArrayLike = 0.0
    g_leak: ArrayLike = 0.0
    t_stage: ArrayLike = 0.0
    lag: ArrayLike = 0.0
    t_rearm: ArrayLike = 0.0
    topology: Topology = "decay"

    def __post_init__(self) -> None:
        """Check values; keep read-only arrays of one shape."""
        if self.topology not in get_args(Topology):
            raise ModelError(f"topology {self.topology!r}; accepted: {', '.join(get_args(Topology))}")
        names = [f.name for f in fields(self) if f.name != "topology"]
        arrays = dict(zip(names, _floats(*(getattr(self, n) for n in names)), strict=True))
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
        except ValueError:
            shapes = ", ".join(f"{n} {a.shape}" for n, a in arrays.items() if a.ndim)
            raise ModelError(f"delay element: shapes do not broadcast: {shapes}") from None
        for name, array in arrays.items():
            _check(name, array)
            full = np.broadcast_to(array, shape)
            object.__setattr__(self, name, full)
        if np.any(arrays["v_trip"] >= arrays["v_start"]):
            raise ModelError("delay element: v_trip must lie below v_start everywhere")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the elements."""
        return np.shape(self.resistance)

    def delay(self) -> FloatArray:
        """Delay of every element (s); infinite where it never fires.

        Gauss-Legendre quadrature over the logarithm of the memory's voltage; within 0.1 % of the closed forms
        :func:`leak_delay`, :func:`charge_delay` and :func:`sinh_delay`, and of the differential equation.
        """
        r, c, v0, v1, vs, leak, slope = _floats(
            *(self.resistance, self.capacitance, self.v_start, self.v_trip, self.v_sinh),
            *(self.i_leak, self.g_leak),
        )
        charges = self.topology == "charge"
        top, bottom = v0, v0 - v1 if charges else v1
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        span = np.log(top / bottom)[..., None]
        w = bottom[..., None] * np.exp(0.5 * span * (nodes + 1.0))
        memory = _sinh_current(w, r[..., None], vs[..., None])
        v = v0[..., None] - w if charges else w
        drain = leak[..., None] + slope[..., None] * v
        net = memory - drain if charges else memory + drain
        # The net current falls to the trip, so its smallest value decides whether the element fires at all.
        end_v, end_w = (v1, v0 - v1) if charges else (v1, v1)
        end = _sinh_current(end_w, r, vs) + (-1.0 if charges else 1.0) * (leak + slope * end_v)
        fires = (end > 0.0) & np.all(net > 0.0, axis=-1)
        safe = np.where(fires[..., None], net, 1.0)
        time = c * 0.5 * span[..., 0] * np.sum(weights * w / safe, axis=-1)
        late = np.sqrt(np.asarray(self.lag, dtype=np.float64) * c / np.where(fires, end, 1.0))
        total: FloatArray = np.where(fires, time + late, np.inf) + np.asarray(self.t_stage, dtype=np.float64)
        return total

    def filter(self, spike_times: ArrayLike, element: tuple[int, ...] = ()) -> FloatArray:
        """Input spikes (s) that come out again, of one element; the pulses follow :meth:`delay` later.

        ``decay``: a spike passes when the next comes after its pulse. ``charge``: a spike passes when the element
        has fired on the one it took before and is armed again.

        Parameters
        ----------
        spike_times
            Ascending, finite.
        element
            Index of the element; empty for an element without shape.

        Raises
        ------
        ModelError
            For times out of order or not finite, or an index that names no single element.
        """
        times = spike_train(spike_times)
        delays, rearms = self.delay(), np.asarray(self.t_rearm, dtype=np.float64)
        try:
            delay, rearm = float(delays[element]), float(rearms[element])
        except (IndexError, TypeError):
            raise ModelError(
                f"element {element!r} of elements of shape {self.shape}; accepted: an index of one"
            ) from None
        if not np.isfinite(delay):
            return times[:0]
        if self.topology == "decay":
            last = np.ones(min(times.size, 1), np.bool_)
            alone: FloatArray = times[np.append(np.diff(times) > delay, last)]
            return alone
        kept: list[float] = []
        for time in times:
            if not kept or time > kept[-1] + delay + rearm:
                kept.append(float(time))
        return np.array(kept)

    def fire(self, spike_times: ArrayLike, element: tuple[int, ...] = ()) -> FloatArray:
        """Output pulses (s) of one element: the spikes that pass, later by its delay."""
        passed = self.filter(spike_times, element)
        return passed + float(self.delay()[element]) if passed.size else passed


def _sinh_current(v: FloatArray, resistance: FloatArray, v_sinh: FloatArray) -> FloatArray:
    """Current of the memory; linear where ``v_sinh`` is infinite."""
    x = v / v_sinh
    ratio = np.where(x > 1e-8, np.sinh(np.minimum(x, 700.0)) / np.maximum(x, 1e-300), 1.0)
    return v / resistance * ratio


def spike_train(times: ArrayLike) -> FloatArray:
    """Spike times as an array.

    Raises
    ------
    ModelError
        Naming the first time that is not finite or earlier than the one before it.
    """
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1:
        raise ModelError(f"spike times have shape {array.shape}; accepted: one dimension")
    bad = np.flatnonzero(~np.isfinite(array) | np.r_[False, np.diff(array) < 0.0])
    if bad.size:
        raise ModelError(
            f"spike time {bad[0]} is {array[bad[0]]!r} s; accepted: finite times in ascending order"
        )
    return array


def _check(name: str, array: FloatArray) -> None:
    positive = name in ("resistance", "capacitance", "v_start", "v_trip", "v_sinh")
    bad = np.isnan(array) | (np.isinf(array) & (name != "v_sinh"))
    bad |= (array <= 0.0) if positive else (array < 0.0) & (name in ("lag", "t_rearm"))
    if np.any(bad):
        accepted = "above 0" if positive else "finite, and 0 or more for lag and t_rearm"
        raise ModelError(f"delay element: {name} = {float(array[bad].flat[0])!r}; accepted: {accepted}")
