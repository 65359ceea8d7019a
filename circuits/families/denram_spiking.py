"""A dendritic branch on a spiking soma: a comparator watches the membrane, its spike shorts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from circuits.circuit import Circuit, param
from circuits.deck import Deck, FloatArray, SimulationResult, Simulator
from circuits.families import denram
from circuits.families.denram_branch import DenramBranch, branch_deck
from circuits.families.denram_cell import PULSE, STAGE
from circuits.families.denram_deck import LEAD
from circuits.families.dpi_deck import EDGE, merged_spikes, rough_tau, supply_voltage
from circuits.measure import crossings
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Mismatch, Process, get_process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Instance of the soma's transistors, and of the reset among them.
SOMA, RESET = "soma", "rst"


@dataclass(frozen=True, kw_only=True)
class SpikingBranch(DenramBranch):
    """A branch whose soma spikes at ``v_fire`` and starts anew from ground. All values assumed.

    The comparator and the pulse generator are those of a delay cell, the comparator's inputs swapped: its output falls
    when the membrane passes ``v_fire``, which starts the spike; the membrane's fall raises it, which ends the spike.
    """

    name: ClassVar[str] = "denram_spiking_branch"

    g_first: float = param(45e-6, "S", (1e-9, 1e-3), "weight memory of the first synapse")
    g_last: float = param(45e-6, "S", (1e-9, 1e-3), "weight memory of the last synapse")
    r_m: float = param(1.6e9, "Ohm", (1e3, 1e13), "membrane resistance of the soma")
    c_m: float = param(2.5e-12, "F", (1e-15, 1e-9), "membrane capacitance of the soma")
    v_fire: float = param(0.14, "V", (0.02, 1.0), "membrane voltage that fires")

    def soma_parts(self) -> dict[str, Circuit]:
        """Cells of the soma besides membrane resistance and capacitance, by instance name."""
        cell = self.delay_cell(0).instances()
        return {STAGE: cell[STAGE], PULSE: cell[PULSE], RESET: denram.Reset()}

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells."""
        return (*super().netlist_files(), denram.Reset.netlist)

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor; those of the soma as ``soma.<instance>.<transistor>``."""
        own = {
            f"{SOMA}.{name}.{transistor}": geometry
            for name, part in self.soma_parts().items()
            for transistor, geometry in part.geometries().items()
        }
        return {**super().geometries(), **own}

    def split(self, mismatch: Mismatch) -> list[dict[str, dict[str, tuple[float, float]]]]:
        """Mismatch of every synapse; that of the soma is :meth:`split_soma`'s."""
        return super().split({n: v for n, v in mismatch.items() if not n.startswith(f"{SOMA}.")})

    def split_soma(self, mismatch: Mismatch) -> dict[str, dict[str, tuple[float, float]]]:
        """Mismatch of the soma's instances."""
        found: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in self.soma_parts()}
        for name, value in mismatch.items():
            place, instance, transistor = name.split(".")
            if place == SOMA:
                found[instance][transistor] = value
        return found


def spiking_deck(
    branch: SpikingBranch,
    process: Process,
    conditions: Conditions,
    trains: Sequence[Sequence[float]],
    width: float,
    stop: float,
    step: float,
) -> Deck:
    """Deck of :func:`~circuits.families.denram_branch.branch_deck` with the spiking soma; saves ``fire`` too."""
    base = branch_deck(branch, process, conditions, trains, width, stop, step)
    parts, mismatch = branch.soma_parts(), branch.split_soma(conditions.mismatch)
    nodes = {
        STAGE: ("vfire", "soma", "fired", "vdd", "vddb", "0"),
        PULSE: ("fired", "fire", "vdd", "vddb", "0"),
        RESET: ("soma", "fire", "0"),
    }
    lines = [*base.lines, *subcircuit_lines(parts[RESET]), f"vfire vfire 0 {branch.v_fire!r}"]
    lines += [instance_line(part, f"{SOMA}{n}", nodes[n], mismatch[n]) for n, part in parts.items()]
    return dataclasses.replace(base, lines=tuple(lines), save=(*base.save, "fire"))


