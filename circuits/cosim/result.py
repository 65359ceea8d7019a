"""What a co-simulation gives: waveforms, digital signals over time, event log, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuits.cosim.block import Signal
from circuits.deck import FloatArray, Waveforms

IntArray = npt.NDArray[np.int64]

FORMAT = "spicetwin co-simulation 1"


@dataclass(frozen=True)
class Event:
    """One call of a block: when (s), which, and what it changed."""

    time: float
    block: str
    sources: Mapping[str, float]
    signals: Mapping[str, int]


@dataclass(frozen=True)
class EarlyEnd:
    """Why a run ended before its last event: reason, time (s), and the signals ``step`` and ``phase`` then.

    ``missed_halt``: the simulator stepped over an event; another largest time step lets it land elsewhere.
    """

    reason: str
    time: float
    step: int | None
    phase: str | None
    missed_halt: bool = False

    def __str__(self) -> str:
        """One line."""
        where = "" if self.step is None else f", step {self.step}"
        where += "" if self.phase is None else f", phase {self.phase}"
        return f"stopped at {self.time:.6g} s{where}: {self.reason}"


@dataclass(frozen=True)
class CoSimulation:
    """Analog and digital side of one run, complete up to where it came.

    Attributes
    ----------
    waves : Waveforms
        Saved nodes and currents on the simulator's own time points.
    events : tuple of Event
        Everything the blocks did, in order.
    declared : mapping
        Signal name -> width and labels.
    ended : EarlyEnd or None
        Why and where the run stopped early; None when it is complete.
    solve_seconds : float
        Wall time inside the run.
    """

    waves: Waveforms
    events: tuple[Event, ...]
    declared: Mapping[str, Signal]
    ended: EarlyEnd | None
    solve_seconds: float

    def signal(self, name: str) -> tuple[FloatArray, IntArray]:
        """Times (s) at which ``name`` changed, 0 first, and its value from then on."""
        if name not in self.declared:
            raise KeyError(f"no signal {name!r}; have {sorted(self.declared)}")
        times, values = [0.0], [0]
        for event in self.events:
            value = event.signals.get(name, values[-1])
            if value != values[-1]:
                times.append(event.time)
                values.append(value)
        return np.array(times), np.array(values, dtype=np.int64)

    def at(self, node: str, time: float) -> float:
        """Voltage of a saved node at a time (V): the last point not later than it, interpolated between points."""
        return float(np.interp(time, self.waves["time"], self.waves[node]))

    def to_netcdf(self, path: Path) -> None:
        """Write waveforms, signals and event log as one netCDF-4 file, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written; an existing one is as it was.
        """
        import netCDF4

        part = path.with_name(f".{path.name}.partial")
        try:
            with netCDF4.Dataset(part, "w", format="NETCDF4") as file:
                file.setncatts({"format": FORMAT, "ended": str(self.ended) if self.ended else "complete"})
                _write_waves(file, self.waves)
                for name, declared in self.declared.items():
                    _write_signal(file, name, declared, *self.signal(name))
                _write_events(file, self.events)
            part.replace(path)
        except RuntimeError as error:  # what the netCDF library raises when a write fails
            raise OSError(f"{path}: the netCDF library could not write it: {error}") from error
        finally:
            part.unlink(missing_ok=True)


def _write_waves(file: object, waves: Waveforms) -> None:
    group = file.createGroup("analog")  # type: ignore[attr-defined]
    group.createDimension("time", waves["time"].size)
    for name, values in waves.vectors.items():
        variable = group.createVariable(_plain(name), "f8", ("time",), zlib=True, shuffle=True)
        variable.units = "s" if name == "time" else "A" if name.endswith("#branch") else "V"
        variable.long_name = name
        variable[:] = values


def _write_signal(file: object, name: str, declared: Signal, times: FloatArray, values: IntArray) -> None:
    group = file.createGroup(f"digital/{_plain(name)}")  # type: ignore[attr-defined]
    group.setncatts({"width": declared.width, "labels": json.dumps(declared.labels)})
    group.createDimension("change", times.size)
    variable = group.createVariable("time", "f8", ("change",))
    variable.units = "s"
    variable[:] = times
    group.createVariable("value", "i8", ("change",))[:] = values


def _write_events(file: object, events: tuple[Event, ...]) -> None:
    group = file.createGroup("events")  # type: ignore[attr-defined]
    group.createDimension("event", len(events))
    variable = group.createVariable("time", "f8", ("event",))
    variable.units = "s"
    variable[:] = [event.time for event in events]
    for name, texts in (
        ("block", [event.block for event in events]),
        ("sources", [json.dumps(dict(event.sources)) for event in events]),
        ("signals", [json.dumps(dict(event.signals)) for event in events]),
    ):
        group.createVariable(name, str, ("event",))[:] = np.array(texts, dtype=object)


def _plain(name: str) -> str:
    """``name`` with the characters that netCDF gives a meaning replaced."""
    return name.replace("/", "_").replace("#", "_")
