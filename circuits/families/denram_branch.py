"""A dendritic branch: delay cells, weight cells and DPI synapses of several inputs on one soma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from circuits.circuit import Circuit, ParameterError, param
from circuits.deck import Deck
from circuits.families import denram
from circuits.families.denram_cell import DecayComparator
from circuits.families.denram_deck import DELAY_OPTIONS, cell_lines, rail_lines
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_deck import LARGEST_STEP, spike_source, supply_voltage
from circuits.process import Mismatch, Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

#: Parts of a synapse besides its delay cell, by instance name.
WEIGHT, MEMORY, SYNAPSE = "w", "g", "syn"


@dataclass(frozen=True, kw_only=True)
class DenramBranch(Circuit):
    """Synapses on one soma: each a set-and-decay delay cell, a weight cell and a DPI synapse. All values assumed.

    Memories between the first and the last synapse are spaced geometrically.
    """

    name: ClassVar[str] = "denram_branch"
    family: ClassVar[str] = "denram"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()

    synapses: float = param(2.0, "1", (1.0, 64.0), "synapses")
    r_first: float = param(
        10e9, "Ohm", (1e3, 1e13), "delay memory of the first synapse", denram.R_READ_SOURCE
    )
    r_last: float = param(10e9, "Ohm", (1e3, 1e13), "delay memory of the last synapse", denram.R_READ_SOURCE)
    g_first: float = param(30e-6, "S", (1e-9, 1e-3), "weight memory of the first synapse")
    g_last: float = param(30e-6, "S", (1e-9, 1e-3), "weight memory of the last synapse")
    v_sinh: float = param(0.3, "V", (0.02, 1e4), "voltage of the delay memories' sinh")
    v_sinh_weight: float = param(0.7, "V", (0.02, 1e4), "voltage of the weight memories' sinh")
    v_clamp: float = param(0.7, "V", (0.1, 1.8), "gate of the clamps that read the weight memories")
    c_delay: float = param(1e-12, "F", (1e-15, 1e-9), "delay capacitor")
    c_pulse: float = param(100e-15, "F", (1e-15, 1e-9), "capacitor of the delay cells' pulses")
    v_set: float = param(0.8, "V", (0.05, 3.6), "level that sets the delay capacitors")
    v_th: float = param(0.3, "V", (0.05, 3.0), "threshold of the comparators")
    c_syn: float = param(1.5e-12, "F", (1e-15, 1e-9), "state capacitor of the synapses")
    i_tau: float = param(5e-12, "A", (1e-15, 1e-8), "leak current of the synapses")
    i_gain: float = param(20e-12, "A", (1e-15, 1e-8), "gain current of the synapses")
    r_m: float = param(4e8, "Ohm", (1e3, 1e13), "membrane resistance of the soma")
    c_m: float = param(10e-12, "F", (1e-15, 1e-9), "membrane capacitance of the soma")

    def __post_init__(self) -> None:
        """Check bounds and the count."""
        super().__post_init__()
        if self.synapses != int(self.synapses):
            raise ParameterError(f"{self.name}.synapses = {self.synapses:g} is no whole number")

    @property
    def count(self) -> int:
        """Synapses as an integer."""
        return int(self.synapses)

    def delay_cell(self, synapse: int) -> DecayComparator:
        """Delay cell of a synapse."""
        names = ("v_sinh", "c_delay", "v_set", "v_th", "c_pulse")
        own = {name: value for name, value in self.values().items() if name in names}
        return DecayComparator(r_read=self._between(self.r_first, self.r_last, synapse), **own)

    def conductance(self, synapse: int) -> float:
        """Weight memory of a synapse (S)."""
        return self._between(self.g_first, self.g_last, synapse)

    def _between(self, first: float, last: float, synapse: int) -> float:
        share = synapse / max(self.count - 1, 1)
        return float(first * (last / first) ** share)

    def parts(self, synapse: int) -> dict[str, Circuit]:
        """What a synapse has besides its delay cell, by instance name."""
        return {
            WEIGHT: denram.Weight(),
            MEMORY: denram.RramRead(r_read=1 / self.conductance(synapse), v_sinh=self.v_sinh_weight),
            SYNAPSE: DpiSynapse(c_syn=self.c_syn, i_tau=self.i_tau, i_gain=self.i_gain),
        }

    def soma(self) -> denram.Soma:
        """The soma."""
        return denram.Soma(r_m=self.r_m, c_m=self.c_m)

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells."""
        cells = (*self.delay_cell(0).instances().values(), *self.parts(0).values(), self.soma())
        return tuple(dict.fromkeys(cell.netlist for cell in cells))

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor as ``s<k>.<instance>.<transistor>``."""
        found: dict[str, tuple[str, float, float]] = {}
        for k in range(self.count):
            found |= {f"s{k}.{name}": g for name, g in self.delay_cell(k).geometries().items()}
            for name, part in self.parts(k).items():
                found |= {f"s{k}.{name}.{t}": g for t, g in part.geometries().items()}
        return found

    def split(self, mismatch: Mismatch) -> list[dict[str, dict[str, tuple[float, float]]]]:
        """Mismatch of every synapse by instance; the delay cell's under ``""`` as ``<instance>.<transistor>``.

        Raises
        ------
        ParameterError
            For an instance that the branch does not have.
        """
        found: list[dict[str, dict[str, tuple[float, float]]]] = [
            {"": {}, **{name: {} for name in self.parts(0)}} for _ in range(self.count)
        ]
        known = set(self.geometries()) if mismatch else set()
        for name, value in mismatch.items():
            if name not in known:
                raise ParameterError(f"{self.name}: mismatch of unknown transistor {name!r}")
            place, instance, transistor = name.split(".")
            part = found[int(place[1:])]
            if instance in part:
                part[instance][transistor] = value
            else:
                part[""][f"{instance}.{transistor}"] = value
        return found


def branch_deck(
    branch: DenramBranch,
    process: Process,
    conditions: Conditions,
    trains: Sequence[Sequence[float]],
    width: float,
    stop: float,
    step: float,
) -> Deck:
    """Deck of a branch with one input train per synapse until ``stop``; steps of at most ``step``.

    Saves the soma's voltage ``soma``, the inputs ``in<k>``, the delay cells' outputs ``s<k>out``.

    Raises
    ------
    ParameterError
        For another number of trains than synapses.
    """
    if len(trains) != branch.count:
        raise ParameterError(f"{len(trains)} input trains for {branch.count} synapses; accepted: equal")
    supply = supply_voltage(process, conditions)
    lines = [*process.cards(conditions.corner, branch.geometries().values())]
    kinds = (*branch.delay_cell(0).instances().values(), *branch.parts(0).values(), branch.soma())
    for cell in {type(cell): cell for cell in kinds}.values():
        lines += subcircuit_lines(cell)
    lines += [*rail_lines(branch.delay_cell(0), supply), f"vclamp vclamp 0 {branch.v_clamp!r}"]
    save = ["soma"]
    for k, (train, mismatch) in enumerate(zip(trains, branch.split(conditions.mismatch), strict=True)):
        lines.append(f"vin{k} in{k} 0 {spike_source(train, width, supply) if train else '0'}")
        lines += _synapse_lines(branch, k, mismatch)
        save += [f"in{k}", f"s{k}out"]
    lines.append(instance_line(branch.soma(), "soma", ("soma", "0")))
    return Deck(
        title=f"{branch.name} {branch.count} synapses, {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {min(step, LARGEST_STEP)!r} {stop!r} 0 {min(step, LARGEST_STEP)!r}",),
        save=tuple(save),
        options=DELAY_OPTIONS,
        temperature=conditions.temperature,
    )


def _synapse_lines(
    branch: DenramBranch, k: int, mismatch: Mapping[str, Mapping[str, tuple[float, float]]]
) -> list[str]:
    """Instances of one synapse; the weight cell sinks its current from node ``tail`` of the DPI synapse."""
    nodes = {
        WEIGHT: (f"s{k}out", f"s{k}wt", f"s{k}wb", "vclamp", f"xs{k}{SYNAPSE}.tail", "vdd", "0"),
        MEMORY: (f"s{k}wt", f"s{k}wb"),
        SYNAPSE: ("0", "soma", "vdd", "vddb", "0"),
    }
    parts = branch.parts(k)
    return [
        *cell_lines(branch.delay_cell(k), mismatch[""], f"s{k}", f"in{k}"),
        *(instance_line(part, f"s{k}{name}", nodes[name], mismatch[name]) for name, part in parts.items()),
    ]
