"""Compiled DPI synapse and neuron: the arithmetic of ``pysim.synapses.dpi`` and ``pysim.integrators``.

One instance after the other, in parallel over instances. Parameter rows of a synapse: 0 tau, 1 I_g, 2 r, 3
t_pulse, 4 m, 5 k, 6 I_fl, 7 I_spec; of a neuron as in ``DpiNeuron.parameters``. One file, because the
compiler's cache is keyed by the file of the outer function: a change of an inner one elsewhere would go
unnoticed.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from pysim import integrators

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_A = np.array(integrators.A)
_B = np.array(integrators.B)
_C = np.array(integrators.C)
_E = np.array(integrators.E)
_SAFETY, _SHRINK, _GROW = integrators.SAFETY, integrators.SHRINK, integrators.GROW
_LOCATE = integrators.LOCATE


@njit(cache=True, error_model="numpy")
def pulse(x: float, dt: float, tau: float, i_gain: float, r: float, m: float) -> float:
    """State after a pulse of length ``dt``; see :func:`pysim.synapses.dpi.pulse`."""
    total = m * dt / tau
    v = min(max(m * math.log(x / i_gain), -700.0), 700.0)
    a = r - 1.0
    size = abs(a)
    p = total / (1.0 + math.exp(v))
    if p > 0.0:
        for _ in range(200):
            q = size * p
            ratio = p if q < 1e-12 else -math.expm1(-q) / size
            level = v + max(a * p, 0.0) + math.log(ratio)
            soft = max(level, 0.0) + math.log1p(math.exp(-abs(level)))
            step = (p + soft - total) / (1.0 + math.exp(v + a * p - soft))
            p = min(max(p - step, 1e-3 * p), total)
            if abs(step) <= 1e-9 * p:
                break
    return x * math.exp((r * p - total) / m)


@njit(cache=True, error_model="numpy")
def decay(x: float, dt: float, tau: float, k: float, floor: float) -> float:
    """State after a time ``dt`` without a pulse."""
    e = math.exp(-dt / (k * tau))
    if k == 1.0:
        return floor * (1.0 - e) + x * e
    rest: float = (floor ** (1 / k) * (1.0 - e) + x ** (1 / k) * e) ** k
    return rest


@njit(cache=True, error_model="numpy")
def output(x: float, i_spec: float) -> float:
    """Output current of the state x."""
    if math.isfinite(i_spec):
        root = math.log1p(math.sqrt(x / i_spec))
        return i_spec * root * root
    return x


@njit(cache=True, error_model="numpy")
def after_spike(q: FloatArray, i: int, x: float, dt: float) -> float:
    """State of instance ``i``, ``dt`` seconds after a spike that found ``x``."""
    on = min(dt, q[3, i])
    x = max(pulse(x, on, q[0, i], q[1, i], q[2, i], q[4, i]), q[6, i])
    if dt > on:
        x = decay(x, dt - on, q[0, i], q[5, i], q[6, i])
    return x


@njit(cache=True, parallel=True, error_model="numpy")
def run_synapses(q: FloatArray, spikes: FloatArray, times: FloatArray) -> FloatArray:
    """Output currents, shape (instances, len(times)), from spike times of shape (instances, n)."""
    size, n = spikes.shape
    out = np.empty((size, times.size))
    order = np.argsort(times)
    for i in prange(size):
        x = q[6, i]
        k = -1
        for s in range(times.size):
            j = order[s]
            t = times[j]
            while k + 1 < n and spikes[i, k + 1] <= t:
                if k >= 0:
                    x = after_spike(q, i, x, spikes[i, k + 1] - spikes[i, k])
                k += 1
            now = x if k < 0 else after_spike(q, i, x, t - spikes[i, k])
            out[i, j] = output(now, q[7, i])
    return out


@njit(cache=True, error_model="numpy")
def _feedback(code: int, q: FloatArray, i: int, grid: FloatArray, y: float, ey: float) -> float:
    current: float = 0.0
    if code == 1:
        s = (q[2, i] * ey - q[9, i]) / q[10, i]
        e = math.exp(-abs(s))
        current = q[8, i] * (1.0 / (1.0 + e) if s >= 0 else e / (1.0 + e))
    elif code == 2:
        current = q[8, i] * math.exp(q[9, i] * (y + math.log(q[2, i] / q[8, i])))
    elif code == 3:
        cells = grid.shape[1] - 1
        position = (y + math.log(q[2, i]) - grid[0, 0]) * (cells / (grid[0, cells] - grid[0, 0]))
        position = min(max(position, 0.0), float(cells))
        k = min(int(position), cells - 1)
        f = position - k
        left = grid[1, k] + f * (3.0 - 2.0 * f) * f * (grid[1, k + 1] - grid[1, k])
        current = q[8, i] * (left + f * (1.0 - f) * ((1.0 - f) * grid[2, k] - f * grid[2, k + 1]))
    return current


@njit(cache=True, error_model="numpy")
def _present(p: FloatArray, s: int, i: int, x: float, since: float, end: float, t: float) -> float:
    if end > since:
        risen: float = max(pulse(x, t - since, p[0, s, i], p[1, s, i], p[2, s, i], p[4, s, i]), p[6, s, i])
        return risen
    return decay(x, t - since, p[0, s, i], p[5, s, i], p[6, s, i])


@njit(cache=True, error_model="numpy")
def _input(
    q: FloatArray,
    i: int,
    p: FloatArray,
    inhibitory: BoolArray,
    i_dc: float,
    x: FloatArray,
    since: FloatArray,
    end: FloatArray,
    t: float,
) -> tuple[float, float]:
    """Input and shunt current at time t."""
    i_in = i_dc
    shunt = 0.0
    for s in range(p.shape[1]):
        current = output(_present(p, s, i, x[s, i], since[s, i], end[s, i], t), p[7, s, i])
        if inhibitory[s]:
            shunt += current
        else:
            i_in += current
    return i_in, shunt


@njit(cache=True, error_model="numpy")
def _slope(
    code: int, q: FloatArray, i: int, grid: FloatArray, current: tuple[float, float], y: float
) -> float:
    i_in, shunt = current
    if q[13, i] != 1.0 and i_in > 0.0:
        i_in *= (i_in / q[2, i]) ** (q[13, i] - 1.0)
    y = min(max(y, -600.0), q[4, i] + 0.5)
    # One exponential serves all terms where the slope ratio is 1.
    e = math.exp(y)
    u = e if q[3, i] == 1.0 else math.exp(q[3, i] * y)
    if q[12, i] > 0.0 and i_in > 0.0:
        weak = i_in / (1.0 + u)
        u *= math.exp(-q[12, i] * (math.sqrt(i_in - weak) - math.sqrt(weak)))
    drawn = (q[1, i] + shunt) * (1.0 + q[11, i] * (y - q[4, i]))
    drive = i_in / (1.0 + u) - drawn + _feedback(code, q, i, grid, y, e)
    slope: float = (drive / q[1, i] + q[7, i] / e) / q[0, i]
    return slope


@njit(cache=True, error_model="numpy")
def _trial(
    code: int,
    q: FloatArray,
    i: int,
    grid: FloatArray,
    p: FloatArray,
    inhibitory: BoolArray,
    i_dc: float,
    x: FloatArray,
    since: FloatArray,
    end: FloatArray,
    t: float,
    y: float,
    k: FloatArray,
    h: float,
) -> tuple[float, float]:
    """One step of length h with the slopes in ``k``: new y, error estimate; k[6] is the slope at the end."""
    current = (0.0, 0.0)
    for stage in range(1, 6):
        increment = 0.0
        for j in range(stage):
            increment += _A[stage, j] * k[j]
        current = _input(q, i, p, inhibitory, i_dc, x, since, end, t + _C[stage] * h)
        k[stage] = _slope(code, q, i, grid, current, y + h * increment)
    total = 0.0
    for j in range(6):
        total += _B[j] * k[j]
    new = y + h * total
    # The last stage lies at the end of the step too: the same input.
    k[6] = _slope(code, q, i, grid, current, new)
    error = 0.0
    for j in range(7):
        error += _E[j] * k[j]
    return new, abs(h * error)


@njit(cache=True, error_model="numpy")
def _events(
    p: FloatArray,
    i: int,
    times: FloatArray,
    first: IntArray,
    stop: IntArray,
    x: FloatArray,
    since: FloatArray,
    end: FloatArray,
    t: float,
    until: float,
) -> float:
    """Apply the events that are due; time of the next one."""
    boundary = until
    for s in range(p.shape[1]):
        if end[s, i] > since[s, i] and end[s, i] <= t:
            x[s, i] = _present(p, s, i, x[s, i], since[s, i], end[s, i], end[s, i])
            since[s, i] = end[s, i]
        while first[s, i] < stop[s, i] and times[first[s, i]] <= t:
            x[s, i] = _present(p, s, i, x[s, i], since[s, i], end[s, i], t)
            since[s, i] = t
            end[s, i] = t + p[3, s, i]
            first[s, i] += 1
        if first[s, i] < stop[s, i]:
            boundary = min(boundary, times[first[s, i]])
        if end[s, i] > since[s, i]:
            boundary = min(boundary, end[s, i])
    return boundary


@njit(cache=True, error_model="numpy")
def _peak(y: float, new: float, d0: float, d1: float) -> tuple[float, float]:
    rise = new - y
    a2, a3 = 3.0 * rise - 2.0 * d0 - d1, d0 + d1 - 2.0 * rise
    s = d0 / (math.sqrt(a2 * a2 - 3.0 * a3 * d0) - a2)
    return s, y + s * (d0 + s * (a2 + s * a3))


@njit(cache=True, parallel=True, error_model="numpy")
def advance_all(
    q: FloatArray,
    code: int,
    grid: FloatArray,
    p: FloatArray,
    inhibitory: BoolArray,
    own: int,
    i_in: FloatArray,
    times: FloatArray,
    first: IntArray,
    stop: IntArray,
    time: FloatArray,
    membrane: FloatArray,
    step: FloatArray,
    held: FloatArray,
    x: FloatArray,
    since: FloatArray,
    end: FloatArray,
    steps: IntArray,
    until: float,
    tolerance: float,
    buffer: FloatArray,
    count: IntArray,
) -> None:
    """Advance every neuron to ``until``, or until its row of ``buffer`` is full of spike times."""
    for i in prange(q.shape[1]):
        t, y, h, n = time[i], membrane[i], step[i], count[i]
        hold = held[i]
        k = np.empty(7)
        slopes = np.empty(7)
        stale = True
        while t < until and n < buffer.shape[1]:
            boundary = _events(p, i, times, first, stop, x, since, end, t, until)
            if t < hold:
                t = min(boundary, hold)
                continue
            room = boundary - t
            clipped = h >= room
            trial = room if clipped else h
            if stale:
                now = _input(q, i, p, inhibitory, i_in[i], x, since, end, t)
                k[0] = _slope(code, q, i, grid, now, y)
                stale = False
            new, error = _trial(code, q, i, grid, p, inhibitory, i_in[i], x, since, end, t, y, k, trial)
            steps[i] += 1
            ratio = error / tolerance
            accepted = ratio <= 1.0 or trial <= 1e-13 * (t + q[0, i])
            factor = min(max(_SAFETY * max(ratio, 1e-10) ** -0.2, _SHRINK), _GROW)
            if accepted and new < q[4, i] and k[0] > 0 and k[6] < 0:
                peak, height = _peak(y, new, trial * k[0], trial * k[6])
                if height >= q[4, i] and peak < 0.99:
                    accepted = False
                    factor = peak
            proposed = trial * factor
            h = max(h, proposed) if accepted and clipped else proposed
            if not accepted:
                continue
            if new < q[4, i]:
                t = boundary if clipped else t + trial
                y = new
                k[0] = k[6]
                stale = clipped
                continue
            low, high = 0.0, trial
            guess = trial * (q[4, i] - y) / (new - y)
            slopes[0] = k[0]
            for _ in range(_LOCATE):
                value, _e = _trial(
                    code, q, i, grid, p, inhibitory, i_in[i], x, since, end, t, y, slopes, guess
                )
                if value >= q[4, i]:
                    high = guess
                else:
                    low = guess
                better = guess - (value - q[4, i]) / (slopes[6] if slopes[6] > 0 else 1.0)
                inside = slopes[6] > 0 and low <= better <= high
                guess = better if inside else 0.5 * (low + high)
            t += guess
            y = q[5, i]
            stale = True
            hold = t + q[6, i]
            if own >= 0:
                x[own, i] = _present(p, own, i, x[own, i], since[own, i], end[own, i], t)
                since[own, i] = t
                end[own, i] = t + p[3, own, i]
            buffer[i, n] = t
            n += 1
        time[i], membrane[i], step[i], count[i] = t, y, h, n
        held[i] = hold


@njit(cache=True, error_model="numpy")
def _sampled(samples: FloatArray, i: int, position: float) -> float:
    k = min(max(int(position), 0), samples.shape[1] - 2)
    f = position - k
    value: float = (1.0 - f) * samples[i, k] + f * samples[i, k + 1]
    return value


@njit(cache=True, parallel=True, error_model="numpy")
def rise_all(
    q: FloatArray,
    code: int,
    grid: FloatArray,
    i_in: FloatArray,
    y: FloatArray,
    start: FloatArray,
    span: FloatArray,
    shunt: FloatArray,
    duration: FloatArray,
    steps: int,
) -> FloatArray:
    """Membranes ``span`` seconds after ``start`` by ``steps`` Runge-Kutta steps, with no threshold.

    Constant inputs ``i_in``; the shunt current is read from ``shunt`` (instances, samples), equidistant from time
    0 to ``duration``.
    """
    out = np.empty(y.size)
    for i in prange(y.size):
        state, h = y[i], span[i] / steps
        scale = (shunt.shape[1] - 1) / duration[i]
        before = _sampled(shunt, i, start[i] * scale)
        for step in range(steps):
            middle = _sampled(shunt, i, (start[i] + (step + 0.5) * h) * scale)
            after = _sampled(shunt, i, (start[i] + (step + 1.0) * h) * scale)
            k1 = _slope(code, q, i, grid, (i_in[i], before), state)
            k2 = _slope(code, q, i, grid, (i_in[i], middle), state + 0.5 * h * k1)
            k3 = _slope(code, q, i, grid, (i_in[i], middle), state + 0.5 * h * k2)
            k4 = _slope(code, q, i, grid, (i_in[i], after), state + h * k3)
            state += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            before = after
        out[i] = state
    return out
