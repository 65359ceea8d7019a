"""Testbenches of the minGRU column's timing and cost: settling of each phase, energy of a step, droop, noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import ParameterError, param
from circuits.deck import Deck, FloatArray, SimulationResult
from circuits.families.mingru_bench import BOLTZMANN, ColumnBench, balanced, driven, small_column
from circuits.families.mingru_blocks import run_slots
from circuits.families.mingru_column import MingruColumn
from circuits.families.mingru_deck import column_deck, control_names, initially_high, supply_voltage
from circuits.families.mingru_run import ColumnJob, ColumnRun
from circuits.measure import integral, settling_time, time_slope, window
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

#: Rails of the column that deliver charge to the array, by source name.
RAILS = ("vsvcm", "vsw0", "vsw1", "vsw2", "vsw3", "vsgp", "vsgn", "vsbp", "vsbn", "vsdini")


@dataclass(frozen=True, kw_only=True)
class MingruSettling(ColumnBench):
    """Time from the start of a phase until its line stays within half an LSB (6 bits of the weight span)."""

    name: ClassVar[str] = "mingru_settling"
    description: ClassVar[str] = "settling of precharge, share and hold to 0.5 LSB at the largest steps"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("t_set_p1", "s", "precharge of the row farthest from the control lines' drivers, 0 to +1"),
        Observable("t_set_p2", "s", "line h~ after sharing begins"),
        Observable("t_set_p5", "s", "line h after the swapped capacitors connect, largest code"),
    )

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """All rows of -1, then all rows of +1; every group is swapped."""
        rows = self.dut.n_rows
        weights = balanced(rows)
        top = int(2**self.dut.gate_bits - 1)
        return ColumnJob(
            column=self.dut,
            weights=(weights, weights),
            inputs=(driven(rows, -(rows // 2)), driven(rows, rows // 2)),
            forced=(top, top),
            save=("xh0.ta",),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Last time each line is half an LSB away from where its phase ends, in the second step."""
        lsb = job.column.v_fs / 64
        waves = run.cosimulation.waves
        # after one swap of its group, capacitor A of row 0 is the one that samples
        phases = {"p1": ("xh0.ta", "precharge", "release"), "p2": ("ht", "share", "sar")}
        phases["p5"] = ("h", "hold", "strobe")
        start: dict[str, float] = {}
        for slot in run_slots(job.column, 2):
            if slot.step == 1:
                start.setdefault(slot.phase, slot.time)
        values = {}
        for name, (node, first, last) in phases.items():
            t, v = window(waves["time"], waves[node], start[first], start[last])
            values[f"t_set_{name}"] = settling_time(t, v, float(v[-1]), lsb / 2, start[first])
        return values


