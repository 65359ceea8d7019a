"""minGRU cores as a layer of a mixed network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim import mingru
from pysim.delays.network import spikes_of
from pysim.mingru.chip import MinGruChip
from pysim.mingru.network import Backend, MinGruNetwork
from pysim.mingru.streams import digest
from pysim.seeds import SourceSeeds
from pysim.system.layer import Drawing, Footprint, LayerRun
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MinGruCircuit:
    """Cores as drawn; ``chip`` is ``None`` for the mathematical network."""

    network: MinGruNetwork
    chip: MinGruChip | None
    seeds: SourceSeeds
    measured: bool
    backend: Backend = "numba"

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Outputs of the last core; a core steps with the network, its own step time is the table's."""
        x = signal.dense()
        run = self.network.run(
            x, self.chip, backend=self.backend, record=record, seed=self.seeds, first=first
        )
        columns = self.network.layers[-1].columns
        features = {
            "mean_output": run.mean_output,
            "mean_state": run.mean_state,
            "last_state": run.states[-1],
        }
        trace = None if run.trace is None else run.trace[-1].states
        return LayerRun(
            Signal(events=spikes_of(run.words.copy(), columns), dt=signal.dt),
            features,
            self._operations(x, [ones.sum(axis=1) for ones in run.ones[:-1]]),
            run.energy if self.measured else None,
            trace,
            "State ($V_{FS}$ / 2)",
        )

    def _operations(self, x: NDArray[np.generic], inner: list[NDArray[np.int64]]) -> FloatArray:
        """Additions of weights of h and z: an input that is not 0 reaches every column twice."""
        given = np.count_nonzero(x, axis=tuple(range(1, x.ndim))).astype(np.float64)
        if x.ndim == 2:
            given = given * self.network.layers[0].rows
        total = np.zeros(len(x))
        for layer, active in zip(self.network.layers, [given, *inner], strict=True):
            total += 2.0 * layer.columns * active
        return total


@dataclass(frozen=True)
class MinGruStack:
    """One or more cores in a chain, on chips of a table with ``mingru.*`` entries.

    Attributes
    ----------
    network
        As its knobs are set on the chips; its read-out, if any, is not used here.
    backend
        "numba", or "numpy": the definition.
    """

    network: MinGruNetwork
    backend: Backend = "numba"
    family: ClassVar[str] = "mingru"
    drawable: ClassVar[tuple[str, ...]] = mingru.SOURCES
    needs: ClassVar[tuple[str, ...]] = ("mingru.v_fs",)
    command: ClassVar[str] = "spicetwin table build mingru"

    @property
    def inputs(self) -> int:
        """Rows of the first core; an analog one takes one signal."""
        return 1 if self.analog else self.network.layers[0].rows

    @property
    def outputs(self) -> int:
        """Columns of the last core."""
        return self.network.layers[-1].columns

    @property
    def analog(self) -> bool:
        """The first core takes levels."""
        return self.network.layers[0].analog

    @property
    def footprint(self) -> Footprint:
        """2-bit weights of h and z, and three codes a column; a 2-bit weight is never 0."""
        layers = self.network.layers
        bits = sum(4 * n.rows * n.columns + 3 * n.bits * n.columns for n in layers)
        return Footprint(bits, sum(2 * n.rows * n.columns for n in layers), 0)

    def width(self, feature: str) -> int:
        """Of every feature one number a neuron."""
        del feature
        return self.outputs

    def fingerprint(self) -> str:
        """Digest of codes and knobs."""
        return digest(self.family, self._content)

    @cached_property
    def _content(self) -> list[object]:
        names = ("weight_h", "weight_z", "bias_h", "bias_z", "threshold")
        knobs = ("slope", "offset", "bias_step", "bits", "analog")
        return [
            [
                *(
                    [np.asarray(getattr(n, k)).shape, np.asarray(getattr(n, k)).ravel().tolist()]
                    for k in names
                ),
                [getattr(n, k) for k in knobs],
            ]
            for n in self.network.layers
        ]

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> MinGruCircuit:
        """Cores of the chip; without a table the mathematical network."""
        if table is None:
            return MinGruCircuit(self.network, None, drawing.seeds, measured=False, backend=self.backend)
        chip = mingru.draw(
            self.network,
            table,
            drawing.seeds,
            (*drawing.among(mingru.SOURCES[:-1]), "temperature"),
            temperature=drawing.conditions.temperature,
        )
        measured = all(f"mingru.energy_{name}" in table.entries for name in ("column", "row"))
        reading = drawing.conditions.reading
        seeds = drawing.seeds.at(f"{drawing.seeds.place}/{reading}") if reading else drawing.seeds
        return MinGruCircuit(self.network, chip, seeds, measured, self.backend)
