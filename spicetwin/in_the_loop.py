"""Fits whose model is a netlist: every step simulates, Jacobian columns in parallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibration.fit import EvaluateMany, Task
from calibration.fitting.dataset import FloatArray
from calibration.measured import Campaign, DataSource, Measured
from calibration.readers.units import quantity
from calibration.recipe import Recipe, RecipeError
from calibration.recipe_run import RecipeResult, run_recipe
from circuits.deck import SimulationResult, Simulator
from circuits.families import testbenches
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench

COLUMNS = {"i_syn": "i_syn", "v_state": "v_state"}
"""Columns a trace may have, and the waveform of the testbench behind each."""
UNITS = {"time": "s", "i_syn": "A", "v_state": "V"}


@dataclass(frozen=True)
class TraceJob:
    """One simulation of a fit: the testbench at its parameters, and the instants that were measured."""

    testbench: Testbench
    process: str
    conditions: Conditions
    column: str
    times: tuple[float, ...] = field(repr=False)


def simulate_trace(simulator: Simulator, job: TraceJob) -> FloatArray:
    """Waveform of a job at its instants, linear between the simulator's time points."""
    process = get_process(job.process)
    bench: Any = job.testbench
    result: SimulationResult = simulator.run(bench.deck(process, job.conditions))
    traces = bench.traces(result, process, job.conditions)
    wave = getattr(traces, COLUMNS[job.column])
    return np.asarray(np.interp(job.times, traces.t, wave), dtype=np.float64)


@dataclass(frozen=True)
class TraceModel:
    """Model function of a fit: a testbench in a process, simulated on a pool.

    Parameters
    ----------
    testbench
        At its base values; the fit's parameters are set by name over them.
    process, conditions
        Where and how it is simulated.
    pool
        Runs the simulations of one Jacobian in parallel.
    """

    testbench: Testbench
    process: str
    conditions: Conditions
    pool: Pool

    def job(self, parameters: Mapping[str, float], column: str, times: FloatArray) -> TraceJob:
        """Simulation for one set of parameters."""
        return TraceJob(
            self.testbench.at(parameters), self.process, self.conditions, column, tuple(times.tolist())
        )

    def evaluate_many(self, tasks: Sequence[Task]) -> list[FloatArray | None]:
        """Predictions in the order of the tasks; ``None`` for a simulation that failed."""
        jobs = [
            self.job(parameters, str(dataset.conditions["response"]), dataset.x["time"])
            for parameters, dataset in tasks
        ]
        return [outcome.value for outcome in self.pool.map(simulate_trace, jobs)]

    def trace(self, parameters: Mapping[str, float], column: str, times: FloatArray) -> FloatArray:
        """One simulated trace.

        Raises
        ------
        SimulationError
            When the simulation fails.
        """
        (outcome,) = self.pool.map(simulate_trace, [self.job(parameters, column, times)])
        if outcome.error is not None:
            raise outcome.error
        assert outcome.value is not None
        return outcome.value


def fit_in_the_loop(
    recipe: Recipe,
    data: Campaign | None = None,
    overrides: Mapping[str, float] | None = None,
    *,
    profile: Sequence[str] = (),
    jobs: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> RecipeResult:
    """Run a recipe of kind ``in_the_loop``.

    Without ``data`` the trace is virtual: the testbench at ``[circuit.truth]`` with noise of a fixed seed.

    Raises
    ------
    RecipeError
        For a testbench that is unknown or gives no waveforms, or a key missing from ``[circuit]``.
    """
    with Pool(jobs) as pool:
        model = trace_model(recipe, pool)
        campaign = virtual_trace(recipe, model) if data is None else data
        # A start that cannot be simulated says why here; inside the fit it would be a point without value.
        start = {name: rule.value for name, rule in recipe.override(overrides or {}).parameters.items()}
        known = {name: value for name, value in start.items() if value is not None}
        for response in recipe.responses:
            model.trace(known, response.column, campaign[0]["time"])
        simulate: EvaluateMany = model.evaluate_many
        return run_recipe(
            recipe, campaign, overrides, profile=profile, evaluate_many=simulate, progress=progress
        )


def trace_model(recipe: Recipe, pool: Pool) -> TraceModel:
    """Model of the recipe's ``[circuit]``."""
    circuit = dict(recipe.circuit)
    name = str(circuit.get("testbench", ""))
    known = testbenches()
    if name not in known or not hasattr(known[name], "traces"):
        usable = ", ".join(sorted(key for key, bench in known.items() if hasattr(bench, "traces")))
        raise RecipeError(f"{recipe.name}: testbench {name!r} gives no waveforms; accepted: {usable}")
    columns = [response.column for response in recipe.responses]
    for column in columns:
        if column not in COLUMNS:
            raise RecipeError(f"{recipe.name}: no waveform {column!r}; accepted: {', '.join(COLUMNS)}")
    conditions = Conditions(corner=str(circuit.get("corner", "tt")))
    bench: Callable[[], Testbench] = known[name]
    return TraceModel(bench(), str(circuit.get("process", "generic130")), conditions, pool)


def virtual_trace(recipe: Recipe, model: TraceModel) -> Campaign:
    """Trace of the netlist at its true values, with noise, sampled evenly up to the end of the run."""
    circuit: Mapping[str, Any] = recipe.circuit
    truth = {name: quantity(str(value))[0] for name, value in circuit["truth"].items()}
    bench: Any = model.testbench
    times = np.linspace(0.0, bench.t_stop, int(circuit.get("samples", 60)) + 1)[1:]
    rng = np.random.default_rng(int(circuit.get("seed", 1)))
    columns = {"time": times}
    for response in recipe.responses:
        clean = model.trace(truth, response.column, times)
        relative = float(circuit.get("noise", 0.02)) * rng.standard_normal(len(times))
        absolute = response.sigma_absolute * rng.standard_normal(len(times))
        columns[response.column] = np.maximum(clean * np.exp(relative) + absolute, 1e-3 * np.abs(clean))
    source = DataSource(
        "virtual", f"{recipe.name}: [circuit.truth]", "", "Apache-2.0", "simulated, noise added"
    )
    units = {name: UNITS[name] for name in columns}
    return (Measured("virtual", columns, units, {}, source),)
