"""A SAR ADC alone: sampling switch, hold capacitor, capacitive DAC, comparator; the converter of the minGRU gate.

Its digital side is written against the same block protocol as the minGRU column's: a converter, and a servo that
searches every code transition by bisection, which gives DNL and INL without a histogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, ParameterError, param
from circuits.cosim.block import Block, Drives, Signal
from circuits.cosim.result import CoSimulation
from circuits.cosim.run import cosimulate
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, Simulator
from circuits.families import mingru
from circuits.ngspice.errors import MeasureFailed
from circuits.ngspice.stepping import SteppingSimulator, stepping
from circuits.process import Mismatch, Process, get_process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

DAC_BITS = 6

#: Phases of one conversion; their index is the value of the signal ``phase``.
PHASES = ("start", "sample", "hold", "set", "decide", "result")

_OPTIONS: Mapping[str, str] = {
    **DEFAULT_OPTIONS, "method": "gear", "reltol": "1e-4", "chgtol": "1e-17", "abstol": "1e-14",
    "pivrel": "1e-6", "pivtol": "1e-18",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SarAdc(Circuit):
    """SAR ADC at transistor level; all values assumed. The slope is set by ``c_load``, the offset by ``code_reset``."""

    name: ClassVar[str] = "sar_adc"
    family: ClassVar[str] = "sar"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()
    ideal: ClassVar[bool] = False

    bits: float = param(6.0, "1", (1.0, 6.0), "resolution; fewer bits use the upper ones of the DAC")
    c_hold: float = param(1.28e-12, "F", (1e-15, 1e-9), "capacitor that holds the sample")
    c_load: float = param(
        0.0, "F", (0.0, 1e-9), "load that is shared with the hold capacitor: lowers the slope"
    )
    c_dac: float = param(20e-15, "F", (0.1e-15, 1e-12), "smallest capacitor of the DAC")
    c_top: float = param(4e-15, "F", (0.0, 1e-9), "parasitic of the DAC's top plate")
    v_range: float = param(0.4, "V", (0.01, 3.0), "span of the DAC's references")
    v_reset: float = param(0.0, "V", (-1.0, 1.0), "reset level of the DAC against the common mode")
    code_reset: float = param(32.0, "1", (0.0, 63.0), "code at which the DAC is reset: offset")
    a_c: float = param(0.01, "1", (0.0, 1.0), "relative spread of a capacitor of 1 fF; falls as 1/sqrt(C)")
    w_switch: float = param(
        4e-6, "m", (0.42e-6, 100e-6), "gate width of the sampling and reset switches, n and p"
    )
    w_input: float = param(4e-6, "m", (0.42e-6, 100e-6), "width of the comparator's input pair")
    t_sample: float = param(60e-9, "s", (1e-10, 1e-3), "sampling")
    t_gap: float = param(20e-9, "s", (1e-10, 1e-3), "sharing with the load before the first bit")
    t_settle: float = param(20e-9, "s", (1e-10, 1e-3), "settling of the DAC, each bit")
    t_compare: float = param(10e-9, "s", (1e-10, 1e-3), "decision of the comparator")

    def __post_init__(self) -> None:
        """Check bounds and whole numbers."""
        super().__post_init__()
        for name in ("bits", "code_reset"):
            if getattr(self, name) != int(getattr(self, name)):
                raise ParameterError(
                    f"{type(self).__name__}.{name} = {getattr(self, name)!r} is no whole number"
                )

    @property
    def n_bits(self) -> int:
        """Resolution as an integer."""
        return int(self.bits)

    @property
    def lsb(self) -> float:
        """Input voltage of one code by hand (V): DAC step over the division of the sample by the load."""
        step = self.v_range * 64 * self.c_dac / (64 * self.c_dac + self.c_top) / 2**self.n_bits
        return float(step * (self.c_hold + self.c_load) / self.c_hold)

    @property
    def t_conversion(self) -> float:
        """Duration of a conversion (s)."""
        return self.t_sample + self.t_gap + self.n_bits * (self.t_settle + self.t_compare) + self.t_compare

    def threshold(self, code: int) -> float:
        """Input at which the output becomes ``code``, by hand (V against the common mode)."""
        share = (self.c_hold + self.c_load) / self.c_hold
        middle = self.code_reset / 2 ** (DAC_BITS - self.n_bits)
        return float((code - middle) * self.lsb + self.v_reset * share)

    def instances(self) -> dict[str, mingru.MingruCell]:
        """Cells by instance name, nominal."""
        wide = {"r_on": 1e3} if self.ideal else {"w_n": self.w_switch, "w_p": self.w_switch}
        switch = mingru.Switch if self.ideal else mingru.TransmissionGate
        line, dac = (mingru.LineIdeal, mingru.DacIdeal) if self.ideal else (mingru.Line, mingru.Dac)
        comparator: mingru.MingruCell = (
            mingru.ComparatorIdeal() if self.ideal else mingru.Comparator(w_in=self.w_input)
        )
        return {
            "sample": switch().replace(wide),
            "share": switch().replace(wide),
            "load": line().replace({"c_line": self.c_load}),
            "top": line().replace({"c_line": self.c_top, **wide}),
            "dac": dac().replace({"c_dac": self.c_dac}),
            "cmp": comparator,
        }

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells."""
        return tuple(dict.fromkeys(cell.netlist for cell in self.instances().values()))

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor as ``<instance>.<transistor>``."""
        return {
            f"{name}.{transistor}": geometry
            for name, cell in self.instances().items()
            for transistor, geometry in cell.geometries().items()
        }

    def capacitor_spreads(self) -> dict[str, float]:
        """Capacitors of the DAC as ``dac.dev_<j>``."""
        return {
            f"dac.dev_{bit}": self.a_c * (1e-15 / (self.c_dac * 2**bit)) ** 0.5 for bit in range(DAC_BITS)
        }


@dataclass(frozen=True, kw_only=True)
class IdealSarAdc(SarAdc):
    """SAR ADC in ideal switches."""

    name: ClassVar[str] = "sar_adc_ideal"
    ideal: ClassVar[bool] = True


def sar_deck(adc: SarAdc, process: Process, conditions: Conditions, stop: float) -> Deck:
    """Deck of the converter alone until ``stop`` (s); the input is the source ``vin``."""
    supply = process.supply if conditions.supply is None else conditions.supply
    cells = adc.instances()
    geometries = [g for cell in cells.values() for g in cell.geometries().values()]
    lines = list(process.cards(conditions.corner, geometries) if geometries else ())
    for kind in dict.fromkeys(type(cell) for cell in cells.values()):
        lines += subcircuit_lines(kind())
    middle, half = supply / 2, adc.v_range / 2
    rails = {
        "vdd": supply,
        "vcm": middle,
        "dini": middle + adc.v_reset,
        "gp": middle + half,
        "gn": middle - half,
    }
    lines += [f"vs{node} {node} 0 dc {voltage!r}" for node, voltage in rails.items()]
    lines += [f"vin in 0 dc {middle!r}", f"chold z 0 {adc.c_hold!r}"]
    high = {"ps", "rst"} | {f"b{bit}" for bit in range(DAC_BITS) if int(adc.code_reset) >> bit & 1}
    for control in ("ps", "sh", "rst", "clk", *(f"b{bit}" for bit in range(DAC_BITS))):
        lines += [
            f"v{control} {control}s 0 dc {supply if control in high else 0.0!r}",
            f"rc{control} {control}s {control} 500",
            f"cc{control} {control} 0 100f",
            f"e{control}b {control}b 0 vdd {control} 1",
        ]
    nodes = {
        "sample": ("in", "z", "ps", "psb", "vdd", "0"),
        "share": ("z", "load", "sh", "shb", "vdd", "0"),
        "load": ("load", "vcm", "rst", "rstb", "vdd", "0"),
        "top": ("d", "dini", "rst", "rstb", "vdd", "0"),
        "dac": ("d", "gp", "gn", *(f"b{j}{c}" for j in range(DAC_BITS) for c in ("", "b")), "vdd", "0"),
        "cmp": ("z", "d", "clk", "op", "on", "vdd", "0"),
    }
    for name, cell in cells.items():
        own, deviations = split_mismatch(name, conditions.mismatch)
        levels = {k: v for k, v in {"v_switch": middle, "v_high": supply}.items() if k in cell.declarations()}
        lines.append(instance_line(cell.replace(levels | deviations), name, nodes[name], own))
    step = 10e-9
    return Deck(
        title=f"{adc.name} {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
        save=("in", "z", "d", "clk"),
        options=_OPTIONS,
        temperature=conditions.temperature,
    )


def split_mismatch(
    instance: str, mismatch: Mismatch
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Mismatch of one instance: of its transistors, and deviations of its capacitors."""
    own = {k.partition(".")[2]: v for k, v in mismatch.items() if k.partition(".")[0] == instance}
    deviations = {k: factor - 1.0 for k, (_, factor) in own.items() if k.startswith("dev_")}
    return {k: v for k, v in own.items() if not k.startswith("dev_")}, deviations


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
