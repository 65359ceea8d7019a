"""EPSC of the transistor-level synapse against the calibrated twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_deck import rough_tau
from circuits.ngspice.pool import Pool
from circuits.testbench import Conditions
from pysim.chip import draw
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.design import Box, inside
from spicetwin.calibrate.synapse import BOX
from spicetwin.calibrate.synapse_trace import SynapseRequest, simulate_synapse

FloatArray = NDArray[np.float64]

#: Seeds of the held-out bias points and trains; the calibration's designs have others.
BIAS_SEED, TRAIN_SEED = 99, 2024

#: Gaps of the double pulses, in time constants; rates of the Poisson trains (Hz) and their length (s).
GAPS = (0.3, 0.7, 2.0)
RATES = (10.0, 50.0, 100.0, 200.0)
TRAIN = 0.25
SAMPLES = 1500


@dataclass(frozen=True)
class SynapseCase:
    """One held-out run.

    ``error`` is the rms of the difference over the peak; ``kind`` is ``stimulus`` (default biases at the
    reference temperature), ``bias`` (held-out biases at the reference temperature) or ``domain`` (held-out
    biases and temperature).
    """

    name: str
    kind: str
    request: SynapseRequest
    spice: FloatArray
    twin: FloatArray

    @property
    def peak(self) -> float:
        """Largest transistor-level current (A)."""
        return float(self.spice.max())

    @property
    def error(self) -> float:
        """Rms difference over the peak."""
        return float(np.sqrt(np.mean((self.twin - self.spice) ** 2)) / self.peak)


def default_biases() -> dict[str, float]:
    """Default biases of the circuit that the table takes as inputs."""
    values = DpiSynapse().values()
    return {name: values[name] for name in BOX if name != "temperature"}


def requests(process: str, *, quick: bool) -> list[tuple[str, str, SynapseRequest]]:
    """Held-out runs: double pulses and Poisson trains at the defaults, random spikes at new bias points."""
    biases = default_biases()
    tau = rough_tau(DpiSynapse().c_syn, biases["i_tau"], T_REF)
    rng = np.random.default_rng(TRAIN_SEED)
    runs: list[tuple[str, str, SynapseRequest]] = []
    for gap in GAPS:
        spikes: tuple[float, ...] = (1e-4, 1e-4 + gap * tau)
        runs.append(
            (f"double pulse, gap {gap:g} tau", "stimulus", _request(biases, T_REF, process, spikes, tau))
        )
    for rate in RATES:
        spikes = poisson_train(rate, TRAIN, rng)
        runs.append(
            (f"Poisson train, {rate:g} Hz", "stimulus", _request(biases, T_REF, process, spikes, tau))
        )
    fixed: Box = {name: r for name, r in BOX.items() if name != "temperature"}
    for kind, box, n in (("bias", fixed, 4 if quick else 12), ("domain", BOX, 4 if quick else 16)):
        for k, point in enumerate(inside(box, n, BIAS_SEED)):
            temperature = point.get("temperature", T_REF)
            own = {name: value for name, value in point.items() if name != "temperature"}
            scale = max(rough_tau(DpiSynapse().c_syn, own["i_tau"], temperature), 5e-4)
            spikes = tuple(np.sort(rng.uniform(1e-4, 6 * scale, int(rng.integers(4, 9)))).tolist())
            runs.append((f"{kind} point {k + 1}", kind, _request(own, temperature, process, spikes, scale)))
    return runs


def poisson_train(rate: float, duration: float, rng: np.random.Generator) -> tuple[float, ...]:
    """Spike times of a Poisson train, at least two (s)."""
    count = max(int(rng.poisson(rate * duration)), 2)
    return tuple(np.sort(rng.uniform(1e-4, duration, count)).tolist())


def _request(
    biases: dict[str, float], temperature: float, process: str, spikes: tuple[float, ...], tau: float
) -> SynapseRequest:
    times = np.linspace(0.0, spikes[-1] + 3 * tau, SAMPLES)
    # Input spikes closer than the pulse extender resolves are one spike to it.
    apart = [spikes[0]]
    for time in spikes[1:]:
        if time - apart[-1] > MINIMUM_GAP:
            apart.append(time)
    conditions = Conditions(temperature=temperature)
    return SynapseRequest(biases, conditions, process, tuple(apart), tuple(times.tolist()))


#: Shortest distance of two input spikes (s): the width of a spike and its edges.
MINIMUM_GAP = 2e-6


def compare_synapse(
    pool: Pool, table: CalibrationTable, process: str, *, quick: bool
) -> tuple[list[SynapseCase], list[str]]:
    """Run the held-out cases; second, one line per point that failed."""
    named = requests(process, quick=quick)
    cases: list[SynapseCase] = []
    failures: list[str] = []
    for outcome in pool.map(simulate_synapse, [request for _, _, request in named]):
        name, kind, request = named[outcome.index]
        if outcome.value is None:
            failures.append(f"{name}: {outcome.error}")
            continue
        cases.append(SynapseCase(name, kind, request, outcome.value.current, twin_current(table, request)))
    return cases, failures


def twin_current(table: CalibrationTable, request: SynapseRequest) -> FloatArray:
    """Output current of the typical twin of ``table`` for a request (A)."""
    at = {**request.biases, "temperature": request.conditions.temperature}
    chip = draw(table, (1, 1), 0, (), block="synapse", at=at)
    current: FloatArray = chip.synapse().run(np.asarray(request.spikes), np.asarray(request.times))[0, 0]
    return current


def worst(cases: Sequence[SynapseCase], *kinds: str) -> SynapseCase:
    """Case of these kinds with the largest error."""
    return max((c for c in cases if c.kind in kinds), key=lambda c: c.error)
