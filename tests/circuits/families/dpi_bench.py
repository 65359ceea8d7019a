"""Runs DPI testbenches on the shared pool of real ngspice workers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from circuits.deck import Simulator
from circuits.ngspice.pool import Pool
from circuits.process import ProcessError, get_process
from circuits.testbench import Conditions, Testbench

Point = tuple[Testbench, str, Conditions]


def observe_one(simulator: Simulator, point: Point) -> dict[str, float]:
    """Observables of one (testbench, process, conditions)."""
    bench, process, conditions = point
    return bench.run(simulator, get_process(process), conditions)


def observe(
    pool: Pool,
    benches: Sequence[Testbench],
    process: str = "generic130",
    conditions: Conditions | None = None,
) -> list[dict[str, float]]:
    """Observables of several testbenches; a failed one fails the test with ngspice's message."""
    where = Conditions() if conditions is None else conditions
    outcomes = pool.map(observe_one, [(bench, process, where) for bench in benches])
    for outcome in outcomes:
        if outcome.error is not None:
            raise AssertionError(f"{outcome.item[0].name}: {outcome.error}")
    return [outcome.value for outcome in outcomes if outcome.value is not None]


def skip_without_cards(process: str) -> None:
    """Skip the test where the package with the cards of ``process`` is not installed."""
    try:
        get_process(process).cards("tt", [("n", 1e-6, 1e-6)])
    except ProcessError as error:
        pytest.skip(str(error))
