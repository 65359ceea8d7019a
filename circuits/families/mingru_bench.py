"""What the testbenches of the minGRU column share; definitions and hand predictions in ``docs/physics-mingru.md``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import ParameterError
from circuits.deck import Deck, FloatArray, SimulationResult, Simulator
from circuits.families.mingru_blocks import run_end
from circuits.families.mingru_column import WEIGHT_LEVELS, MingruColumn
from circuits.families.mingru_deck import column_deck
from circuits.families.mingru_run import ColumnJob, ColumnRun, run_column
from circuits.ngspice.errors import MeasureFailed
from circuits.ngspice.stepping import stepping
from circuits.process import Process
from circuits.testbench import Conditions, Testbench

BOLTZMANN = 1.380649e-23  # J/K, exact

#: Rows of a testbench's column unless asked otherwise: small, because every row is 48 transistors.
SMALL = 4.0

#: Weight codes of +1 and of -1.
PLUS, MINUS = 3, 0


def small_column() -> MingruColumn:
    """Column of :data:`SMALL` rows at transistor level."""
    return MingruColumn(rows=SMALL)


@dataclass(frozen=True, kw_only=True)
class ColumnBench(Testbench):
    """A testbench whose stimulus is a run of a whole column, with gate codes given or converted.

    ``measure`` of a finished deck is not enough here: the digital blocks take part in the run.
    """

    family: ClassVar[str] = "mingru"

    dut: MingruColumn = field(default_factory=small_column)

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """The run."""
        raise NotImplementedError

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Observables of the run, SI units."""
        raise NotImplementedError

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The circuit, with its sources at their initial values."""
        job = self.job(process, conditions)
        return column_deck(
            job.column,
            job.weights,
            process,
            conditions,
            stop=run_end(job.column, len(job.inputs)),
            theta=job.theta,
            h_initial=job.h_initial,
            analog_rows=job.analog,
            save=job.save,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Refuse: a deck run without the digital blocks holds no steps."""
        raise MeasureFailed(f"{self.name}: a plain run of the deck has no steps; accepted: Testbench.run")

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Co-simulate and measure one point."""
        job = self.job(process, conditions)
        run = run_column(stepping(simulator), job)
        if run.cosimulation.ended is not None:
            raise MeasureFailed(f"{self.name}: {run.cosimulation.ended}")
        return self.observe(run, job)


def balanced(rows: int) -> tuple[int, ...]:
    """Weights +1 in the first half of the rows, -1 in the other."""
    return (PLUS,) * (rows // 2) + (MINUS,) * (rows - rows // 2)


def driven(rows: int, count: int) -> tuple[float, ...]:
    """Inputs of :func:`balanced` rows: ``count`` rows of +1 on, or ``-count`` rows of -1."""
    if abs(count) > rows // 2:
        raise ParameterError(f"{abs(count)} rows of one sign; accepted: at most {rows // 2} of {rows}")
    first = rows // 2 if count < 0 else 0
    return tuple(float(first <= row < first + abs(count)) for row in range(rows))


def mean_input(job: ColumnJob, line: int) -> FloatArray:
    """Mean of V_i - V_cm over the rows in every step (V); ``line`` 0 is h, 1 is z."""
    levels = np.array(WEIGHT_LEVELS)[list(job.weights[line])] * job.column.v_fs / 2
    mean: FloatArray = np.array(job.inputs) @ levels / job.column.n_rows
    return mean


def straight(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Slope, value at zero, and largest deviation of a least-squares line."""
    if np.unique(x).size < 2:
        raise MeasureFailed(f"a line needs two different abscissae, got {x.tolist()}")
    slope, start = (float(v) for v in np.polyfit(x, y, 1))
    return slope, start, float(np.max(np.abs(y - start - slope * x)))
