"""Calibration of the spiking neuron's twin: currents of the membrane in DC, threshold and reset from a few spikes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from circuits.deck import Simulator
from circuits.families.memcap_neuron import MemcapNeuron, NeuronMembrane, NeuronSpikes
from circuits.measure import crossings
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.memcap.integrator import U_T, LeakyIntegrator
from pysim.memcap.neuron import SpikingCell
from pysim.memcap.table import LEVEL

FloatArray = NDArray[np.float64]
T = TypeVar("T")

PROCESS = "generic130"
#: Calibration points: state, gate of the current source (V), threshold (V), simulated time (s).
POINTS: tuple[tuple[float, float, float, float], ...] = (
    (0.0, 1.42, 0.3, 1.5e-3),
    (0.0, 1.44, 0.25, 2.1e-3),
    (0.0, 1.47, 0.3, 4e-3),
    (0.0, 1.5, 0.25, 8e-3),
    (0.0, 1.5, 0.3, 12e-3),
    (0.5, 1.42, 0.25, 1.3e-3),
    (0.5, 1.47, 0.27, 4e-3),
    (0.5, 1.5, 0.27, 11e-3),
    (1.0, 1.42, 0.27, 1.6e-3),
    (1.0, 1.44, 0.3, 3e-3),
    (1.0, 1.47, 0.25, 4.5e-3),
    (1.0, 1.5, 0.3, 15e-3),
)


@dataclass(frozen=True)
class MembraneCurrents:
    """Currents of the membrane: leakage of the transistors (A, S, A), and the input's (A) with its fall (1/V)."""

    i_leak: float
    g_leak: float
    i_up: float
    i_in: float
    g_out: float


@dataclass(frozen=True)
class Stage:
    """Threshold stage and what it adds to the membrane.

    Parasitic capacitance (F), offset (V) and its change with the level, delay (s), its change with the logarithm of the
    slope (s) and with the level (s/V), membrane after a reset and after the hold (V).
    """

    c_par: float
    v_offset: float
    v_slope: float
    t_stage: float
    t_log: float
    t_level: float
    v_reset: float
    v_start: float


SCALES = Stage(1e-14, 1e-3, 1e-3, 1e-5, 1e-6, 1e-5, 1e-3, 1e-3)
"""Sizes that the fit takes as one."""


@dataclass(frozen=True)
class SpikeRun:
    """Spikes of one transient (s, from the end of the hold), width of the pulses (s), energy of an interval (J)."""

    times: FloatArray
    t_pulse: float
    e_spike: float


@dataclass(frozen=True)
class NeuronFit:
    """Calibrated stage, pulse (s), energy of a spike (J); largest relative error of first spike and interval."""

    stage: Stage
    t_pulse: float
    e_spike: float
    worst: float


def membrane(simulator: Simulator, bench: NeuronMembrane) -> tuple[FloatArray, FloatArray]:
    """Voltage and current out of the membrane; called in a worker."""
    waves = simulator.run(bench.deck(get_process(PROCESS), Conditions())).analyses[0]
    return waves["vm"], -waves["vforce#branch"]


def spike_run(simulator: Simulator, bench: NeuronSpikes) -> SpikeRun:
    """Spikes of one point; called in a worker."""
    process = get_process(PROCESS)
    result = simulator.run(bench.deck(process, Conditions()))
    waves = result.analyses[0]
    found = bench.measure(result, process, Conditions())
    times = bench.spike_times(waves, process.supply)
    falls = crossings(waves["time"], waves["out"], 0.5 * process.supply, "fall")
    rises = crossings(waves["time"], waves["out"], 0.5 * process.supply, "rise")
    pairs = min(falls.size, rises.size)
    return SpikeRun(times, float(np.median(falls[:pairs] - rises[:pairs])), found["e_spike"])