@dataclass(frozen=True, kw_only=True)
class BranchFire(Testbench):
    """Input trains on a branch with a spiking soma: when it fires. Set ``trains`` from Python."""

    name: ClassVar[str] = "denram_branch_fire"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "input spikes on a branch with a spiking soma: when it fires"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("spikes", "1", "spikes of the soma"),
        Observable("t_fire", "s", "first input spike to the soma's first"),
    )

    dut: SpikingBranch = field(default_factory=SpikingBranch)
    interval: float = param(0.0, "s", (-10.0, 10.0), "spike of the last synapse after that of the first")
    t_spike: float = param(1e-6, "s", (2e-7, 1.0), "width of one input spike")
    tail: float = param(2.0, "1", (0.5, 100.0), "simulated time after the last delay, in time constants")
    resolution: float = param(25.0, "1", (5.0, 1e4), "time steps per time constant, at least")
    trains: tuple[tuple[float, ...], ...] = ()

    def times(self) -> tuple[tuple[float, ...], ...]:
        """Input spikes of every synapse (s), counted from the start of the run."""
        if self.trains:
            return self.trains
        start = LEAD + max(0.0, -self.interval)
        silent: tuple[tuple[float, ...], ...] = ((),) * (self.dut.count - 2)
        return ((start,), *silent, (start + self.interval,))

    def stop(self, process: Process, conditions: Conditions) -> float:
        """End of the run (s): what the soma does after the last delay."""
        dut = self.dut
        delays = [dut.delay_cell(k).delay(supply_voltage(process, conditions)) for k in range(dut.count)]
        last = max(t[-1] + d for t, d in zip(self.times(), delays, strict=True) if t)
        tau = rough_tau(dut.c_syn, dut.i_tau, conditions.temperature)
        return last + self.tail * (tau + dut.r_m * dut.c_m)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """All trains."""
        supply, dut = supply_voltage(process, conditions), self.dut
        tau = rough_tau(dut.c_syn, dut.i_tau, conditions.temperature)
        delays = [dut.delay_cell(k).delay(supply) for k in range(dut.count)]
        step = min(tau, dut.r_m * dut.c_m, *delays) / self.resolution
        stop = self.stop(process, conditions)
        return spiking_deck(dut, process, conditions, self.times(), self.t_spike, stop, step)

    def spikes(self, result: SimulationResult, process: Process, conditions: Conditions) -> FloatArray:
        """Spikes of the soma at half the supply (s), once every input spike is found."""
        waves, half = result.analyses[0], supply_voltage(process, conditions) / 2
        for k, train in enumerate(self.times()):
            seen = crossings(waves["time"], waves[f"in{k}"], half, "rise").size if train else 0
            expected = merged_spikes(train, self.t_spike) if train else 0
            if seen != expected:
                raise MeasureFailed(
                    f"the simulator stepped over input spikes of synapse {k}: {seen} of {expected}"
                )
        return crossings(waves["time"], waves["fire"], half, "rise")

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Count spikes."""
        found = self.spikes(result, process, conditions)
        if not found.size:
            raise MeasureFailed("the soma did not fire")
        first = min(t[0] for t in self.times() if t) + 0.5 * EDGE
        return {"spikes": float(found.size), "t_fire": float(found[0]) - first}


def fire_times(simulator: Simulator, item: tuple[BranchFire, str, float]) -> FloatArray:
    """Spikes of the soma of a bench on a process at a temperature (s); called in a worker."""
    bench, name, temperature = item
    process, conditions = get_process(name), Conditions(temperature=temperature)
    return bench.spikes(simulator.run(bench.deck(process, conditions)), process, conditions)


#: Testbenches of a branch with a spiking soma.
SPIKING_TESTBENCHES: tuple[type[Testbench], ...] = (BranchFire,)
