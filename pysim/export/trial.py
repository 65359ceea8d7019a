"""Stimuli of behavioural blocks and what the twin says of them, whatever simulator runs the exported file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pysim.delays.element import DelayElement
from pysim.export.blocks import Block, Column
from pysim.memcap.integrator import LeakyIntegrator
from pysim.mingru.reference import LayerState, effective
from pysim.neurons.dpi import DpiNeuron
from pysim.neurons.response import response
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]
Corners = tuple[tuple[float, float], ...]
#: Time (s) and signal of the observed pin -> the error that the tolerance holds for.
Judge = Callable[[FloatArray, FloatArray], float]

#: Spikes: edges, width (s) and level (V); the twin's spike is the middle of the rising edge.
EDGE, WIDTH, LEVEL = 1e-7, 1e-6, 1.8
WAVEFORM = "largest difference of the waveform over its peak"
TIMES = "largest difference of an output time over the delay"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run of one block.

    Attributes
    ----------
    voltages, currents
        Sources at input pins: corners (s, V) or (s, A into the pin).
    pin, kind
        Pin that is observed; its ``voltage``, or its ``current`` into a short.
    stop, step
        Length of the run and longest step (s).
    own
        Parameters set beside the table's.
    metric, judge
        What is compared, and the comparison.
    words
        The stimulus in words.
    """

    voltages: dict[str, Corners]
    pin: str
    kind: str
    stop: float
    step: float
    metric: str
    judge: Judge
    words: str
    currents: dict[str, Corners] = field(default_factory=dict)
    own: dict[str, float] = field(default_factory=dict)


def spike_corners(times: FloatArray, width: float = WIDTH) -> Corners:
    """Corners of spikes at ascending times."""
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for t in times.tolist():
        rise, fall = t + 0.5 * EDGE, t + width - 0.5 * EDGE
        points += [(t - 0.5 * EDGE, 0.0), (rise, LEVEL), (fall, LEVEL), (fall + EDGE, 0.0)]
    return tuple(points)


def trial_of(block: Block) -> Trial:
    """Stimulus and judge of a block."""
    twin = block.twin
    if isinstance(twin, DpiSynapse):
        return _synapse(twin)
    if isinstance(twin, DpiNeuron):
        return _neuron(twin)
    if isinstance(twin, DelayElement):
        return _delay(twin)
    if isinstance(twin, LeakyIntegrator):
        return _integrator(twin)
    return _column(twin)


def _waveform(exact: FloatArray, found: FloatArray) -> float:
    return float(np.max(np.abs(found - exact)) / np.max(np.abs(exact)))


def _synapse(twin: DpiSynapse) -> Trial:
    tau, width = float(twin.array("tau").max()), float(twin.array("t_pulse").max())
    gap = max(tau, 4 * width)
    # Summation, a spike half a pulse behind another, which extends it, and recovery.
    spikes = 1e-5 + np.array([0.0, 0.4 * gap, 0.7 * gap, 0.7 * gap + 0.5 * width, 0.8 * gap, 2.0 * gap])
    step = min(float(twin.array("t_pulse").min()) / 40, float(twin.array("tau").min()) / 200)
    return Trial(
        voltages={"spk": spike_corners(spikes)},
        pin="out",
        kind="current",
        stop=float(spikes[-1]) + 2.0 * tau,
        step=step,
        metric=WAVEFORM,
        judge=lambda time, found: _waveform(twin.run(spikes, time, backend="numpy").ravel(), found),
        words=f"{len(spikes)} spikes",
    )


def _rises(time: FloatArray, signal: FloatArray) -> FloatArray:
    """Times at which a signal crosses half of its maximum upwards."""
    level = 0.5 * float(signal.max())
    up = np.flatnonzero((signal[1:] > level) & (signal[:-1] <= level))
    share = (level - signal[up]) / (signal[up + 1] - signal[up])
    return np.asarray(time[up] + share * (time[up + 1] - time[up]))


def time_error(wanted: FloatArray, found: FloatArray, scale: float | FloatArray) -> float:
    """Largest difference of output times over ``scale``; infinite where outputs are missing or too many."""
    if found.shape != wanted.shape or not wanted.size:
        return float("inf")
    return float(np.max(np.abs(found - wanted) / scale))


def _delay(twin: DelayElement) -> Trial:
    delay = float(twin.delay().max())
    rearm = float(np.asarray(twin.t_rearm).max())
    # A second spike within the delay, and one when the element is free again.
    spikes = 1e-5 + np.array([0.0, 0.5 * delay, 3.0 * delay + rearm])
    wanted = twin.fire(spikes, (0, 0))
    width = 0.02 * delay
    stop = float(spikes[-1]) + 1.5 * delay
    return Trial(
        voltages={"spk": spike_corners(spikes)},
        pin="out",
        kind="voltage",
        stop=stop,
        step=stop / 4000,
        # A pulse that the steps resolve, short against the delay.
        own={"t_out": width},
        metric=TIMES,
        judge=lambda time, found: time_error(wanted, _rises(time, found), delay),
        words=f"{len(spikes)} spikes",
    )