def currents(pool: Pool, dut: MemcapNeuron, biases: Sequence[float]) -> dict[float, MembraneCurrents]:
    """Leakage and input current of the membrane at each bias, by least squares on the DC characteristics.

    Raises
    ------
    SimulationError
        When a characteristic could not be simulated.
    """
    gates = sorted(set(biases))
    benches = [NeuronMembrane(dut=dut, v_bias=gates[0])]
    benches += [NeuronMembrane(dut=dut, v_bias=gate, driven=1.0) for gate in gates]
    rest, *driven = [_value(outcome) for outcome in pool.map(membrane, benches)]
    v, off = rest
    own = dut.v_sinh / dut.r_m * np.sinh(v / dut.v_sinh)
    shape = np.stack([-np.expm1(-v / U_T), v, -np.ones_like(v)], 1)
    scale = np.abs(shape).max(axis=0)
    leak = np.linalg.lstsq(shape / scale, (off - own) * 1e12, rcond=None)[0] / scale * 1e-12
    found = {}
    for gate, (_, current) in zip(gates, driven, strict=True):
        slope, level = np.polyfit(v, off - current, 1)
        found[gate] = MembraneCurrents(
            float(leak[0]), float(leak[1]), float(leak[2]), float(level), float(-slope / level)
        )
    return found


def twin_of(
    found: MembraneCurrents, stage: Stage, t_pulse: float, bench: NeuronSpikes, q_edge: float = 0.0
) -> SpikingCell:
    """Twin of a testbench's neuron: declared devices, measured currents, calibrated stage, charge of input edges."""
    dut = bench.dut
    cell = LeakyIntegrator(
        state=dut.x_start, c_low=dut.area * dut.c_low, c_high=dut.area * dut.c_high,
        resistance=dut.r_m, v_sinh=dut.v_sinh, c_par=stage.c_par,
        q_edge=q_edge, **dataclasses.asdict(found),
    )  # fmt: skip
    return SpikingCell(
        cell=cell, v_threshold=bench.v_th * (1.0 + stage.v_slope) + stage.v_offset, v_reset=stage.v_reset,
        t_stage=stage.t_stage + stage.t_level * (bench.v_th - LEVEL), t_log=stage.t_log, t_pulse=t_pulse,
    )  # fmt: skip


def benches(points: Sequence[tuple[float, float, float, float]]) -> list[NeuronSpikes]:
    """Testbenches at points of state, bias, threshold, duration."""
    return [
        NeuronSpikes(dut=MemcapNeuron(x_start=x), v_bias=bias, v_th=v_th, duration=duration)
        for x, bias, v_th, duration in points
    ]


def calibrate_neuron(pool: Pool, found: dict[float, MembraneCurrents]) -> NeuronFit:
    """Fit the threshold stage to first spikes and intervals of the calibration points.

    Raises
    ------
    SimulationError
        When a calibration point could not be simulated.
    ArithmeticError
        When the fit does not converge.
    """
    from scipy.optimize import least_squares

    points = benches(POINTS)
    runs = [_value(outcome) for outcome in pool.map(spike_run, points)]
    t_pulse = float(np.mean([run.t_pulse for run in runs]))
    scales = np.array(dataclasses.astuple(SCALES))

    def errors(z: FloatArray) -> FloatArray:
        stage = Stage(*(z * scales).tolist())
        rows = []
        for bench, run in zip(points, runs, strict=True):
            twin = twin_of(found[bench.v_bias], stage, t_pulse, bench)
            train = twin.constant(found[bench.v_bias].i_in, run.times.size, stage.v_start)
            interval = (run.times[-1] - run.times[0]) / (run.times.size - 1)
            rows += [
                (train[0] - run.times[0]) / interval,
                (train[-1] - train[0]) / (run.times[-1] - run.times[0]) - 1,
            ]
        return np.array(rows)

    fitted = least_squares(errors, np.array([1.5, 0.1, 0.1, 1.5, 3.0, -1.0, -0.5, -0.5]), x_scale="jac")
    if not fitted.success:
        raise ArithmeticError(f"fit of the neuron stopped: {fitted.message}")
    stage = Stage(*(fitted.x * scales).tolist())
    energy = float(np.median([run.e_spike for run in runs]))
    return NeuronFit(stage, t_pulse, energy, float(np.max(np.abs(fitted.fun))))


def _value(outcome: Outcome[Any, T]) -> T:
    if outcome.value is None:
        raise SimulationError(f"neuron: {outcome.error}")
    return outcome.value
