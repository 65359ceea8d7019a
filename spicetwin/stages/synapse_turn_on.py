"""Turn-on of the synapse against the implicit solution of its state equation."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np

from calibration.fit import Dataset, fit, law_model, law_parameters
from calibration.laws import get_law
from circuits.deck import FloatArray, Simulator
from circuits.families.dpi_deck import LEAD
from circuits.families.dpi_synapse import SynapseTurnOn, output_current
from circuits.measure import at
from circuits.process import get_process
from circuits.testbench import Conditions
from spicetwin.report.document import Check, Figure
from spicetwin.report.figures import FitSeries, fit_overlay
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext

#: The comparison starts at this many floors: below, the leak transistor is not saturated.
ABOVE_FLOOR, POINTS = 10.0, 120

#: Accepted deviation anywhere, relative to the current itself.
LIMIT = 0.02


def turn_on_trace(simulator: Simulator, process: str) -> tuple[FloatArray, FloatArray]:
    """Time since the input's rise (s) and output current (A), from ten floors up."""
    technology, bench, conditions = get_process(process), SynapseTurnOn(), Conditions()
    waves = simulator.run(bench.deck(technology, conditions)).analyses[0]
    time, current = waves["time"] - LEAD, output_current(waves)
    floor = at(waves["time"], current, 0.5 * LEAD)
    first = int(np.flatnonzero((time > 0) & (current > ABOVE_FLOOR * floor))[0])
    grid = np.linspace(time[first], 0.5 * time[-1], POINTS)
    return grid, np.interp(grid, time, current)


def turn_on(context: RunContext, tau: float) -> tuple[Check, Figure]:
    """Fit of gain current, drive ratio and slope ratio with ``tau`` (s) taken from the decay.

    Raises
    ------
    SimulationError
        The turn-on could not be simulated.
    """
    (outcome,) = context.pool.map(turn_on_trace, [context.process.name])
    if outcome.value is None:
        assert outcome.error is not None
        raise outcome.error
    time, current = outcome.value
    law = get_law("dpi_turn_on")
    dut = SynapseTurnOn().dut
    start = law_parameters(
        law,
        tau=tau,
        i_gain=dut.i_gain,
        drive_ratio=dut.i_weight / dut.i_tau,
        slope_ratio=1.1,
        i_start=current[0],
    )
    start["tau"] = dataclasses.replace(start["tau"], vary=False)
    data = Dataset("turn on", {"time": time - time[0]}, current, likelihood="lognormal")
    found = fit(partial(law_model, law=law), [data], start)
    model = found.datasets[0].prediction
    worst = float(np.max(np.abs(current / model - 1)))
    check = Check(
        "Turn-on follows the implicit solution of the state equation, τ from the decay",
        f"{100 * worst:.1f} % largest deviation",
        f"≤ {100 * LIMIT:.0f} %",
        worst <= LIMIT,
        "spicetwin run --quick",
    )
    picture = fit_overlay(
        Axis("Time since the input's rise", "s"),
        Axis("Output current", "A", log=True),
        [FitSeries("implicit solution", time, current, model)],
    )
    ratio, slope = found["drive_ratio"].value, found["slope_ratio"].value
    figure = context.figure(
        "synapse-turn-on",
        picture,
        "Output current growing over two decades to its plateau, on the implicit solution",
        "A constant input switched on: growth, then the plateau I_g (r − 1)^(1/m). Points: simulation;"
        f" line: implicit solution with r = {ratio:.2f}, m = {slope:.3f} and τ from the decay.",
    )
    return check, figure
