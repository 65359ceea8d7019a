"""Cosimulate: check the blocks against the deck, run both in lock-step, collect what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from circuits.cosim.block import Block, BlockError, Drives, Signal
from circuits.cosim.result import CoSimulation, EarlyEnd, Event
from circuits.deck import Deck
from circuits.ngspice.errors import Distorted, MissedHalt
from circuits.ngspice.stepping import Read, SteppingSimulator, transient_end

#: Events closer than this (s) are one instant.
SAME_INSTANT = 1e-15


def cosimulate(simulator: SteppingSimulator, deck: Deck, blocks: Sequence[Block]) -> CoSimulation:
    """Run ``deck`` (one transient) with ``blocks`` until its end.

    Parameters
    ----------
    simulator : SteppingSimulator
        A :class:`circuits.ngspice.session.Session`, or what a function gets in a worker of the pool.
    deck : Deck
        The circuit; every source that a block drives is a ``v`` line of the deck. Nodes that blocks read
        are saved in addition to the deck's own list.
    blocks : sequence of Block
        Stepped in this order where they share an instant.

    Returns
    -------
    CoSimulation
        Complete, or up to where the run came: ``ended`` then says why, at which step and phase.

    Raises
    ------
    BlockError
        A block drives a source or changes a signal that is not its own or not there, reads a node that is
        not there, or schedules an event in the past, out of order, or beyond the run. Checked before the
        run as far as possible.
    SimulationError
        ngspice refused the deck, or failed before the first point.
    """
    _check_sources(deck, blocks)
    declared = _declared(blocks)
    agenda = _agenda(blocks, transient_end(deck))
    nodes = dict.fromkeys(node for block in blocks for node in block.nodes)
    saved = tuple(dict.fromkeys((*deck.save, *nodes)))
    lockstep = _LockStep(blocks, agenda, declared)
    result = simulator.run_in_steps(replace(deck, save=saved), list(agenda), lockstep)
    ended = None
    if result.error is not None:
        step, phase = lockstep.where()
        missed = isinstance(result.error, MissedHalt)
        ended = EarlyEnd(str(result.error), result.reached, step, phase, missed)
    return CoSimulation(result.waves, tuple(lockstep.events), declared, ended, result.solve_seconds)


class _LockStep:
    """The digital side while it runs: called at every stop with its time and a reader of node voltages."""

    def __init__(
        self, blocks: Sequence[Block], agenda: Mapping[float, list[Block]], declared: Mapping[str, Signal]
    ) -> None:
        self.agenda = agenda
        self.declared = declared
        self.signals = dict.fromkeys(declared, 0)
        self.levels = {name: value for block in blocks for name, value in block.sources.items()}
        self.events: list[Event] = []

    def __call__(self, time: float, read: Read) -> dict[str, float]:
        """Step every block of this instant; the sources whose value changes."""
        changes: dict[str, float] = {}
        for block in self.agenda[time]:
            voltages = {node: _voltage(block, node, read) for node in block.nodes}
            drives = block.step(time, voltages, self.signals)
            _check_drives(block, drives, time, self.declared)
            changes |= {n: v for n, v in drives.sources.items() if v != self.levels[n]}
            self.signals.update(drives.signals)
            self.events.append(Event(time, block.name, dict(drives.sources), dict(drives.signals)))
        self.levels |= changes
        return changes

    def where(self) -> tuple[int | None, str | None]:
        """Values of the signals ``step`` and ``phase``, where blocks have them."""
        phase = None
        if "phase" in self.signals:
            phase = self.declared["phase"].text(self.signals["phase"])
        return self.signals.get("step"), phase


def _voltage(block: Block, node: str, read: Read) -> float:
    try:
        return read(node)
    except Distorted:
        raise BlockError(
            f"block {block.name!r} reads unknown node {node!r}; accepted: nodes of the deck"
        ) from None


def _check_drives(block: Block, drives: Drives, time: float, declared: Mapping[str, Signal]) -> None:
    """Refuse what the block did not declare, and values that are no numbers or need more bits."""
    for source, value in drives.sources.items():
        if source not in block.sources:
            raise BlockError(
                f"block {block.name!r} drives {source!r} at {time:g} s, which is not one of its sources"
                f" ({', '.join(block.sources) or 'none'})"
            )
        if not math.isfinite(value):
            raise BlockError(f"block {block.name!r} drives {source!r} to {value!r} V at {time:g} s")
    for name, level in drives.signals.items():
        if name not in block.signals:
            raise BlockError(f"block {block.name!r} changes signal {name!r}, which is not one of its own")
        if not 0 <= level < 2 ** declared[name].width:
            raise BlockError(
                f"block {block.name!r} sets {name!r} = {level}; accepted: {declared[name].width} bits"
            )


def _check_sources(deck: Deck, blocks: Sequence[Block]) -> None:
    """Every driven source is a voltage source of the deck, and has one driver."""
    known = {line.split()[0].lower() for line in deck.lines if line[:1] in "vV"}
    owners: dict[str, str] = {}
    for block in blocks:
        for source, value in block.sources.items():
            if source.lower() not in known:
                raise BlockError(
                    f"block {block.name!r} drives unknown source {source!r}; known: "
                    f"{', '.join(sorted(known)) or 'none'}"
                )
            if source in owners:
                raise BlockError(f"source {source!r} has two drivers: {owners[source]!r} and {block.name!r}")
            if not math.isfinite(value):
                raise BlockError(f"block {block.name!r}: source {source!r} starts at {value!r} V")
            owners[source] = block.name


def _declared(blocks: Sequence[Block]) -> dict[str, Signal]:
    declared: dict[str, Signal] = {}
    for block in blocks:
        for name, signal in block.signals.items():
            if name in declared:
                raise BlockError(f"signal {name!r} has two owners; the second is block {block.name!r}")
            declared[name] = signal
    return declared


def _agenda(blocks: Sequence[Block], end: float) -> dict[float, list[Block]]:
    """Instants in order -> the blocks that act then; events closer than a femtosecond are one instant."""
    entries: list[tuple[float, int]] = []
    for order, block in enumerate(blocks):
        before = 0.0
        for time in map(float, block.schedule()):
            if not before < time:
                what = "in the past" if time <= 0.0 else f"not later than the one before it at {before:g} s"
                raise BlockError(f"block {block.name!r} schedules an event at {time:g} s, {what}")
            if not time < end:
                raise BlockError(
                    f"block {block.name!r} schedules an event at {time:g} s, beyond the run of {end:g} s"
                )
            entries.append((time, order))
            before = time
    agenda: dict[float, list[Block]] = {}
    latest = -math.inf
    for time, order in sorted(entries):
        if time - latest > SAME_INSTANT:
            latest = time
            agenda[latest] = []
        agenda[latest].append(blocks[order])
    for instant in agenda.values():
        instant.sort(key=list(blocks).index)
    return agenda
