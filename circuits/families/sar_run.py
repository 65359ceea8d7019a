"""Digital side of the SAR ADC: a converter, and a servo that searches code transitions by bisection.

Written against the same block protocol as the minGRU column's; the servo gives DNL and INL without a histogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from circuits.cosim.block import Block, Drives, Signal
from circuits.cosim.result import CoSimulation
from circuits.cosim.run import cosimulate
from circuits.deck import FloatArray, Simulator
from circuits.families.sar import DAC_BITS, PHASES, SarAdc, sar_deck
from circuits.ngspice.errors import MeasureFailed
from circuits.ngspice.stepping import SteppingSimulator, stepping
from circuits.process import Process, get_process
from circuits.testbench import Conditions


class Conversion(Block):
    """Converts over and over; asks a source of inputs (:meth:`first`, :meth:`after`) for the next voltage."""

    name = "sar"
    nodes = ("op", "on")

    def __init__(self, adc: SarAdc, supply: float, count: int, start: float = 5e-9) -> None:
        """Plan ``count`` conversions."""
        self.adc, self.supply, self.count, self.start = adc, supply, count, start
        controls = ("ps", "sh", "rst", "clk", *(f"b{bit}" for bit in range(DAC_BITS)))
        high = {"ps", "rst"} | {f"b{bit}" for bit in range(DAC_BITS) if int(adc.code_reset) >> bit & 1}
        self.sources = {"vin": supply / 2} | {f"v{c}": supply if c in high else 0.0 for c in controls}
        self.signals = {
            "step": Signal(16), "phase": Signal(3, PHASES), "code": Signal(DAC_BITS), "trial": Signal(DAC_BITS),
        }  # fmt: skip
        self.inputs: list[float] = []
        self.codes: list[int] = []
        self._slots = self._plan()
        self._next, self._trial = 0, 0

    def first(self) -> float:
        """Input of the first conversion (V against the common mode)."""
        raise NotImplementedError

    def after(self, code: int) -> float:
        """Input of the next conversion, given the result of the last one (V against the common mode)."""
        raise NotImplementedError

    def _plan(self) -> list[tuple[float, int, str, int]]:
        """(time, conversion, phase, bit) of every event."""
        slots, time = [], self.start
        for step in range(self.count):
            slots.append((time, step, "sample", 0))
            time += self.adc.t_sample
            slots.append((time, step, "hold", 0))
            time += self.adc.t_gap
            for bit in reversed(range(self.adc.n_bits)):
                slots.append((time, step, "set", bit))
                slots.append((time + self.adc.t_settle, step, "decide", bit))
                time += self.adc.t_settle + self.adc.t_compare
            slots.append((time, step, "result", 0))
            time += self.adc.t_compare
        return slots

    def schedule(self) -> Sequence[float]:
        """Times of all events."""
        return [slot[0] for slot in self._slots]

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """One event of the conversion."""
        _, step, phase, bit = self._slots[self._next]
        self._next += 1
        state = {"step": step, "phase": PHASES.index(phase)}
        if phase == "sample":
            voltage = self.first() if not self.inputs else self.after(self.codes[-1])
            self.inputs.append(voltage)
            controls = {"ps": True, "rst": True, "sh": False} | self._dac(int(self.adc.code_reset))
            return Drives({"vin": self.supply / 2 + voltage} | self._levels(controls), state)
        if phase == "hold":
            return Drives(self._levels({"ps": False, "rst": False, "sh": True}), state)
        if phase == "decide":
            return Drives(self._levels({"clk": True}), state)
        if phase == "set" and bit == self.adc.n_bits - 1:
            self._trial = 0
        elif voltages["op"] < voltages["on"]:
            self._trial -= 1 << (bit + 1 if phase == "set" else 0)
        if phase == "set":
            self._trial += 1 << bit
            shown = self._trial << (DAC_BITS - self.adc.n_bits)
            return Drives(self._levels({"clk": False} | self._dac(shown)), state | {"trial": self._trial})
        self.codes.append(self._trial)
        return Drives(self._levels({"clk": False}), state | {"code": self._trial})

    def _dac(self, code: int) -> dict[str, bool]:
        return {f"b{bit}": bool(code >> bit & 1) for bit in range(DAC_BITS)}

    def _levels(self, controls: Mapping[str, bool]) -> dict[str, float]:
        return {f"v{name}": self.supply if high else 0.0 for name, high in controls.items()}


class Samples(Conversion):
    """Converts given voltages, in order."""

    def __init__(self, adc: SarAdc, supply: float, voltages: Sequence[float]) -> None:
        """Take the voltages (V against the common mode)."""
        super().__init__(adc, supply, len(voltages))
        self.voltages = voltages

    def first(self) -> float:
        """The first voltage."""
        return self.voltages[0]

    def after(self, code: int) -> float:
        """The next voltage."""
        return self.voltages[len(self.codes)]


class Servo(Conversion):
    """Searches code transitions by bisection around the hand values: each conversion halves the interval.

    Parameters
    ----------
    adc, supply
        The converter.
    transitions : sequence of int
        Codes whose lower transition is wanted.
    halvings : int
        Conversions for each.
    reach : float
        Half the first interval, in LSB by hand.
    """

    def __init__(
        self, adc: SarAdc, supply: float, transitions: Sequence[int], halvings: int, reach: float
    ) -> None:
        """Start in the middle of the first interval."""
        super().__init__(adc, supply, len(transitions) * halvings)
        self.transitions, self.halvings, self.reach = transitions, halvings, reach
        self.found: list[float] = []
        self._low, self._high = self._interval()

    def first(self) -> float:
        """Middle of the first interval."""
        return (self._low + self._high) / 2

    def after(self, code: int) -> float:
        """Middle of the half that holds the transition; the next transition when this one is narrow enough."""
        middle = self.inputs[-1]
        if code >= self.transitions[len(self.found)]:
            self._high = middle
        else:
            self._low = middle
        if len(self.codes) % self.halvings == 0:
            self.found.append((self._low + self._high) / 2)
            if len(self.found) < len(self.transitions):
                self._low, self._high = self._interval()
        return (self._low + self._high) / 2

    def finish(self) -> list[float]:
        """Transitions (V against the common mode), once the last conversion is in."""
        if len(self.codes) == self.count and len(self.found) < len(self.transitions):
            self.after(self.codes[-1])
        return self.found

    def _interval(self) -> tuple[float, float]:
        expected = self.adc.threshold(self.transitions[len(self.found)])
        # A systematic offset is the same for all codes: later searches start around the last one's.
        if self.found:
            expected += self.found[-1] - self.adc.threshold(self.transitions[len(self.found) - 1])
        reach = (self.reach if not self.found else min(self.reach, 2.0)) * self.adc.lsb
        return expected - reach, expected + reach


@dataclass(frozen=True)
class SarJob:
    """What :func:`run_servo` needs: converter, where, how finely."""

    adc: SarAdc
    process: Process = field(default_factory=lambda: get_process("generic130"))
    conditions: Conditions = field(default_factory=Conditions)
    transitions: tuple[int, ...] = ()
    halvings: int = 8
    reach: float = 8.0


@dataclass(frozen=True)
class Transfer:
    """Static transfer of a converter.

    Attributes
    ----------
    codes : ndarray of int
        Codes whose lower transitions were searched.
    thresholds : ndarray
        Those transitions (V against the common mode).
    lsb, offset : float
        Straight line through them: volt a code, and volt at which it gives code 2^(bits-1).
    dnl, inl : ndarray
        Step between neighbouring transitions minus one, and deviation from the line, in LSB.
    """

    codes: np.ndarray[tuple[int], np.dtype[np.int64]]
    thresholds: FloatArray
    lsb: float
    offset: float
    dnl: FloatArray
    inl: FloatArray


def transfer(codes: Sequence[int], thresholds: Sequence[float], bits: int) -> Transfer:
    """Line, DNL and INL of code transitions; needs three or more.

    Raises
    ------
    MeasureFailed
        Fewer than three transitions, or a line that does not rise.
    """
    index, volts = np.array(codes, dtype=np.int64), np.array(thresholds)
    if index.size < 3:
        raise MeasureFailed(f"{index.size} code transitions; a line needs 3 or more")
    lsb, start = (float(v) for v in np.polyfit(index, volts, 1))
    if lsb <= 0.0:
        raise MeasureFailed(f"the transitions do not rise with the code: {lsb:g} V a code")
    dnl = np.diff(volts) / (lsb * np.diff(index)) - 1.0
    inl = (volts - start - lsb * index) / lsb
    return Transfer(index, volts, lsb, start + lsb * 2 ** (bits - 1), dnl, inl)


def search(simulator: SteppingSimulator, job: SarJob) -> tuple[list[float], CoSimulation]:
    """Transitions that a run found (V against the common mode), all of them unless it ended early."""
    adc = job.adc
    supply = job.process.supply if job.conditions.supply is None else job.conditions.supply
    codes = job.transitions or tuple(range(1, 2**adc.n_bits))
    servo = Servo(adc, supply, codes, job.halvings, job.reach)
    stop = servo.start + servo.count * adc.t_conversion + adc.t_compare
    result = cosimulate(simulator, sar_deck(adc, job.process, job.conditions, stop), (servo,))
    return servo.finish(), result


def run_servo(simulator: Simulator, job: SarJob) -> tuple[Transfer, CoSimulation]:
    """Transfer of a converter from its transitions, and the co-simulation that found them.

    Raises
    ------
    MeasureFailed
        The run ended before all transitions were found.
    """
    found, result = search(stepping(simulator), job)
    codes = job.transitions or tuple(range(1, 2**job.adc.n_bits))
    if result.ended is not None or len(found) < len(codes):
        raise MeasureFailed(f"{len(found)} of {len(codes)} transitions: {result.ended}")
    return transfer(codes, found, job.adc.n_bits), result


def run_samples(
    simulator: Simulator, adc: SarAdc, process: Process, conditions: Conditions, voltages: Sequence[float]
) -> tuple[list[int], CoSimulation]:
    """Codes of given input voltages (V against the common mode), and the co-simulation."""
    supply = process.supply if conditions.supply is None else conditions.supply
    block = Samples(adc, supply, voltages)
    stop = block.start + block.count * adc.t_conversion + adc.t_compare
    result = cosimulate(stepping(simulator), sar_deck(adc, process, conditions, stop), (block,))
    return block.codes, result
