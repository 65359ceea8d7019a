"""Exported subcircuits in ngspice against the twin: typical instance and one with mismatch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from circuits.deck import Deck, Simulator
from circuits.ngspice.errors import SimulatorMissing
from circuits.ngspice.library import find_library
from circuits.ngspice.pool import Pool
from pysim.delays.element import DelayElement
from pysim.export.blocks import Block, blocks_of
from pysim.export.exporter import At, Conformance, ExportError, ToolMissing
from pysim.export.spice import name_of, parameters
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]

TOLERANCE = 5e-3
MISMATCH_SEED = 5
#: Input spikes: edges and width (s); the twin's spike is the middle of the rising edge.
_EDGE, _WIDTH, _LEVEL = 1e-7, 1e-6, 1.8
#: First spike, in time constants; then summation, a spike within a pulse, and recovery.
_PATTERN = (0.0, 0.4, 0.7, 0.8, 2.0)


@dataclass(frozen=True)
class Stimulus:
    """Spike times and length of a run (s)."""

    spikes: tuple[float, ...]
    stop: float

    def source(self, name: str) -> str:
        """Voltage source of the spikes."""
        points = ["0 0"]
        for t in self.spikes:
            corners = (
                (t - 0.5 * _EDGE, 0),
                (t + 0.5 * _EDGE, _LEVEL),
                (t + _WIDTH, _LEVEL),
                (t + _WIDTH + _EDGE, 0),
            )
            points += [f"{when!r} {level}" for when, level in corners]
        return f"v{name} {name} 0 dc 0 pwl({' '.join(points)})"


def stimulus_of(block: Block) -> Stimulus:
    """Spikes that a block sums or delays."""
    twin = block.twin
    if isinstance(twin, DpiSynapse):
        tau, width = float(twin.array("tau").max()), float(twin.array("t_pulse").max())
        spikes = [1e-5 + gap * max(tau, 4 * width) for gap in _PATTERN]
        # A second spike half a pulse behind the third extends it.
        spikes.insert(3, spikes[2] + 0.5 * width)
        return Stimulus(tuple(sorted(spikes)), spikes[-1] + 2.0 * tau)
    delay = float(twin.delay().max())
    return Stimulus((1e-5, 1e-5 + 0.5 * delay, 1e-5 + 3.0 * delay), 1e-5 + 4.5 * delay)


@dataclass(frozen=True)
class Case:
    """A block's deck and what the twin says of it."""

    block: Block
    label: str
    stimulus: Stimulus
    deck: Deck


def case_of(table: CalibrationTable, library: str, block: Block, label: str) -> Case:
    """Deck of one instance with its own parameters on the X line."""
    stimulus = stimulus_of(block)
    own = " ".join(f"{name}={value!r}" for name, value in parameters(block).items())
    if isinstance(block.twin, DelayElement):
        # A pulse that the steps resolve, short against the delay.
        own += f" t_out={0.02 * float(block.twin.delay().max())!r}"
    lines = [line for line in library.splitlines() if line and not line.startswith("*")]
    lines += [stimulus.source("spk"), f"x1 spk out 0 {name_of(table, block)} {own}"]
    if isinstance(block.twin, DpiSynapse):
        lines.append("vout out 0 dc 0")
        step = min(float(block.twin.array("t_pulse").min()) / 40, float(block.twin.array("tau").min()) / 200)
        save = "vout#branch"
    else:
        lines.append("rout out 0 1meg")
        step, save = stimulus.stop / 4000, "out"
    analysis = f"tran {step!r} {stimulus.stop!r} 0 {step!r}"
    return Case(block, label, stimulus, Deck("exported block", tuple(lines), (analysis,), (save,)))


def simulate(simulator: Simulator, deck: Deck) -> tuple[FloatArray, FloatArray]:
    """Time (s) and the saved vector; called in a worker."""
    waves = simulator.run(deck).analyses[0]
    return waves["time"], waves[deck.save[0]]


def check_spice(table: CalibrationTable, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Every block of an exported library, typical and with mismatch, within 0.5 % of the twin.

    Raises
    ------
    ExportError
        When ngspice does not run the file.
    ToolMissing
        Without ngspice.
    """
    try:
        find_library()
    except SimulatorMissing as error:
        raise ToolMissing(str(error)) from error
    library = data.decode("ascii")
    cases = [case_of(table, library, block, "typical") for block in blocks_of(table, at)]
    cases += [case_of(table, library, b, "with mismatch") for b in blocks_of(table, at, MISMATCH_SEED)]
    lines = []
    with Pool(1) as pool:
        for case, outcome in zip(cases, pool.map(simulate, [case.deck for case in cases]), strict=True):
            if outcome.value is None:
                raise ExportError(f"ngspice does not run the exported {case.block.name}: {outcome.error}")
            lines.append(_compared(case, *outcome.value, pool.simulator_version))
    return tuple(lines)


def _compared(case: Case, time: FloatArray, found: FloatArray, version: str) -> Conformance:
    spikes = np.asarray(case.stimulus.spikes)
    if isinstance(case.block.twin, DpiSynapse):
        twin = case.block.twin.run(spikes, time, backend="numpy").ravel()
        value = float(np.max(np.abs(found - twin)) / twin.max())
        metric = "largest difference of the output current over its peak"
    else:
        value = delay_error(case.block.twin, spikes, time, found)
        metric = "largest difference of an output time over the delay"
    return Conformance(
        tool="ngspice",
        version=version.removeprefix("ngspice-"),
        stimulus=f"{case.block.name} {case.label}, {len(spikes)} spikes",
        metric=metric,
        value=value,
        tolerance=TOLERANCE,
    )


def delay_error(twin: DelayElement, spikes: FloatArray, time: FloatArray, found: FloatArray) -> float:
    """Largest difference of output times over the delay; infinite where outputs are missing or too many."""
    high = found > 0.5 * found.max()
    rises = time[1:][high[1:] & ~high[:-1]]
    wanted = twin.fire(spikes, (0, 0))
    if rises.shape != wanted.shape:
        return float("inf")
    return float(np.max(np.abs(rises - wanted)) / float(twin.delay().max()))
