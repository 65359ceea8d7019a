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
from pysim.export.block_models import behaviour_of
from pysim.export.blocks import Block, blocks_of
from pysim.export.exporter import At, Conformance, ExportError, ToolMissing
from pysim.export.spice import name_of
from pysim.export.trial import Corners, Trial, trial_of

FloatArray = NDArray[np.float64]

TOLERANCE = 5e-3
MISMATCH_SEED = 5


@dataclass(frozen=True)
class Case:
    """A block's trial and its deck."""

    block: Block
    label: str
    trial: Trial
    deck: Deck


def case_of(table: CalibrationTable, library: str, block: Block, label: str) -> Case:
    """Deck of one instance with its own parameters on the X line."""
    trial = trial_of(block)
    behaviour, parameters = behaviour_of(block)
    own = " ".join(f"{name}={value!r}" for name, value in {**parameters, **trial.own}.items())
    lines = [line for line in library.splitlines() if line and not line.startswith("*")]
    lines += [f"v{pin} {pin} 0 dc 0 pwl({_wave(corners)})" for pin, corners in trial.voltages.items()]
    lines += [f"i{pin} 0 {pin} dc 0 pwl({_wave(corners)})" for pin, corners in trial.currents.items()]
    lines += [f"x1 {' '.join(behaviour.pins[:-1])} 0 {name_of(table, block)} {own}"]
    save = trial.pin
    if trial.kind == "current":
        lines.append(f"vout {trial.pin} 0 dc 0")
        save = "vout#branch"
    elif trial.kind == "voltage":
        lines.append(f"rout {trial.pin} 0 1meg")
    analysis = f"tran {trial.step!r} {trial.stop!r} 0 {trial.step!r}"
    return Case(block, label, trial, Deck("exported block", tuple(lines), (analysis,), (save,)))


def _wave(corners: Corners) -> str:
    return " ".join(f"{when!r} {level!r}" for when, level in corners)


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
    return Conformance(
        tool="ngspice",
        version=version.removeprefix("ngspice-"),
        stimulus=f"{case.block.name} {case.label}, {case.trial.words}",
        metric=case.trial.metric,
        value=case.trial.judge(time, found),
        tolerance=TOLERANCE,
    )
