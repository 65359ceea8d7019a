"""Digital side of a minGRU column: phase sequencer, SAR logic, swap decoder, output latch, probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuits.cosim.block import Block, Drives, Signal
from circuits.families.mingru_column import DAC_BITS, DAC_MIDDLE, WEIGHT_LEVELS, MingruColumn
from circuits.families.mingru_deck import START, control_names, initially_high

#: Phases in the order of a step; their index is the value of the signal ``phase``.
PHASES = ("init", "precharge", "release", "share", "sar", "decide", "break", "hold", "strobe", "latch")


@dataclass(frozen=True)
class Slot:
    """One instant of the schedule: time (s), step, phase, and the bit for ``sar`` and ``decide``."""

    time: float
    step: int
    phase: str
    bit: int = 0


def step_slots(column: MingruColumn, step: int, start: float) -> list[Slot]:
    """Instants of one step that begins at ``start`` (s)."""
    slots = [Slot(start, step, "precharge")]
    time = start + column.t_sample
    slots.append(Slot(time, step, "release"))
    time += column.t_gap
    slots.append(Slot(time, step, "share"))
    time += column.t_share
    for bit in reversed(range(column.gate_bits)):
        slots.append(Slot(time, step, "sar", bit))
        slots.append(Slot(time + column.t_settle, step, "decide", bit))
        time += column.t_settle + column.t_compare
    slots.append(Slot(time, step, "break"))
    time += column.t_gap
    slots.append(Slot(time, step, "hold"))
    time += column.t_hold
    slots.append(Slot(time, step, "strobe"))
    slots.append(Slot(time + column.t_compare, step, "latch"))
    return slots


def run_slots(column: MingruColumn, steps: int) -> list[Slot]:
    """Instants of a run of ``steps`` steps, and its initial one."""
    slots = [Slot(START, 0, "init")]
    for step in range(steps):
        slots += step_slots(column, step, START + column.t_gap + step * column.t_step)
    return slots


def run_end(column: MingruColumn, steps: int) -> float:
    """End of a run of ``steps`` steps (s)."""
    return START + 2 * column.t_gap + steps * column.t_step


class Scheduled(Block):
    """A block that acts at the slots of some phases."""

    phases: tuple[str, ...] = PHASES

    def __init__(self, column: MingruColumn, slots: Sequence[Slot], supply: float) -> None:
        """Take the slots of this block's phases."""
        self.column = column
        self.supply = supply
        self.slots = [slot for slot in slots if slot.phase in self.phases]
        self._next = 0

    def schedule(self) -> list[float]:
        """Times of the slots."""
        return [slot.time for slot in self.slots]

    def slot(self) -> Slot:
        """The slot of this event."""
        self._next += 1
        return self.slots[self._next - 1]

    def levels(self, controls: Mapping[str, bool]) -> dict[str, float]:
        """Source values of control lines."""
        return {f"v{name}": self.supply if high else 0.0 for name, high in controls.items()}

    def initial(self, names: Sequence[str]) -> dict[str, float]:
        """Initial source values of control lines."""
        high = initially_high(self.column)
        return self.levels({name: name in high for name in names})


def bits(prefix: str, code: int) -> dict[str, bool]:
    """Control lines of a DAC at a code."""
    return {f"{prefix}{bit}": bool(code >> bit & 1) for bit in range(DAC_BITS)}


class Sequencer(Scheduled):
    """Phases, input bits, resets, z-synapse switches and bias codes.

    Parameters
    ----------
    column, slots, supply
        What it drives and when.
    inputs : sequence of sequence
        Row inputs of every step: 0 or 1, or levels from 0 to 1 with ``analog``.
    biases : sequence of (int, int)
        Signed 6-bit codes of the h and the z line in every step.
    analog : bool
        Drive the row lines themselves.
    """

    name = "sequencer"
    phases = tuple(phase for phase in PHASES if phase != "latch")

    def __init__(
        self,
        column: MingruColumn,
        slots: Sequence[Slot],
        supply: float,
        inputs: Sequence[Sequence[float]],
        biases: Sequence[tuple[int, int]],
        *,
        analog: bool = False,
    ) -> None:
        """Take the stimulus."""
        super().__init__(column, slots, supply)
        self.inputs = inputs
        self.biases = biases
        self.analog = analog
        own = [c for c in control_names(column) if c in ("rst", "rsth", "rstd", "pz", "sz") or c[0] in "xb"]
        rows = {f"vr{r}_{w}": supply / 2 for r in range(column.n_rows) for w in range(4)} if analog else {}
        self.sources = rows | self.initial([c for c in own if not (analog and c[0] == "x")])
        self.signals = {"step": Signal(16), "phase": Signal(4, PHASES)}

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """Set the lines of the phase that begins."""
        slot = self.slot()
        state = {"step": slot.step, "phase": PHASES.index(slot.phase)}
        return Drives(self._sources(slot), state)

    def _sources(self, slot: Slot) -> dict[str, float]:
        reset = self.column.line_reset == 1.0
        if slot.phase == "init":
            return self.levels({"rsth": False})
        if slot.phase == "precharge":
            middle = bits("bh", DAC_MIDDLE) | bits("bz", DAC_MIDDLE)
            lines = {"pz": True, "rstd": True, "rst": reset}
            return self._inputs(slot.step) | self.levels(lines | middle)
        if slot.phase == "release":
            return self.levels({"pz": False, "rst": False, "rstd": False})
        if slot.phase == "share":
            bias_h, bias_z = self.biases[slot.step]
            codes = bits("bh", DAC_MIDDLE + bias_h) | bits("bz", DAC_MIDDLE + bias_z)
            return self.levels({"sz": True} | codes)
        if slot.phase == "break":
            return self.levels({"sz": False})
        return {}

    def _inputs(self, step: int) -> dict[str, float]:
        values = self.inputs[step]
        if not self.analog:
            return self.levels({f"x{row}": bool(x) for row, x in enumerate(values)})
        middle, half = self.supply / 2, self.column.v_fs / 2
        return {
            f"vr{row}_{w}": middle + float(x) * level * half
            for row, x in enumerate(values)
            for w, level in enumerate(WEIGHT_LEVELS)
        }


