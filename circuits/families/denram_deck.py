"""Deck of a delay cell: rails, input spikes, cells, the transient."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from circuits.circuit import ParameterError
from circuits.deck import DEFAULT_OPTIONS, Deck
from circuits.families.denram_cell import CORE, MEMORY, PULSE, STAGE, DelayCell
from circuits.families.dpi_deck import spike_source, supply_voltage
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

#: gmin across the junctions of the capacitor's node must stay far below 1/R: 1e-18 S is 1e-6 of 1 TOhm's.
#: With ngspice's trtol of 7 the width of a pulse scatters by 20 %, and after long delays pulses are stepped over.
DELAY_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "gmin": "1e-18", "trtol": "1"}

#: Time before the first spike (s).
LEAD = 1e-4


def cell_lines(
    dut: DelayCell, mismatch: Mapping[str, tuple[float, float]], prefix: str = "", spike: str = "spk"
) -> list[str]:
    """Instances of one delay cell; its own nodes are prefixed, rails are shared, ``spike`` is its input."""
    shared = {"0", "vdd", "vddb", "vset", "vth"}
    parts = dut.split(mismatch)
    lines = []
    for name, cell in dut.instances().items():
        nodes = [
            spike if node == "spk" else node if node in shared else f"{prefix}{node}"
            for node in dut.nodes()[name]
        ]
        lines.append(instance_line(cell, f"{prefix}{name}", nodes, parts[name]))
    return lines


def rail_lines(dut: DelayCell, supply: float) -> list[str]:
    """Sources of the rails: supply, supply of the bias diodes, set level, threshold."""
    rails = {"vdd": supply, "vddb": supply, "vset": dut.v_set, "vth": dut.v_th}
    return [f"{name} {name} 0 {level!r}" for name, level in rails.items()]


def memory_nodes(dut: DelayCell) -> tuple[str, str]:
    """Electrodes of the memory."""
    top, bottom = dut.nodes()[MEMORY]
    return top, bottom


def latch_state(dut: DelayCell, level: float, supply: float, prefix: str = "") -> list[str]:
    """Start of the latch at ``level``: it has two stable states, and a third that only a simulator finds."""
    if dut.topology == "decay":
        return []
    return [f".nodeset v({prefix}q)={level!r} v(x{prefix}{CORE}.qb)={supply - level!r}"]


def leakage_deck(dut: DelayCell, process: Process, conditions: Conditions) -> Deck:
    """Deck that forces the capacitor's voltage in the state of a running delay; the core alone, without memory.

    The current of ``vforce`` is what transistors take from the capacitor.
    """
    supply = supply_voltage(process, conditions)
    lines = [*process.cards(conditions.corner, dut.geometries().values())]
    lines += subcircuit_lines(type(dut.instances()[CORE])())
    # A spike that stays holds the latch of a charge; the transmission gate of a decay is closed only without one.
    spike = 0.0 if dut.topology == "decay" else supply
    lines += [*rail_lines(dut, supply), f"vspk spk 0 {spike!r}", "vh h 0 0", "vforce vc 0 0"]
    core = f"x{CORE} "
    lines += [line for line in cell_lines(dut, conditions.mismatch) if line.startswith(core)]
    end = dut.v_set if dut.topology == "decay" else dut.trip(supply)
    return Deck(
        title=f"{dut.name} leakage {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"dc vforce 0 {end!r} {end / 60!r}",),
        save=("vc", "vforce#branch"),
        options=DELAY_OPTIONS,
        temperature=conditions.temperature,
    )


def stage_deck(
    dut: DelayCell, process: Process, conditions: Conditions, low: float, high: float, step: float
) -> Deck:
    """Deck of the threshold stage alone, its input swept upwards and downwards."""
    supply = supply_voltage(process, conditions)
    stage = dut.instances()[STAGE]
    lines = [*process.cards(conditions.corner, stage.geometries().values()), *subcircuit_lines(type(stage)())]
    lines += [*rail_lines(dut, supply), "vforce vc 0 0"]
    own = f"x{STAGE} "
    lines += [line for line in cell_lines(dut, conditions.mismatch) if line.startswith(own)]
    sweeps = (f"dc vforce {low!r} {high!r} {step!r}", f"dc vforce {high!r} {low!r} {-step!r}")
    return Deck(
        title=f"{dut.name} threshold {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=sweeps,
        save=("vc", "h", "vdd#branch"),
        options=DELAY_OPTIONS,
        temperature=conditions.temperature,
    )


def stage_noise_deck(dut: DelayCell, process: Process, conditions: Conditions, f_low: float) -> Deck:
    """Deck of the comparator alone with both inputs at the threshold: gain and noise of its first stage.

    Raises
    ------
    ParameterError
        For a Schmitt trigger, which has no such operating point.
    """
    if dut.stage != "comparator":
        raise ParameterError(
            f"{dut.name}: a Schmitt trigger has no stable trip point; accepted: a comparator"
        )
    base = stage_deck(dut, process, conditions, dut.v_th, 2 * dut.v_th, dut.v_th)
    forced = f"vforce vc 0 dc {dut.v_th!r} ac 1"
    lines = tuple(forced if line.startswith("vforce") else line for line in base.lines)
    band = f"dec 10 {f_low!r} 1e9"
    first = f"x{STAGE}.d"
    return dataclasses.replace(
        base, lines=lines, analyses=(f"ac {band}", f"noise v({first}) vforce {band}"), save=(first,)
    )


def delay_deck(
    dut: DelayCell,
    process: Process,
    conditions: Conditions,
    times: Sequence[float],
    width: float,
    stop: float,
    *,
    step: float,
    title: str,
) -> Deck:
    """Deck of one cell with input spikes at ``times`` until ``stop``; steps of at most ``step``."""
    supply = supply_voltage(process, conditions)
    lines = [*process.cards(conditions.corner, dut.geometries().values())]
    for kind in dict.fromkeys(type(cell) for cell in dut.instances().values()):
        lines += subcircuit_lines(kind())
    lines += rail_lines(dut, supply)
    lines.append(f"vspk spk 0 {spike_source(times, width, supply)}")
    lines += [*cell_lines(dut, conditions.mismatch), *latch_state(dut, 0.0, supply)]
    top, bottom = memory_nodes(dut)
    nodes = ("spk", "vc", "h", "out", top, bottom, dut.nodes()[PULSE][0])
    currents = ("vdd#branch", "vddb#branch", "vset#branch")
    return Deck(
        title=f"{title} {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
        save=tuple(dict.fromkeys((*nodes, *currents))),
        options=DELAY_OPTIONS,
        temperature=conditions.temperature,
    )
