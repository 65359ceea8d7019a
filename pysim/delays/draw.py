"""Drawing of delay chips out of a calibration table, sources of spread kept apart.

Entries are ``denram.<quantity>``, see :data:`QUANTITIES`. Only the memory, the capacitor and the two levels are needed;
what else a table lacks is ideal.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import (
    CalibrationTable,
    Entry,
    OutOfDomain,
)
from pysim import chip as drawing
from pysim.delays.assumed import R_MEAN, R_SIGMA, assumed_table
from pysim.delays.chip import BLOCK, DelayChip
from pysim.delays.element import DelayElement, Topology
from pysim.errors import ModelError
from pysim.mingru.streams import digest, stream

__all__ = [
    "QUANTITIES",
    "R_MEAN",
    "R_SIGMA",
    "SOURCES",
    "DelayChip",
    "assumed_table",
    "draw",
    "element_of",
]

FloatArray = NDArray[np.float64]

T_REFERENCE = 300.15

#: ``fit``, ``die``, ``within_die`` (between cells) as for other blocks; ``cycle``: of every programming; ``noise``: of
#: every reading; ``drift``: relaxation since programming; ``temperature``: laws at the temperature of the draw.
SOURCES = ("fit", "die", "within_die", "cycle", "noise", "drift", "temperature")

#: Quantities that a table may hold, with their units. ``g_weight`` is the standard deviation of a programmed
#: conductance, ``relaxation`` and ``read_noise`` that of its change: in S, or with unit 1 relative, then of the
#: resistance that sets the delay too. Their laws take ``conductance`` (S), ``time`` (s), ``temperature`` (K).
QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "r_hrs": ("ohm", "Ohm"),
    "r_lrs": ("ohm", "Ohm"),
    "sinh_v": ("V",),
    "c_delay": ("F",),
    "v_start": ("V",),
    "v_trip": ("V",),
    "i_leak": ("A",),
    "g_leak": ("S",),
    "t_stage": ("s",),
    "lag": ("V s",),
    "t_pulse": ("s",),
    "t_rearm": ("s",),
    "g_weight": ("S", "1"),
    "relaxation": ("S", "1"),
    "read_noise": ("S", "1"),
    "i_weight": ("A",),
}
NEEDED = ("r_hrs", "c_delay", "v_start", "v_trip")
_OF_WEIGHTS = ("g_weight", "relaxation", "read_noise", "i_weight")


def draw(
    table: CalibrationTable,
    shape: tuple[int, int],
    seed: int,
    sources: tuple[str, ...] = SOURCES,
    *,
    at: Mapping[str, float] | None = None,
    cycle: int = 0,
    time: float = 1.0,
    extrapolate: bool = False,
) -> DelayChip:
    """Draw delay elements on ``shape`` = (chips, elements).

    Every source and entry has its own random stream: leaving a source out changes no other draw, and another
    ``cycle`` programs the same cells again.

    Parameters
    ----------
    table
        Calibration table with entries ``denram.<quantity>``; :func:`assumed_table` where there is none.
    seed
        Seed of the ensemble.
    sources
        Out of :data:`SOURCES`; empty: the typical chip.
    at
        Inputs of the laws: ``v_set``, ``v_th`` (V), ``temperature`` (K), ...; those left out are the table's
        reference conditions.
    cycle, time
        Number of the programming, and seconds since it.
    extrapolate
        Evaluate laws outside their fitted domain.

    Raises
    ------
    ModelError
        For an unknown source, entry or input, or a table without delay elements.
    OutOfDomain
        For inputs, or a typical memory, outside the fitted box.
    """
    unknown = [s for s in sources if s not in SOURCES]
    if unknown:
        raise ModelError(f"source {unknown[0]!r} cannot be drawn; accepted: {', '.join(SOURCES)}")
    if cycle < 0 or not (math.isfinite(time) and time > 0.0):
        raise ModelError(f"cycle {cycle}, time {time!r} s; accepted: a cycle of 0 or more, a time above 0 s")
    entries = _entries(table)
    inputs = _inputs(entries, dict(at or {}), sources)
    elements = {n: e for n, e in entries.items() if n not in _OF_WEIGHTS}
    own = dataclasses.replace(table, entries={f"{BLOCK}.{n}": e for n, e in elements.items()})
    known = {name for e in elements.values() for name in e.box} | {"temperature"}
    spread = tuple(s for s in sources if s in drawing.SOURCES)
    found = drawing.draw(
        own,
        shape,
        seed,
        spread,
        block=BLOCK,
        at={n: v for n, v in inputs.items() if n in known},
        extrapolate=extrapolate,
    )
    values = {name: np.array(array) for name, array in found.values.items()}
    if not extrapolate:
        _check_memory(elements)
    if "cycle" in sources:
        for name, entry in elements.items():
            values[name] = _cycle_spread(entry, values[name], stream(seed, "cycle", BLOCK, name, cycle))
    for array in values.values():
        array.setflags(write=False)
    chip = DelayChip(
        digest(table.digest, shape, seed, sorted(sources), sorted(inputs.items()), cycle, time, extrapolate),
        table.reference,
        seed,
        tuple(sources),
        inputs,
        shape,
        cycle,
        time,
        _topology(entries),
        values,
        {n: entries[n] for n in _OF_WEIGHTS if n in entries},
        extrapolate,
    )
    return _relaxed(chip) if "drift" in sources else chip


def _relaxed(chip: DelayChip) -> DelayChip:
    """The chip with the delays' resistances relaxed."""
    relaxed = chip.values["r_hrs"] * np.exp(chip.relative("relaxation", "drift", chip.cycle))
    relaxed.setflags(write=False)
    return dataclasses.replace(chip, values={**chip.values, "r_hrs": relaxed})


