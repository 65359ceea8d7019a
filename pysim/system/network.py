"""Networks of layers of any circuit families in a chain, and the frozen chips they are drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.errors import ModelError
from pysim.mingru.streams import digest
from pysim.seeds import SourceSeeds
from pysim.system.layer import (
    SOURCES,
    T_REFERENCE,
    Circuit,
    Conditions,
    Drawing,
    Layer,
    LayerRun,
    check_entries,
)
from pysim.system.readout import LinearReadout
from pysim.system.signal import Signal

if TYPE_CHECKING:
    from pysim.interval import Interval, Metric, Store, Workers

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Tables = CalibrationTable | Sequence[CalibrationTable | None]


@dataclass(frozen=True)
class NetworkRun:
    """What a network did on a batch.

    Attributes
    ----------
    layers
        Layer by layer.
    scores
        Of the read-out, shape (samples, classes); ``None`` without one.
    """

    layers: tuple[LayerRun, ...]
    scores: FloatArray | None

    @property
    def classes(self) -> IntArray:
        """Class of the largest score, shape (samples,).

        Raises
        ------
        ModelError
            Without a read-out.
        """
        if self.scores is None:
            raise ModelError("the network has no read-out, hence no classes")
        return np.asarray(self.scores.argmax(axis=1))


@dataclass(frozen=True)
class SystemNetwork:
    """Layers one behind the other; the bits of one drive the next.

    Attributes
    ----------
    layers
        Of any families.
    readout
        Digital, on the last layer.
    names
        Label of every layer; ``family`` and number when left out.

    Raises
    ------
    ModelError
        For no layers, layers that do not connect, or a read-out of another size.
    """

    layers: tuple[Layer, ...]
    readout: LinearReadout | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the layers connect."""
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ModelError("network: no layers; accepted: one at least")
        names = self.names or tuple(f"{layer.family}{k}" for k, layer in enumerate(self.layers))
        object.__setattr__(self, "names", names)
        if len(names) != len(self.layers):
            raise ModelError(f"network: {len(names)} names for {len(self.layers)} layers; accepted: one each")
        for k in range(1, len(self.layers)):
            given, taken = self.layers[k - 1].outputs, self.layers[k].inputs
            if self.layers[k].analog:
                raise ModelError(f"layer {names[k]}: takes analog levels; accepted: in the first layer only")
            if given != taken:
                raise ModelError(
                    f"layers do not connect: {names[k - 1]} has {given} outputs, {names[k]} takes {taken} inputs; "
                    "accepted: equal numbers"
                )
        if self.readout is None:
            return
        width = self.layers[-1].width(self.readout.feature)
        if len(self.readout.weight) != width:
            raise ModelError(
                f"read-out of {len(self.readout.weight)} neurons behind {names[-1]} with {width}; accepted: equal "
                "numbers"
            )

    def tables(self, tables: Tables) -> tuple[CalibrationTable | None, ...]:
        """One table per layer, each with the entries that its layer needs.

        Raises
        ------
        ModelError
            For a number of tables that does not fit, or an entry that is missing, with the command that makes it.
        """
        if isinstance(tables, CalibrationTable):
            tables = (tables,) * len(self.layers)
        if len(tables) != len(self.layers):
            raise ModelError(
                f"{len(tables)} tables for {len(self.layers)} layers; accepted: one, or one a layer"
            )
        for layer, table, name in zip(self.layers, tables, self.names, strict=True):
            if table is not None:
                check_entries(layer, table, name)
        return tuple(tables)

    def draw(self, tables: Tables, seed: int, sources: Sequence[str] = SOURCES) -> SystemChip:
        """A frozen chip: what it is does not depend on the conditions it runs under.

        Blocks of one family share fit and die and have their own instances; every source has its own streams, so
        leaving one out, or changing its part of the seed, changes no other draw.

        Parameters
        ----------
        tables
            One for all layers, or one per layer; ``None`` for a layer that draws from assumed values or is ideal.
        seed
            Of the chip, 0 or more; :class:`~pysim.seeds.SourceSeeds` gives a source a seed of its own.
        sources
            Out of :data:`~pysim.system.layer.SOURCES`; empty: the typical chip.

        Raises
        ------
        ModelError
            For an unknown source, or a table without an entry.
        """
        unknown = [s for s in sources if s not in SOURCES]
        if unknown:
            raise ModelError(f"source {unknown[0]!r} cannot be drawn; accepted: {', '.join(SOURCES)}")
        seeds = seed if isinstance(seed, SourceSeeds) else SourceSeeds(seed)
        return SystemChip(self, self.tables(tables), seeds, tuple(s for s in SOURCES if s in sources))

    def spreading(
        self,
        tables: Tables,
        sources: Sequence[str] = SOURCES,
        temperature: tuple[float, float] = (T_REFERENCE, T_REFERENCE),
        time: tuple[float, float] = (1.0, 1.0),
    ) -> tuple[str, ...]:
        """Sources out of ``sources`` that the tables give a spread, or a range of conditions."""
        found = set()
        if temperature[1] > temperature[0]:
            found.add("temperature")
        if time[1] > time[0]:
            found.add("drift")
        for layer, table in zip(self.layers, self.tables(tables), strict=True):
            found |= set(layer.drawable) & {"noise", "drift"}
            if table is None:
                found |= set(layer.drawable)
                continue
            blocks = {entry.split(".")[0] for entry in layer.needs}
            entries = [e for name, e in table.entries.items() if name.split(".")[0] in blocks]
            spread = {v.source for e in entries for v in e.variation if v.sigma != 0.0}
            fitted = {"fit"} if any(e.covariance.parameters for e in entries) else set()
            found |= (spread | fitted) & set(layer.drawable)
        return tuple(source for source in SOURCES if source in found and source in sources)

    def run(
        self,
        signal: Signal,
        chip: SystemChip | None = None,
        conditions: Conditions | None = None,
        *,
        record: bool = False,
        first: int = 0,
    ) -> NetworkRun:
        """Run a batch on a chip under the conditions; ``None``: the mathematical network.

        Raises
        ------
        ModelError
            For a chip of another network, or a signal that the first layer does not take.
        OutOfDomain
            For conditions outside the range of a table.
        """
        if chip is not None and chip.network.fingerprint != self.fingerprint:
            raise ModelError(f"chip {chip.id} is of another network; accepted: one that this network drew")
        self._check_signal(signal)
        if chip is None:
            nominal = Drawing(SourceSeeds(0), (), conditions or Conditions())
            circuits = tuple(layer.draw(None, nominal) for layer in self.layers)
        else:
            circuits = chip.at(conditions or Conditions())
        return self._run(signal, circuits, record, first)

    def interval(
        self,
        metric: Metric,
        chips: int,
        *,
        seed: int = 0,
        sources: Sequence[str] = SOURCES,
        shares: Sequence[str] = (),
        half_width: float | None = None,
        temperature: tuple[float, float] = (T_REFERENCE, T_REFERENCE),
        time: tuple[float, float] = (1.0, 1.0),
        workers: Workers | None = None,
        store: Store | None = None,
    ) -> Interval:
        """Mean of a metric over drawn chips, its 95 % interval, and the shares of the variance by source.

        Parameters
        ----------
        metric
            E.g. a :class:`~pysim.system.classify.Classification` of this network.
        chips, half_width
            Most chips, and where to stop earlier; see :func:`pysim.interval.stream`.
        seed
            Of the ensemble.
        sources, shares
            Sources that are on, and those whose share is wanted (:meth:`spreading` names the ones worth asking for).
        temperature, time
            Ranges (K, s since programming) that chips are run in; see :class:`pysim.interval.Design`.
        workers, store
            Who runs the chips, and where finished ones are kept.

        Raises
        ------
        ModelError
            For what cannot be drawn or run.
        """
        from pysim.interval import Design, interval

        design = Design(seed, tuple(sources), tuple(s for s in SOURCES if s in shares), temperature, time)
        return interval(metric, design, chips, half_width=half_width, workers=workers, store=store)

    def _run(self, signal: Signal, circuits: tuple[Circuit, ...], record: bool, first: int) -> NetworkRun:
        runs: list[LayerRun] = []
        for circuit in circuits:
            runs.append(circuit.run(signal, record=record, first=first))
            signal = runs[-1].output
        scores = None if self.readout is None else self.readout.scores(runs[-1].features)
        return NetworkRun(tuple(runs), scores)

    def _check_signal(self, signal: Signal) -> None:
        layer, name = self.layers[0], self.names[0]
        wanted = "analog levels" if layer.analog else "bits"
        if layer.analog != (signal.events is None):
            raise ModelError(f"layer {name} takes {wanted}; accepted: a signal of them")
        if signal.channels != layer.inputs:
            raise ModelError(
                f"layers do not connect: the inputs have {signal.channels} channels, {name} takes {layer.inputs}; "
                "accepted: equal numbers"
            )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all layers, without the read-out."""
        return digest([layer.fingerprint() for layer in self.layers])


@dataclass(frozen=True)
class SystemChip:
    """A frozen chip of a network.

    Its draws are fixed by tables, seeds and sources; :meth:`at` evaluates them at a temperature and a time, so the same
    chip can be run warm and cold, fresh and aged.
    """

    network: SystemNetwork
    tables: tuple[CalibrationTable | None, ...]
    seeds: SourceSeeds
    sources: tuple[str, ...]
    _drawn: dict[Conditions, tuple[Circuit, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def id(self) -> str:
        """Digest of everything that determines the chip: equal ids, equal behaviour."""
        tables = ["" if table is None else table.digest for table in self.tables]
        parts = [self.seeds.base, sorted(self.seeds.parts.items()), self.seeds.place]
        return digest(self.network.fingerprint, tables, parts, list(self.sources))

    def at(self, conditions: Conditions) -> tuple[Circuit, ...]:
        """Circuits of all layers under ``conditions``; those asked for last are kept.

        Raises
        ------
        ModelError
            Naming the layer that cannot be drawn.
        OutOfDomain
            For conditions outside the range of a table.
        """
        if conditions not in self._drawn:
            self._drawn.clear()
            self._drawn[conditions] = tuple(self._draw(conditions))
        return self._drawn[conditions]

    def _draw(self, conditions: Conditions) -> list[Circuit]:
        seen: list[str] = []
        circuits = []
        for layer, table in zip(self.network.layers, self.tables, strict=True):
            # The first block of a family has the draws that the family alone would have.
            place = str(seen.count(layer.family)) if layer.family in seen else self.seeds.place
            seen.append(layer.family)
            circuits.append(layer.draw(table, Drawing(self.seeds.at(place), self.sources, conditions)))
        return circuits
