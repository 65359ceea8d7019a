"""Deck of a delay cell: rails, input spikes, cells, the transient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuits.deck import DEFAULT_OPTIONS, Deck
from circuits.families.denram_cell import CORE, MEMORY, DelayCell
from circuits.families.dpi_deck import LARGEST_STEP, spike_source, supply_voltage
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

#: gmin across the junctions of the capacitor's node must stay far below 1/R: 1e-18 S is 1e-6 of 1 TOhm's.
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


def delay_deck(
    dut: DelayCell,
    process: Process,
    conditions: Conditions,
    times: Sequence[float],
    width: float,
    stop: float,
    *,
    steps: float,
    title: str,
) -> Deck:
    """Deck of one cell with input spikes at ``times`` until ``stop``; steps of at most the delay over ``steps``."""
    supply = supply_voltage(process, conditions)
    step = min(dut.delay(supply) / steps, stop / 50, LARGEST_STEP)
    lines = [*process.cards(conditions.corner, dut.geometries().values())]
    for kind in dict.fromkeys(type(cell) for cell in dut.instances().values()):
        lines += subcircuit_lines(kind())
    lines += rail_lines(dut, supply)
    lines.append(f"vspk spk 0 {spike_source(times, width, supply)}")
    lines += [*cell_lines(dut, conditions.mismatch), *latch_state(dut, 0.0, supply)]
    top, bottom = memory_nodes(dut)
    nodes = ("spk", "vc", "h", "out", top, bottom)
    currents = ("vdd#branch", "vddb#branch", "vset#branch")
    return Deck(
        title=f"{title} {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
        save=tuple(dict.fromkeys((*nodes, *currents))),
        options=DELAY_OPTIONS,
        temperature=conditions.temperature,
    )
