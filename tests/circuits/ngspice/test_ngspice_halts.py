"""What ngspice says at a halt that was asked for is no failure; what it says when a run breaks off is one."""

from __future__ import annotations

from circuits.ngspice.errors import SimulationError
from circuits.ngspice.log import classify_run, without_stops

HALT = ["9 : condition met: stop  when time = 1e-08", "tran simulation interrupted"]
STALE = "doAnalyses: Too many iterations without convergence"


def test_words_of_an_earlier_circuit_at_a_halt_are_no_failure() -> None:
    remarks = [HALT[0], STALE, HALT[1]]
    assert without_stops(remarks) == []
    assert classify_run(without_stops(remarks), True) is None


def test_the_same_words_without_a_halt_are_a_failure() -> None:
    error = classify_run(without_stops([STALE, "tran simulation(s) aborted"]), True)
    assert isinstance(error, SimulationError)
