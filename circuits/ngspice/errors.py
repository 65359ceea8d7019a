"""Typed simulation failures, each carrying ngspice's own message and the deck saved for replay."""

from __future__ import annotations

from pathlib import Path


class SimulationError(RuntimeError):
    """A point failed: ``reason`` is a tag, ``message`` ngspice's own words, ``deck`` the file to replay."""

    reason = "failed"

    def __init__(self, message: str, deck: Path | None = None) -> None:
        """Hold ngspice's message and, once it is saved, the deck."""
        super().__init__(message)
        self.message = message
        self.deck = deck

    def __reduce__(self) -> tuple[type[SimulationError], tuple[str, Path | None]]:
        """Pickle by message and deck, so that errors cross process borders."""
        return type(self), (self.message, self.deck)

    def __str__(self) -> str:
        """One line: reason, message, where the deck is."""
        where = f" [deck: {self.deck}]" if self.deck else ""
        return f"{self.reason}: {self.message}{where}"


class SimulatorMissing(SimulationError):  # noqa: N818 - names say what happened
    """The ngspice shared library is not installed or cannot be loaded."""

    reason = "simulator missing"


class NetlistSyntax(SimulationError):  # noqa: N818
    """ngspice refused a line of the deck."""

    reason = "netlist syntax"


class ModelMissing(SimulationError):  # noqa: N818
    """A model card, subcircuit or include file is absent."""

    reason = "model missing"


class SingularMatrix(SimulationError):  # noqa: N818
    """The circuit equations are singular (floating node, loop of voltage sources)."""

    reason = "singular matrix"


class TimestepTooSmall(SimulationError):  # noqa: N818
    """The transient stopped at the smallest step."""

    reason = "timestep too small"


class NoConvergence(SimulationError):  # noqa: N818
    """No operating point was found."""

    reason = "no convergence"


class Distorted(SimulationError):  # noqa: N818
    """ngspice ran, but computed something else than was asked (parameter ignored, model defaulted)."""

    reason = "simulated something else"


class MissedHalt(Distorted):
    """A transient did not halt at a time it was asked to: a step ended within ngspice's resolution of it."""


class SimulatorCrash(SimulationError):  # noqa: N818
    """The worker process died (signal, abort) while it ran this deck."""

    reason = "simulator crash"


class SimulatorTimeout(SimulationError):  # noqa: N818
    """The run exceeded its time limit and the worker was ended."""

    reason = "timeout"


class MeasureFailed(SimulationError):  # noqa: N818
    """The waveforms do not contain what the measure looks for (no crossing, no spike, no decay)."""

    reason = "measure failed"


class Interrupted(SimulationError):  # noqa: N818
    """The user stopped the run; what it had reached is kept."""

    reason = "interrupted"
