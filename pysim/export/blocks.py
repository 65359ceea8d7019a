"""Typical blocks of a calibration table at one operating point: what behavioural models are written from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from calibration.table import CalibrationTable, Entry, OutOfDomain
from pysim import chip as drawing
from pysim.delays.draw import draw as draw_delays
from pysim.delays.element import DelayElement
from pysim.export.exporter import At, ExportError
from pysim.memcap.integrator import U_T, LeakyIntegrator
from pysim.mingru.draw import draw as draw_mingru
from pysim.mingru.effects import CoreEffects
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork
from pysim.neurons.dpi import DpiNeuron
from pysim.synapses.dpi import DpiSynapse

T_REFERENCE = 300.15


@dataclass(frozen=True)
class Column:
    """One column of a minGRU core: a layer of one column with weights of its own, its effects, and V_FS (V)."""

    layer: MinGruLayer
    core: CoreEffects
    v_fs: float


Twin = DpiSynapse | DelayElement | DpiNeuron | LeakyIntegrator | Column


@dataclass(frozen=True)
class Block:
    """One behavioural block: its name in the table, the operating point, and the twin of one instance."""

    name: str
    at: Mapping[str, float]
    twin: Twin


def operating_point(entries: Mapping[str, Entry], at: At) -> dict[str, float]:
    """Inputs of a block's laws: those given, the reference temperature, else the middle of the fitted domain."""
    point: dict[str, float] = {}
    for entry in entries.values():
        for name, box in entry.box.items():
            reference = (entry.reference or {}).get(name)
            if name in at:
                point[name] = at[name]
            elif isinstance(reference, float):
                point[name] = reference
            elif name == "temperature" and box.low <= T_REFERENCE <= box.high:
                point[name] = T_REFERENCE
            elif name not in point:
                point[name] = math.sqrt(box.low * box.high) if box.low > 0 else 0.5 * (box.low + box.high)
    return point


def blocks_of(table: CalibrationTable, at: At, seed: int | None = None) -> tuple[Block, ...]:
    """Blocks of a table that have a behavioural model; ``seed``: an instance with mismatch, else the typical one.

    Raises
    ------
    ExportError
        For a table without such a block, or an input that no block has.
    OutOfDomain
        When no block was fitted at the point.
    """
    found: list[Block] = []
    refused: list[OutOfDomain] = []
    inputs: set[str] = set()
    for name, (needed, build) in BLOCKS.items():
        entries = {n: e for n, e in table.entries.items() if n.startswith(f"{name}.")}
        if f"{name}.{needed}" not in entries:
            continue
        inputs |= {n for e in entries.values() for n in e.box} | ({STATE} if name == MEMCAP else set())
        try:
            found.append(build(table, name, entries, at, seed))
        except OutOfDomain as error:
            refused.append(error)
    if not found and not refused:
        accepted = ", ".join(f"{b}.*" for b in BLOCKS)
        raise ExportError(
            f"table {table.reference} has no block with a behavioural model; accepted: entries {accepted}; "
            "use npz, csv or c for look-up tables of all entries"
        )
    strange = sorted(set(at) - inputs)
    if strange:
        raise ExportError(f"no block has an input {strange[0]!r}; accepted: {', '.join(sorted(inputs))}")
    if not found:
        raise refused[0]
    return tuple(found)


def _sources(seed: int | None) -> tuple[str, ...]:
    return () if seed is None else ("die", "within_die")


def _synapse(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    point = operating_point(entries, at)
    return Block(
        name, point, drawing.draw(table, (1, 1), seed or 0, _sources(seed), block=name, at=point).synapse()
    )


def _neuron(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    point = operating_point(entries, at)
    return Block(
        name, point, drawing.draw(table, (1, 1), seed or 0, _sources(seed), block=name, at=point).neuron()
    )


def _delay(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    elements = {n: e for n, e in entries.items() if "conductance" not in e.box and "time" not in e.box}
    point = operating_point(elements, at)
    warmth = {"temperature": point.get("temperature", T_REFERENCE)}
    known = {n: v for n, v in point.items() if n != "temperature"}
    chip = draw_delays(table, (1, 1), seed or 0, (*_sources(seed), "temperature"), at={**known, **warmth})
    return Block(name, point, chip.element())


def _integrator(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    own = {n: e for n, e in entries.items() if n.removeprefix(f"{name}.") in _MEMBRANE}
    point = operating_point(own, at)
    some = dataclasses.replace(table, entries=own)
    values = drawing.draw(some, (1, 1), seed or 0, _sources(seed), block=name, at=point).values
    fields = {_MEMBRANE[n]: v for n, v in values.items()}
    state = at.get(STATE, 0.5)
    if f"{name}.tau" in entries and seed is not None:
        # The spread of devices is that of their time constant: a memristor's.
        tau = dataclasses.replace(table, entries={f"{name}.tau": entries[f"{name}.tau"]})
        drawn, typical = (
            drawing.draw(tau, (1, 1), seed, sources, block=name, at={STATE: state}).values["tau"]
            for sources in (_sources(seed), ())
        )
        fields["resistance"] = fields["resistance"] * drawn / typical
    temperature = point.get("temperature", T_REFERENCE)
    twin = LeakyIntegrator(state=state, u_t=U_T * temperature / T_REFERENCE, **fields)
    return Block(name, {**point, STATE: state}, twin)


def _column(
    table: CalibrationTable, name: str, entries: Mapping[str, Entry], at: At, seed: int | None
) -> Block:
    reference = entries[f"{name}.v_fs"].reference or {}
    rows = int(reference.get("rows", 64))
    codes = np.random.default_rng(1).integers(0, 4, (2, rows, 1)).astype(np.uint8)
    layer = MinGruLayer(weight_h=codes[0], weight_z=codes[1])
    temperature = at.get("temperature", T_REFERENCE)
    sources = (*_sources(seed), "temperature")
    chip = draw_mingru(MinGruNetwork((layer,)), table, seed or 0, sources, temperature=temperature)
    v_fs = float(entries[f"{name}.v_fs"].evaluate({}))
    return Block(name, {"temperature": temperature}, Column(layer, chip.cores[0], v_fs))


#: Entries of the memcapacitive integrator and what its twin calls them.
_MEMBRANE = {
    **{
        n: n
        for n in ("c_low", "c_high", "c_par", "v_sinh", "i_in", "i_leak", "g_leak", "i_up", "g_out", "q_edge")
    },
    "r_m": "resistance",
}
MEMCAP, STATE = "memcap", "x"
Builder = Callable[[CalibrationTable, str, Mapping[str, Entry], At, int | None], Block]
#: Blocks with a behavioural model: an entry without which there is none, and what builds its instance.
BLOCKS: Mapping[str, tuple[str, Builder]] = {
    "synapse": ("tau", _synapse),
    "adaptation": ("tau", _synapse),
    "neuron": ("i_threshold", _neuron),
    "denram": ("c_delay", _delay),
    MEMCAP: ("r_m", _integrator),
    "mingru": ("v_fs", _column),
}