class SarLogic(Scheduled):
    """Successive approximation of V_z by the gate DAC; the result is the signal ``k``.

    With fewer than 6 gate bits the upper bits of the DAC are used. ``forced`` replaces the result by given
    codes, one a step, for characterisation; the conversion still runs.
    """

    name = "sar"
    phases = ("precharge", "sar", "decide", "break")
    nodes = ("czp", "czn")

    def __init__(
        self,
        column: MingruColumn,
        slots: Sequence[Slot],
        supply: float,
        forced: Sequence[int] | None = None,
    ) -> None:
        """Start with the DAC at its reset code."""
        super().__init__(column, slots, supply)
        self.forced = forced
        self.sources = self.initial(["clkz", *(f"dg{bit}" for bit in range(DAC_BITS))])
        self.signals = {"k": Signal(DAC_BITS), "trial": Signal(DAC_BITS)}
        self._trial = 0

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """One instant: reset, next trial, clock, or result."""
        slot = self.slot()
        if slot.phase == "precharge":
            return Drives(self.levels(bits("dg", int(self.column.gate_code))))
        if slot.phase == "decide":
            return Drives(self.levels({"clkz": True}))
        if slot.phase == "sar" and slot.bit == self.column.gate_bits - 1:
            self._trial = 1 << slot.bit
        else:
            decided = slot.bit + 1 if slot.phase == "sar" else 0
            if voltages["czp"] < voltages["czn"]:
                self._trial -= 1 << decided
            if slot.phase == "sar":
                self._trial += 1 << slot.bit
        shown = self._trial << (DAC_BITS - self.column.gate_bits)
        sources = self.levels({"clkz": False} | bits("dg", shown))
        if slot.phase == "sar":
            return Drives(sources, {"trial": self._trial})
        k = self._trial if self.forced is None else self.forced[slot.step]
        return Drives(sources, {"trial": self._trial, "k": k})


class SwapDecoder(Scheduled):
    """Switches of the h-synapses; the groups of the bits of ``k`` exchange A and B, break before make.

    Bit j of the signal ``roles`` is 1 while capacitor B of group j holds the state.
    """

    name = "swap"
    phases = ("precharge", "release", "share", "break", "hold")

    def __init__(self, column: MingruColumn, slots: Sequence[Slot], supply: float) -> None:
        """Start with A holding everywhere."""
        super().__init__(column, slots, supply)
        self.groups = range(column.gate_bits + 1)
        self.sources = self.initial([f"{s}{c}{g}" for g in self.groups for c in "ab" for s in "psh"])
        self.signals = {"roles": Signal(column.gate_bits + 1)}
        self._roles = 0

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """Switch the groups for the phase that begins."""
        phase = self.slot().phase
        controls: dict[str, bool] = {}
        if phase == "break":
            controls = {f"s{self._working(g)}{g}": False for g in self.groups}
            moved = [g for g in self.groups if g < self.column.gate_bits and signals["k"] >> g & 1]
            controls |= {f"h{self._holding(g)}{g}": False for g in moved}
            for group in moved:
                self._roles ^= 1 << group
        elif phase == "hold":
            controls = {f"h{self._holding(g)}{g}": True for g in self.groups}
        elif phase == "share":
            controls = {f"s{self._working(g)}{g}": True for g in self.groups}
        else:
            controls = {f"p{self._working(g)}{g}": phase == "precharge" for g in self.groups}
        return Drives(self.levels(controls), {"roles": self._roles})

    def _holding(self, group: int) -> str:
        return "b" if self._roles >> group & 1 else "a"

    def _working(self, group: int) -> str:
        return "a" if self._roles >> group & 1 else "b"


class OutputLatch(Scheduled):
    """Strobes the output comparator and keeps its decision as the signal ``y``."""

    name = "latch"
    phases = ("strobe", "latch")
    nodes = ("chp", "chn")

    def __init__(self, column: MingruColumn, slots: Sequence[Slot], supply: float) -> None:
        """Start with the comparator in reset."""
        super().__init__(column, slots, supply)
        self.sources = self.initial(["clkh"])
        self.signals = {"y": Signal(1)}

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """Clock, or take the decision."""
        if self.slot().phase == "strobe":
            return Drives(self.levels({"clkh": True}))
        return Drives(self.levels({"clkh": False}), {"y": int(voltages["chp"] > voltages["chn"])})


class Probe(Scheduled):
    """Reads the lines: ht and z at the end of sharing, h at the end of holding; gathers a record of each step."""

    name = "probe"
    phases = ("sar", "strobe", "latch")
    nodes = ("ht", "z", "h")

    def __init__(self, column: MingruColumn, slots: Sequence[Slot], supply: float) -> None:
        """Start with no records."""
        first = column.gate_bits - 1
        super().__init__(column, [s for s in slots if s.phase != "sar" or s.bit == first], supply)
        self.records: list[dict[str, float]] = []

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """Note the lines of this instant."""
        phase, middle = self.slot().phase, self.supply / 2
        if phase == "sar":
            self.records.append({"v_ht": voltages["ht"] - middle, "v_z": voltages["z"] - middle})
        elif phase == "strobe":
            self.records[-1] |= {"v_h": voltages["h"] - middle, "k": float(signals["k"])}
        else:
            self.records[-1]["y"] = float(signals["y"])
        return Drives()
