"""An RC decay with a closed form, one with faults, and a pool without processes: plans without BSIM."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from circuits.circuit import Circuit, param
from circuits.deck import Deck, SimulationResult
from circuits.ngspice.errors import MeasureFailed, SimulationError
from circuits.ngspice.pool import Outcome
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench


@dataclass(frozen=True, kw_only=True)
class Rc(Circuit):
    name: ClassVar[str] = "rc"
    family: ClassVar[str] = "test"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ("a", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {"m1": ("n", 1e-6, 1e-6)}

    r: float = param(1e3, "ohm", (1.0, 1e9), "resistor")
    c: float = param(1e-9, "F", (1e-15, 1e-3), "capacitor")


@dataclass(frozen=True, kw_only=True)
class RcDecay(Testbench):
    """tau = R C, shifted by the mismatch of m1 and by temperature; r = 13 fails."""

    name: ClassVar[str] = "rc_decay"
    family: ClassVar[str] = "test"
    description: ClassVar[str] = "decay of an RC"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("tau", "s", "decay time constant"),
        Observable("shift", "V", "threshold shift of m1"),
    )

    dut: Rc = field(default_factory=Rc)
    v0: float = param(1.0, "V", (0.0, 5.0), "start voltage")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        tau = self.dut.r * self.dut.c
        lines = (f"r1 a 0 {self.dut.r!r}", f"c1 a 0 {self.dut.c!r} ic={self.v0!r}")
        return Deck(
            "rc", lines, (f"tran {tau / 100!r} {2 * tau!r} uic",), ("a",), temperature=conditions.temperature
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        if self.dut.r == 13.0:
            raise MeasureFailed("no decay")
        if self.dut.r == 17.0:
            return {"tau": math.nan, "shift": 0.0}
        waves = result.analyses[0]
        time, volts = waves["time"], waves["a"]
        tau = float((time[-1] - time[1]) / math.log(volts[1] / volts[-1]))
        return {"tau": tau, "shift": conditions.mismatch.get("m1", (0.0, 1.0))[0]}


#: Resistances at which :class:`RcFaults` makes the simulator hang, kills its worker, and asks the impossible.
HANGS, DIES, REFUSED = 19.0, 23.0, 29.0


class RcFaults(RcDecay):
    """The same in ngspice, with three more resistances that fail there."""

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        if self.dut.r == HANGS:  # ngspice 39 loops on a DC sweep without a step
            return Deck("hangs", ("v1 a 0 dc 1", "r1 a 0 1k"), ("dc v1 0 1",), ())
        if self.dut.r == DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.dut.r == REFUSED:
            return Deck("refused", ("r1 a 0 {nowhere}",), ("op",), ("a",))
        return super().deck(process, conditions)


class RcClosedForm(RcDecay):
    """The same without a simulator."""

    def run(self, simulator: object, process: Process, conditions: Conditions) -> dict[str, float]:
        if self.dut.r == 13.0:
            raise MeasureFailed("no decay")
        shift = conditions.mismatch.get("m1", (0.0, 1.0))[0]
        tau = math.nan if self.dut.r == 17.0 else self.dut.r * self.dut.c * conditions.temperature / 300.0
        return {"tau": tau, "shift": shift}


class SerialPool:
    """Runs points here, in an order of its own; ``stop_after`` interrupts, ``errors`` fail."""

    simulator = "fake"
    simulator_version = "fake-1"

    def __init__(self, *, reverse: bool = False, stop_after: int | None = None) -> None:
        self.reverse = reverse
        self.stop_after = stop_after
        self.errors: dict[int, list[SimulationError]] = {}
        self.ran: list[int] = []

    def imap(self, fn: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Outcome[Any, Any]]:
        for number, item in enumerate(reversed(list(items)) if self.reverse else items):
            if number == self.stop_after:
                raise KeyboardInterrupt
            self.ran.append(item.index)
            value, error = None, None
            try:
                if self.errors.get(item.index):
                    raise self.errors[item.index].pop(0)
                value = fn(None, item)
            except SimulationError as failure:
                error = failure
            yield Outcome(number, item, value, error, False, 0.0, 0.0)
