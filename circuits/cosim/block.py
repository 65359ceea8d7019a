"""Block: the digital side of a co-simulation, written by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class BlockError(ValueError):
    """A block drives or reads something that is not there, or acts at a time that is not accepted."""


@dataclass(frozen=True)
class Signal:
    """A digital value that a block owns: number of bits, and texts for its values where they have names."""

    width: int
    labels: tuple[str, ...] = ()

    def text(self, value: int) -> str:
        """Name of a value, or its decimal digits."""
        return self.labels[value] if value < len(self.labels) else str(value)


@dataclass(frozen=True)
class Drives:
    """What a block changes at one event: dc values of voltage sources (V), and digital values of its signals."""

    sources: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, int] = field(default_factory=dict)


class Block:
    """Base class of digital blocks. Override what is needed; every event of a block calls :meth:`step`.

    A block sees the circuit only at its own events: it is given the voltages of the nodes it names in
    :attr:`nodes`, and all digital signals as they are then. Blocks that share an instant step in the order
    they were given, each seeing what the earlier ones changed. Sources keep their value between events.

    Attributes
    ----------
    name : str
        Name in the event log and in error messages.
    nodes : tuple of str
        Nodes whose voltages :meth:`step` reads.
    sources : mapping
        Independent voltage sources it may drive, name in the deck -> value at time 0 (V); the deck's own
        line must say the same value.
    signals : mapping
        Digital signals it owns, name -> :class:`Signal`; they start at 0.
    """

    name: str = "block"
    nodes: tuple[str, ...] = ()
    sources: Mapping[str, float] = {}
    signals: Mapping[str, Signal] = {}

    def schedule(self) -> Sequence[float]:
        """Times of all events in seconds, ascending, inside the run; they are fixed before it starts."""
        raise NotImplementedError

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        """React to the event at ``time`` (s); the new values hold from then on."""
        raise NotImplementedError