def _neuron(twin: DpiNeuron) -> Trial:
    # A constant shunt is the same as more leak, and less time constant and floor with it.
    shunt = 0.3 * float(twin.array("i_tau").max())
    share = twin.array("i_tau") / (twin.array("i_tau") + shunt)
    twin = dataclasses.replace(
        twin,
        i_tau=twin.array("i_tau") / share,
        tau=twin.array("tau") * share,
        i_floor=twin.array("i_floor") * share,
    )
    rheobase = float(twin.rheobase().max())
    tau = float(twin.array("tau").max())
    low, high = 1.5 * rheobase, 4.0 * rheobase
    first = next(
        (
            t[2]
            for t in (response(twin, ((1e-5, low),), k * tau, backend="numpy").row(0) for k in (5, 20, 80))
            if t.size > 2
        ),
        80 * tau,
    )
    change, ramp = float(first), 1e-6
    stop = change + 0.5 * (change - 1e-5)
    wanted = response(twin, ((1e-5, low), (change, high)), stop, backend="numpy").row(0)
    stop = float(wanted[-1]) + 0.5 * float(np.diff(wanted)[-1])
    corners = ((0.0, 0.0), (1e-5 - ramp / 2, 0.0), (1e-5 + ramp / 2, low), (change - ramp / 2, low))
    return Trial(
        voltages={},
        currents={
            "in": (*corners, (change + ramp / 2, high), (stop, high)),
            "inh": ((0.0, shunt), (stop, shunt)),
        },
        pin="out",
        kind="voltage",
        stop=stop,
        step=min(float(np.diff(wanted).min()) / 200, float(twin.array("t_refractory").min()) / 20),
        metric="largest difference of a spike's time over that time",
        judge=lambda time, found: time_error(wanted, _rises(time, found), wanted),
        words=f"1.5 then 4 times rheobase under inhibition, {wanted.size} spikes",
    )


def _integrator(twin: LeakyIntegrator) -> Trial:
    tau = float(twin.tau().max())
    spikes, width = 1e-5 + tau * np.array([0.0, 0.3, 0.6, 1.5]), 5e-6
    stop = float(spikes[-1]) + 1.5 * tau

    def judge(time: FloatArray, found: FloatArray) -> float:
        # Behind every spike, and some times of each decay.
        marks, exact = [], []
        v, now = np.zeros((1, 1)), 0.0
        for _ in range(400):
            v = twin.advance(v, tau / 10)
        for begin, end in zip(spikes.tolist(), [*spikes[1:].tolist(), stop], strict=True):
            v = twin.spike(twin.advance(v, begin - now), width)
            now = begin + width
            for until in np.linspace(now + 2e-6, end - 1e-6, 12).tolist():
                v, now = twin.advance(v, until - now), until
                marks.append(until)
                exact.append(float(v.ravel()[0]))
        return _waveform(np.array(exact), np.interp(marks, time, found))

    return Trial(
        voltages={"spk": spike_corners(spikes, width)},
        pin="mem",
        kind="membrane",
        stop=stop,
        step=tau / 400,
        metric=WAVEFORM,
        judge=judge,
        words=f"{len(spikes)} spikes of {width:g} s",
    )


def _column(twin: Column) -> Trial:
    layer, core, half, steps, period = twin.layer, twin.core, 0.5 * twin.v_fs, 24, 1e-6
    x = np.random.default_rng(3).integers(0, 2, (1, steps, layer.rows)).astype(np.float64)
    states = cast(FloatArray, effective(layer, core, x, LayerState.start(1, 1), None).states)[0, :, 0] * half
    lines = {which: half * (x[0] @ core.matrix(layer, which))[:, 0] for which in "hz"}
    edge = 1e-8

    def held(values: FloatArray) -> Corners:
        points: list[tuple[float, float]] = []
        for k, value in enumerate(values.tolist()):
            points += [(k * period + edge, value), ((k + 1) * period, value)]
        return ((0.0, points[0][1]), *points)

    clock: list[tuple[float, float]] = [(0.0, 0.0)]
    for k in range(steps):
        up, down = (k + 0.3) * period, (k + 0.6) * period
        clock += [(up, 0.0), (up + edge, LEVEL), (down, LEVEL), (down + edge, 0.0)]
    marks = (np.arange(steps) + 0.9) * period
    return Trial(
        voltages={"line_h": held(lines["h"]), "line_z": held(lines["z"]), "clk": tuple(clock)},
        pin="h",
        kind="voltage",
        stop=steps * period,
        step=period / 100,
        metric="largest difference of the state over its peak",
        judge=lambda time, found: _waveform(states, np.interp(marks, time, found)),
        words=f"{steps} steps of random bits on {layer.rows} rows",
    )
