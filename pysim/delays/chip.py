"""A chip of delay elements and weight cells, frozen as drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import Entry
from pysim.delays.element import DelayElement, Topology
from pysim.errors import ModelError
from pysim.mingru.streams import stream

FloatArray = NDArray[np.float64]

#: First part of the entry names.
BLOCK = "denram"


@dataclass(frozen=True)
class DelayChip:
    """Frozen draw of delay elements and weight cells.

    Attributes
    ----------
    id
        Digest of everything that determines the draw: equal ids, equal values.
    table, seed, sources, at, shape
        What it was drawn from; ``shape`` is (chips, elements).
    cycle, time
        Number of the programming, and seconds since it.
    topology
        Of the element, from the table.
    values
        Drawn quantities, read-only arrays of ``shape``.
    entries
        Laws of the weight cells, by quantity.
    extrapolate
        Their domains are not checked.
    """

    id: str
    table: str
    seed: int
    sources: tuple[str, ...]
    at: Mapping[str, float]
    shape: tuple[int, int]
    cycle: int
    time: float
    topology: Topology
    values: Mapping[str, FloatArray]
    entries: Mapping[str, Entry]
    extrapolate: bool = False

    def element(self, reading: int = 0) -> DelayElement:
        """Delay elements as event number ``reading`` finds them: read noise is drawn for each."""
        v = self.values
        resistance = v["r_hrs"]
        if "noise" in self.sources:
            resistance = resistance * np.exp(self.relative("read_noise", "noise", reading))
        names = ("i_leak", "g_leak", "t_stage", "lag", "t_rearm")
        return DelayElement(
            resistance=resistance,
            capacitance=v["c_delay"],
            v_start=v["v_start"],
            v_trip=v["v_trip"],
            v_sinh=v.get("sinh_v", np.full(self.shape, np.inf)),
            topology=self.topology,
            **{name: v[name] for name in names if name in v},
        )

    def delay(self, reading: int = 0) -> FloatArray:
        """Delay of every element (s), shape (chips, elements)."""
        return self.element(reading).delay()

    def conductance(self, target: ArrayLike, reading: int = 0) -> FloatArray:
        """Conductance (S) of weight cells programmed to ``target`` (S), never below 0.

        Programming error (``cycle``), relaxation since (``drift``) and read noise (``noise``) add up, each by its law
        at the conductance before it.

        Raises
        ------
        ModelError
            For a target that is negative, not finite, or of a shape that does not broadcast to the chip's.
        OutOfDomain
            For a target, or a time since programming, outside the range of a law.
        """
        wanted = np.asarray(target, dtype=np.float64)
        if not np.all(np.isfinite(wanted)) or np.any(wanted < 0.0):
            raise ModelError("target conductance: accepted are finite values of 0 S or more")
        try:
            g = np.array(np.broadcast_to(wanted, self.shape))
        except ValueError:
            raise ModelError(
                f"target conductance of shape {wanted.shape} for a chip of shape {self.shape}"
            ) from None
        for name, source, number in (
            ("g_weight", "cycle", self.cycle),
            ("relaxation", "drift", self.cycle),
            ("read_noise", "noise", reading),
        ):
            if name in self.entries and source in self.sources:
                self._check(self.entries[name], wanted)
                g = np.maximum(
                    g + self._deviation(name, g) * self._normal(name, source, number, "weight"), 0.0
                )
        return g

    def weight_current(self, conductance: ArrayLike) -> FloatArray:
        """Current (A) that weight cells of this conductance (S) give a synapse while a pulse lasts.

        Raises
        ------
        ModelError
            When the table has no weight cell.
        OutOfDomain
            For a conductance outside the fitted range.
        """
        if "i_weight" not in self.entries:
            raise ModelError(f"table {self.table} lacks the entry {BLOCK}.i_weight")
        entry = self.entries["i_weight"]
        self._check(entry, conductance)
        at: dict[str, ArrayLike] = {**self.at, "conductance": conductance}
        return np.asarray(entry.evaluate(entry.inputs(at)))

    def _check(self, entry: Entry, conductance: ArrayLike) -> None:
        """Refuse what a law of the weights was not fitted for."""
        if not self.extrapolate:
            at: dict[str, ArrayLike] = {**self.at, "time": self.time, "conductance": conductance}
            entry.check_domain(entry.inputs(at))

    def _deviation(self, name: str, g: FloatArray) -> FloatArray:
        """Standard deviation of a conductance (S)."""
        entry = self.entries[name]
        at: dict[str, ArrayLike] = {**self.at, "time": self.time, "conductance": g}
        sigma = entry.evaluate(entry.inputs(at))
        return sigma * g if entry.unit == "1" else np.asarray(sigma)

    def relative(self, name: str, source: str, number: int) -> FloatArray:
        """Deviation of the logarithm of the delay's resistance; zero where the law is in siemens."""
        entry = self.entries.get(name)
        if entry is None or entry.unit != "1":
            return np.zeros(self.shape)
        at: dict[str, ArrayLike] = {**self.at, "time": self.time, "conductance": 1.0 / self.values["r_hrs"]}
        return np.asarray(entry.evaluate(entry.inputs(at)) * self._normal(name, source, number, "delay"))

    def _normal(self, name: str, source: str, number: int, cell: str) -> FloatArray:
        return stream(self.seed, source, BLOCK, cell, name, number).standard_normal(self.shape)