def _entries(table: CalibrationTable) -> dict[str, Entry]:
    """Entries of the block by quantity, all known and none missing."""
    prefix = f"{BLOCK}."
    entries = {n.removeprefix(prefix): e for n, e in table.entries.items() if n.startswith(prefix)}
    for name, entry in entries.items():
        if name not in QUANTITIES:
            raise ModelError(
                f"table {table.reference}: {BLOCK}.{name} is unknown; accepted: {', '.join(QUANTITIES)}"
            )
        if entry.unit not in QUANTITIES[name]:
            raise ModelError(
                f"table {table.reference}: {BLOCK}.{name} is in {entry.unit}; accepted: {QUANTITIES[name][0]}"
            )
    missing = [n for n in NEEDED if n not in entries]
    if missing:
        raise ModelError(
            f"table {table.reference} lacks the entry {BLOCK}.{missing[0]}: no table of a delay element"
        )
    return entries


def _inputs(
    entries: Mapping[str, Entry], given: dict[str, float], sources: tuple[str, ...]
) -> dict[str, float]:
    """Inputs of all laws: what was given, else the reference conditions."""
    wanted = {name for e in entries.values() for name in e.box} - {"time", "conductance"}
    strange = sorted(set(given) - wanted - {"temperature"})
    if strange:
        accepted = ", ".join(sorted(wanted | {"temperature"}))
        raise ModelError(f"{BLOCK}: input {strange[0]!r} is unknown; accepted: {accepted}")
    inputs: dict[str, float] = {"temperature": T_REFERENCE}
    for entry in entries.values():
        reference = entry.reference or {}
        inputs |= {n: float(reference[n]) for n in wanted if n in reference and n not in inputs}
    temperature = given.pop("temperature", T_REFERENCE)
    if "temperature" in sources:
        inputs["temperature"] = temperature
    return inputs | given


def _topology(entries: Mapping[str, Entry]) -> Topology:
    """Topology named in the reference conditions of the capacitor."""
    return cast(Topology, (entries["c_delay"].reference or {}).get("topology", "decay"))


def _check_memory(entries: Mapping[str, Entry]) -> None:
    """Refuse a typical memory outside the range that the table's element was fitted over."""
    reference = entries["c_delay"].reference or {}
    low, high = (
        float(reference.get(f"r_read_{end}", edge)) for end, edge in (("low", 0.0), ("high", np.inf))
    )
    typical = float(entries["r_hrs"].evaluate({n: b.low for n, b in entries["r_hrs"].box.items()}))
    if not low <= typical <= high:
        raise OutOfDomain(
            f"{BLOCK}.r_hrs = {typical:.4g} ohm is outside the range {low:.4g} to {high:.4g} ohm of the "
            "element's fit (extrapolation must be asked for)"
        )


def _cycle_spread(entry: Entry, values: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Values with the cycle terms of an entry applied."""
    for term in entry.variation:
        if term.source == "cycle":
            z = generator.standard_normal(values.shape)
            log = term.distribution == "lognormal"
            values = values * np.exp(term.sigma * z) if log else values + term.sigma * z
    return values


def element_of(
    table: CalibrationTable,
    resistance: ArrayLike,
    v_sinh: ArrayLike,
    at: Mapping[str, ArrayLike] | None = None,
    *,
    extrapolate: bool = False,
) -> DelayElement:
    """Typical elements of a table with given memories.

    Parameters
    ----------
    resistance, v_sinh
        Of the memories (ohm, V).
    at
        Inputs of the laws, arrays that broadcast; those left out are the table's reference conditions.

    Raises
    ------
    ModelError
        For an unknown entry or a table without delay elements.
    OutOfDomain
        For inputs outside the fitted box.
    """
    entries = _entries(table)
    inputs: dict[str, ArrayLike] = dict(_inputs(entries, {}, ()))
    inputs |= dict(at or {})

    def value(name: str) -> FloatArray:
        entry = entries[name]
        own = entry.inputs(inputs)
        if not extrapolate:
            entry.check_domain(own)
        return entry.evaluate(own)

    optional = ("i_leak", "g_leak", "t_stage", "lag", "t_rearm")
    return DelayElement(
        resistance=resistance,
        v_sinh=v_sinh,
        capacitance=value("c_delay"),
        v_start=value("v_start"),
        v_trip=value("v_trip"),
        topology=_topology(entries),
        **{name: value(name) for name in optional if name in entries},
    )