@dataclass(frozen=True, kw_only=True)
class MingruEnergy(ColumnBench):
    """Energy of a step and column from the rails of the array, from the supply, and of the control lines."""

    name: ClassVar[str] = "mingru_energy"
    description: ClassVar[str] = "energy of a step: array and references, supply, control lines"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("e_array", "J", "from weight voltages, common mode and DAC references, mean of the steps"),
        Observable("e_supply", "J", "from vdd: comparators and leakage"),
        Observable("e_control", "J", "into control lines and their complements, c_clock included"),
        Observable("e_step", "J", "sum of the three"),
    )

    steps: float = param(1.0, "1", (1.0, 64.0), "steps after the first, rounded to a whole number")

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """Alternating signs with half of the groups swapped; the first step is left out."""
        rows = self.dut.n_rows
        weights = balanced(rows)
        count = 1 + round(self.steps)
        signs = [1 if step % 2 else -1 for step in range(count)]
        controls = control_names(self.dut)
        sources = [f"v{name}" for name in controls] + [f"e{name}b" for name in controls]
        return ColumnJob(
            column=self.dut,
            weights=(weights, weights),
            inputs=tuple(driven(rows, sign * (rows // 2)) for sign in signs),
            forced=(int(2 ** (self.dut.gate_bits - 1)),) * count,
            save=tuple(
                vector
                for name in ("vsvdd", *RAILS, *sources)
                for vector in ([f"{name}#branch"] if name[0] == "v" else [f"{name}#branch", f"{name[1:]}"])
            ),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Integrals over the steps after the first."""
        supply = supply_voltage(job.process, job.conditions)
        count = len(job.inputs) - 1
        slots = run_slots(job.column, count + 1)
        begin = next(slot.time for slot in slots if slot.step == 1)
        end = begin + count * job.column.t_step
        waves = run.cosimulation.waves
        time = waves["time"]

        def energy(voltage: FloatArray | float, branch: str) -> float:
            return -integral(time, voltage * waves[f"{branch}#branch"], begin, min(end, time[-1])) / count

        rails = rail_voltages(job.column, supply)
        array = sum(energy(rails[name], name) for name in RAILS)
        levels = {event.time: event.sources for event in run.cosimulation.events}
        control = 0.0
        for name in control_names(job.column):
            driven_level = source_levels(time, levels, f"v{name}", job.column, supply)
            control += energy(driven_level, f"v{name}") + energy(waves[f"{name}b"], f"e{name}b")
        from_vdd = energy(supply, "vsvdd")
        return {
            "e_array": array,
            "e_supply": from_vdd,
            "e_control": control,
            "e_step": array + from_vdd + control,
        }


def rail_voltages(column: MingruColumn, supply: float) -> dict[str, float]:
    """Voltage of every rail that delivers charge to the array, by source name."""
    middle, third = supply / 2, column.v_fs / 6
    weights = {f"vsw{w}": middle + level * third for w, level in enumerate((-3, -1, 1, 3))}
    spans = {"g": column.v_gate / 2, "b": column.v_bias / 2}
    references = {f"vs{n}{e}": middle + s * h for n, h in spans.items() for e, s in (("p", 1), ("n", -1))}
    return {"vsvcm": middle, "vsdini": middle + column.v_reset, **weights, **references}


def source_levels(
    time: FloatArray,
    changes: Mapping[float, Mapping[str, float]],
    source: str,
    column: MingruColumn,
    supply: float,
) -> FloatArray:
    """Voltage of a control source at every time point: constant between the events that change it."""
    edges = [(t, values[source]) for t, values in changes.items() if source in values]
    first = supply if source[1:] in initially_high(column) else 0.0
    values = np.array([first, *(value for _, value in edges)])
    index = np.searchsorted(np.array([t for t, _ in edges]), time, side="left")
    levels: FloatArray = values[index]
    return levels


@dataclass(frozen=True, kw_only=True)
class HoldBench(Testbench):
    """A column at rest: capacitors A on line h, everything else reset; nothing is switched."""

    family: ClassVar[str] = "mingru"

    dut: MingruColumn = field(default_factory=small_column)

    def resting(
        self,
        process: Process,
        conditions: Conditions,
        extra: tuple[str, ...],
        analysis: str,
        save: tuple[str, ...],
    ) -> Deck:
        """Deck with line h released, ``extra`` lines and one analysis."""
        rows = self.dut.n_rows
        weights = balanced(rows)
        deck = column_deck(self.dut, (weights, weights), process, conditions, stop=1e-6, released=("rsth",))
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(*deck.lines, *extra),
            analyses=(analysis,),
            save=save,
            options={**deck.options, "gmin": "1e-18", "abstol": "1e-17", "chgtol": "1e-19", "reltol": "1e-4"},
            temperature=conditions.temperature,
        )


@dataclass(frozen=True, kw_only=True)
class MingruDroop(HoldBench):
    """Line h left alone at a level: how fast it moves."""

    name: ClassVar[str] = "mingru_droop"
    description: ClassVar[str] = "droop of the held state at a level: volt per second, leakage of a row"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("droop", "V/s", "dV_h/dt over the window"),
        Observable("i_leak", "A", "droop times the row capacitors of the line, per row"),
    )

    v_hold: float = param(0.2, "V", (-0.6, 0.6), "held level against the common mode")
    t_window: float = param(0.1, "s", (1e-6, 10.0), "time over which the line is watched")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """A transient from a given voltage on line h and its capacitors."""
        level = supply_voltage(process, conditions) / 2 + self.v_hold
        rows = range(self.dut.n_rows)
        initial = " ".join([f"v(h)={level!r}", *(f"v(xh{row}.ta)={level!r}" for row in rows)])
        step = self.t_window / 50
        return self.resting(
            process, conditions, (f".ic {initial}",), f"tran {step!r} {self.t_window!r} 0 {step!r}", ("h",)
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Slope after the first tenth of the window."""
        waves = result.analyses[0]
        slope = time_slope(waves["time"], waves["h"], 0.1 * self.t_window, self.t_window).slope
        return {"droop": slope, "i_leak": slope * (self.dut.c_unit + self.dut.c_par)}


@dataclass(frozen=True, kw_only=True)
class MingruNoise(HoldBench):
    """Thermal noise of the state: integrated noise of the mean voltage of the capacitors on line h.

    The line itself also has the fast noise of its switches on its small parasitic; a swap averages it out.
    """

    name: ClassVar[str] = "mingru_noise"
    description: ClassVar[str] = "kT/C noise of the state, from a noise analysis of its capacitors"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("sigma_h", "V", "rms noise of the mean of the capacitors' voltages, all frequencies"),
        Observable("sigma_ratio", "1", "sigma_h over sqrt(k T / (N C)), C = c_unit + c_par"),
    )

    r_bias: float = param(1e9, "Ohm", (1e6, 1e15), "resistor that gives line h its operating point")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Noise analysis from far below to far above every corner frequency of the line."""
        if self.dut.ideal:
            raise ParameterError(
                f"{self.name}: ngspice's noise analysis does not know open ideal switches;"
                " accepted: a transistor-level column"
            )
        middle = supply_voltage(process, conditions) / 2
        rows = self.dut.n_rows
        mean = "+".join(f"v(xh{row}.ta)" for row in range(rows))
        extra = (
            f"rhold h bias {self.r_bias!r}",
            f"vbias bias 0 dc {middle!r} ac 1",
            f"bmean mean 0 v={{({mean})/{rows}}}",
        )
        total = self.dut.n_rows * (self.dut.c_unit + self.dut.c_par)
        low = 1e-3 / (2 * math.pi * self.r_bias * total)
        return self.resting(process, conditions, extra, f"noise v(mean) vbias dec 20 {low!r} 1e12", ())

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Total of the spectrum."""
        sigma = float(result.analyses[0]["onoise_total"][0])
        total = self.dut.n_rows * (self.dut.c_unit + self.dut.c_par)
        expected = math.sqrt(BOLTZMANN * conditions.temperature / total)
        return {"sigma_h": sigma, "sigma_ratio": sigma / expected}


#: Testbenches of this module.
DYNAMIC_TESTBENCHES = (MingruSettling, MingruEnergy, MingruDroop, MingruNoise)
