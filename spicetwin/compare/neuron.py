"""Spike times of the transistor-level neuron against the calibrated twin, adaptation included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from circuits.families.dpi import DpiNeuron
from circuits.ngspice.pool import Pool
from circuits.testbench import Conditions
from pysim.chip import draw
from pysim.neurons.dpi import DpiNeuron as Twin
from pysim.neurons.response import response
from spicetwin.calibrate import adaptation, neuron
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.design import Box, inside
from spicetwin.calibrate.neuron_trace import STEP, NeuronRequest, simulate_neuron

FloatArray = NDArray[np.float64]
Levels = tuple[tuple[float, float], ...]

#: Seeds of the held-out bias points and of the random input currents.
BIAS_SEED, CURRENT_SEED = 777, 4242

#: Bias that switches the adaptation off when it is NO_ADAPTATION.
WEIGHT = adaptation.CIRCUIT_NAMES["i_weight"]


@dataclass(frozen=True)
class NeuronCase:
    """One held-out run; spikes of both in seconds from the input's start."""

    name: str
    request: NeuronRequest
    spice: FloatArray
    twin: FloatArray

    @property
    def adapting(self) -> bool:
        """Whether the adaptation is on."""
        return self.request.biases[WEIGHT] > neuron.NO_ADAPTATION

    @property
    def errors(self) -> FloatArray:
        """Error of each inter-spike interval, relative to the transistor-level interval."""
        n = min(self.spice.size, self.twin.size)
        gaps = np.diff(self.spice[:n])
        return np.abs(np.diff(self.twin[:n]) - gaps) / gaps

    @property
    def drift(self) -> float:
        """Error of the last common spike time over the last interval: accumulated over the whole train."""
        n = min(self.spice.size, self.twin.size)
        gap = self.spice[n - 1] - self.spice[n - 2]
        return float(abs(self.twin[n - 1] - self.spice[n - 1]) / gap)

    @property
    def worst(self) -> float:
        """Largest interval error; infinite when a spike is missing or too many."""
        same = abs(self.spice.size - self.twin.size) <= 1 and min(self.spice.size, self.twin.size) > 1
        return float(self.errors.max()) if same else float("inf")


def default_biases() -> dict[str, float]:
    """Default biases of the circuit that the table takes as inputs, under the circuit's names."""
    values = DpiNeuron().values()
    own = {name: values[name] for name in neuron.BOX if name != "temperature"}
    return own | {circuit: values[circuit] for circuit in adaptation.CIRCUIT_NAMES.values()}


def requests(table: CalibrationTable, process: str, *, quick: bool) -> list[tuple[str, NeuronRequest]]:
    """Held-out runs, first with the adaptation switched off, then with it.

    Staircase, random levels and constant currents at the default biases, constant currents at new bias points.
    """
    rng = np.random.default_rng(CURRENT_SEED)
    runs: list[tuple[str, NeuronRequest]] = []
    for name, switch in (("alone", {WEIGHT: neuron.NO_ADAPTATION}), ("adapting", {})):
        biases = default_biases() | switch
        rheobase = float(twin(table, biases, T_REF).rheobase()[0, 0])
        factors = (1.8, 4.0) if quick else (1.5, 2.3, 4.0, 7.0)
        for factor in factors:
            levels = _steps([0.0], [factor * rheobase])
            runs.append((f"{name}, {factor:g} x rheobase", _request(biases, T_REF, process, levels, 0.12)))
        stairs = _steps([0.0, 0.04, 0.08], [2.0 * rheobase, 4.0 * rheobase, 2.5 * rheobase])
        runs.append((f"{name}, staircase", _request(biases, T_REF, process, stairs, 0.12)))
        random = _steps([0.015 * k for k in range(8)], rng.uniform(1.6, 5.0, 8) * rheobase)
        runs.append((f"{name}, random levels", _request(biases, T_REF, process, random, 0.12)))
        own: Box = {f"a_{key}": r for key, r in adaptation.BOX.items() if key != "temperature"}
        for k, point in enumerate(inside({**neuron.BOX, **own}, 2 if quick else 6, BIAS_SEED)):
            drawn = {key: point[key] for key in neuron.BOX if key != "temperature"}
            drawn |= {c: point[f"a_{key}"] for key, c in adaptation.CIRCUIT_NAMES.items()} | switch
            temperature = point["temperature"]
            drive = rng.uniform(1.8, 4.0) * float(twin(table, drawn, temperature).rheobase()[0, 0])
            levels = _steps([0.0], [drive])
            runs.append((f"{name}, bias point {k + 1}", _request(drawn, temperature, process, levels, 0.1)))
    return runs


def _steps(times: Sequence[float] | FloatArray, values: Sequence[float] | FloatArray) -> Levels:
    """Corners of a staircase that starts from zero current, each step STEP long."""
    corners: list[tuple[float, float]] = [(0.0, 0.0)]
    for k, (time, value) in enumerate(zip(times, values, strict=True)):
        if k:
            corners.append((float(time), corners[-1][1]))
        corners.append((float(time) + STEP, float(value)))
    return tuple(corners)


def _request(
    biases: Mapping[str, float], temperature: float, process: str, levels: Levels, duration: float
) -> NeuronRequest:
    return NeuronRequest(
        dict(biases), Conditions(temperature=temperature), process, levels, duration, spikes=2
    )


def twin(table: CalibrationTable, biases: Mapping[str, float], temperature: float) -> Twin:
    """Typical twin of ``table`` at biases under the circuit's names."""
    at = {name: biases[name] for name in neuron.BOX if name != "temperature"} | {"temperature": temperature}
    cell = draw(table, (1, 1), 0, (), block="neuron", at=at).neuron()
    if biases[WEIGHT] <= neuron.NO_ADAPTATION:
        return cell
    slow = {name: biases[own] for name, own in adaptation.CIRCUIT_NAMES.items()}
    block = draw(table, (1, 1), 0, (), block="adaptation", at=slow | {"temperature": temperature})
    return cell.with_adaptation(block.synapse())


def compare_neuron(
    pool: Pool, table: CalibrationTable, process: str, *, quick: bool
) -> tuple[list[NeuronCase], list[str]]:
    """Run the held-out cases; second, one line per point that failed."""
    named = requests(table, process, quick=quick)
    cases: list[NeuronCase] = []
    failures: list[str] = []
    for outcome in pool.map(simulate_neuron, [request for _, request in named]):
        name, request = named[outcome.index]
        if outcome.value is None:
            failures.append(f"{name}: {outcome.error}")
            continue
        model = twin(table, request.biases, request.conditions.temperature)
        # The twin's input steps at once: in the middle of the circuit's step.
        steps = [(time - 0.5 * STEP, value) for time, value in request.levels[1::2]]
        spikes = response(model, steps, request.duration)
        cases.append(NeuronCase(name, request, outcome.value.spikes, spikes.row(0)))
    return cases, failures
