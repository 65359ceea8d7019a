"""Where inside a step a membrane reaches its threshold.

Between two arrivals V(t) = V_0 exp(-t / tau_m) + I_0 g(t) (:mod:`pysim.delays.soma`) has at most one maximum for
t > 0, where V = I:

    t_peak = [ln(1 - q V_0 / I_0) - ln(1 - q)] / (q / tau_m),   q = 1 - tau_m / tau_s,

and tau_m (1 - V_0 / I_0) at q = 0. Before it V rises, so the crossing is the only one there; Newton from a
parabola, kept inside its bracket, finds it. One function, run as it is by the definition and compiled by the kernel.
"""

from __future__ import annotations

import math

from numba.extending import register_jitable

#: Time constants closer than this (relative) need the form without cancellation.
_CLOSE = 1e-3
_EQUAL = 1e-9
_LAST_STEP = 1e-5
_ITERATIONS = 60


@register_jitable
def advance(v: float, i: float, t: float, tau_m: float, tau_s: float) -> tuple[float, float]:
    """Voltage and current after ``t`` (s)."""
    q = 1.0 - tau_m / tau_s
    keep, decay = math.exp(-t / tau_m), math.exp(-t / tau_s)
    if abs(q) > _CLOSE:
        return v * keep + i * ((decay - keep) / q), i * decay
    x = t * q / tau_m
    ratio = 1.0 + 0.5 * x if abs(x) < _EQUAL else math.expm1(x) / x
    return v * keep + i * ((t / tau_m) * keep * ratio), i * decay


@register_jitable
def first_crossing(
    v: float, i: float, v_end: float, i_end: float, end: float, tau_m: float, tau_s: float, threshold: float
) -> float:
    """Time (s) at which a membrane at ``v`` with current ``i`` reaches ``threshold``; -1 when not up to ``end``.

    ``v_end`` and ``i_end`` are where it would be at ``end``. The threshold is above the resting voltage, 0.
    """
    if v >= threshold:
        return 0.0
    q = 1.0 - tau_m / tau_s
    # V' = (I - V) / tau_m: V rises while I is above it, and I only decays. Far below rest it may never meet I; and
    # it cannot rise faster than the undecayed current drives it.
    if i <= v or i <= threshold or q * v >= i or max(v, 0.0) + i * end / tau_m < threshold:
        return -1.0
    high, top = end, v_end
    # Still rising at the end means that the maximum lies behind it.
    if i_end < v_end:
        if abs(q) < _EQUAL:
            high = min(end, tau_m * (1.0 - v / i))
        else:
            high = min(end, (math.log1p(-q * v / i) - math.log1p(-q)) * tau_m / q)
        top, _ = advance(v, i, high, tau_m, tau_s)
    if top < threshold:
        return -1.0
    # Start on the parabola through both ends with the slope of the first.
    slope = (i - v) / tau_m
    bend = (top - v - slope * high) / (high * high)
    root = slope * slope + 4.0 * bend * (threshold - v)
    low, t = 0.0, high
    if root > 0.0:
        t = min(2.0 * (threshold - v) / (slope + math.sqrt(root)), high)
    for _ in range(_ITERATIONS):
        value, current = advance(v, i, t, tau_m, tau_s)
        if value < threshold:
            low = t
        else:
            high = t
        slope = (current - value) / tau_m
        step = (threshold - value) / slope if slope > 0.0 else 0.0
        after = t + step
        if not low <= after <= high:
            after = 0.5 * (low + high)
        # Newton squares its error: the next step would be some 1e-11 of this one's interval.
        if abs(after - t) <= _LAST_STEP * end:
            return after
        t = after
    return t
