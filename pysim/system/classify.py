"""Metric of a classification: accuracy of a chip, its energy, and the counts that NeuroBench names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.table import OutOfDomain
from pysim.errors import ModelError
from pysim.mingru.streams import digest
from pysim.system.layer import SOURCES, Conditions
from pysim.system.network import NetworkRun, SystemChip, SystemNetwork, Tables
from pysim.system.signal import Signal

if TYPE_CHECKING:
    from pysim.interval.design import Point

IntArray = NDArray[np.int64]

#: Samples that run at once; memory stays flat beyond.
BATCH = 64


@dataclass(frozen=True)
class Classification:
    """Accuracy of chips of a network on labelled samples.

    Attributes
    ----------
    network
        With a read-out.
    tables
        See :meth:`SystemNetwork.draw`.
    signal, labels
        Inputs and true classes of the test samples.
    sources
        Sources of spread that are on.
    batch
        Samples that run at once.
    """

    network: SystemNetwork
    tables: Tables
    signal: Signal
    labels: IntArray
    sources: tuple[str, ...] = SOURCES
    batch: int = BATCH

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            Without a read-out, or with labels that do not fit.
        """
        if self.network.readout is None:
            raise ModelError("the network has no read-out, hence no accuracy; accepted: one with a read-out")
        if self.labels.shape != (self.signal.samples,):
            raise ModelError(
                f"{self.labels.shape} labels for {self.signal.samples} samples; accepted: one each"
            )
        classes = self.network.readout.weight.shape[1]
        if self.labels.min() < 0 or self.labels.max() >= classes:
            raise ModelError(
                f"labels up to {self.labels.max()} for {classes} classes; accepted: 0 to {classes - 1}"
            )
        object.__setattr__(self, "tables", self.network.tables(self.tables))

    @property
    def classes(self) -> int:
        """Number of classes."""
        assert self.network.readout is not None
        return int(self.network.readout.weight.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """``accuracy`` first, per-sample means next, then the confusion matrix row by row as counts."""
        layers = self.network.names
        return (
            "accuracy",
            *(f"energy.{name}" for name in layers),
            *(f"operations.{name}" for name in layers),
            *(f"active.{name}" for name in layers),
            *(f"confusion.{i}.{j}" for i in range(self.classes) for j in range(self.classes)),
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """Of an accuracy."""
        return 0.0, 1.0

    @property
    def resolution(self) -> float:
        """One sample more or less."""
        return 1.0 / len(self.labels)

    @cached_property
    def _digest(self) -> str:
        assert self.network.readout is not None
        readout = self.network.readout
        content = hashlib.sha256(f"{self.signal.digest()} {readout.feature}".encode())
        for array in (self.labels, readout.weight, readout.bias):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    def fingerprint(self) -> str:
        """Digest of everything that determines a chip's numbers."""
        tables = ["" if table is None else table.digest for table in self.network.tables(self.tables)]
        return digest(self.network.fingerprint, tables, self._digest, sorted(self.sources), self.batch)

    def __call__(self, point: Point) -> tuple[float, ...]:
        """Numbers of one chip.

        Raises
        ------
        OutOfDomain
            Naming the chip whose conditions are outside the range of a table.
        """
        chip = self.network.draw(self.tables, point.seeds, self.sources)
        try:
            return self.of(chip, point.conditions)
        except OutOfDomain as error:
            c = point.conditions
            raise OutOfDomain(
                f"chip {point.chip} at {c.temperature:.2f} K, {c.time:.4g} s since programming: {error}"
            ) from error

    def of(self, chip: SystemChip | None, conditions: Conditions | None = None) -> tuple[float, ...]:
        """Numbers of a chip; ``None``: the mathematical network."""
        decided = np.empty(len(self.labels), np.int64)
        depth = len(self.network.layers)
        energy, operations, active = np.zeros(depth), np.zeros(depth), np.zeros(depth)

        def note(run: NetworkRun, first: int) -> None:
            decided[first : first + len(run.classes)] = run.classes
            for k, layer in enumerate(run.layers):
                operations[k] += layer.operations.sum()
                active[k] += len(layer.output.bits)
                energy[k] += np.nan if layer.energy is None else layer.energy.sum()

        self._batches(chip, conditions, note)
        samples = len(self.labels)
        cells = samples * self.signal.steps * np.array([n.outputs for n in self.network.layers])
        confusion = np.bincount(self.labels * self.classes + decided, minlength=self.classes**2)
        accuracy = float(np.mean(decided == self.labels))
        numbers = [accuracy, *(energy / samples), *(operations / samples), *(active / cells)]
        # An energy that a table does not have is told by -1: the numbers of a run are finite.
        plain = [-1.0 if np.isnan(number) else float(number) for number in numbers]
        return (*plain, *(float(count) for count in confusion))

    def _batches(
        self, chip: SystemChip | None, conditions: Conditions | None, note: Callable[[NetworkRun, int], None]
    ) -> None:
        for first in range(0, len(self.labels), self.batch):
            part = self.signal.select(first, min(first + self.batch, len(self.labels)))
            note(self.network.run(part, chip, conditions, first=first), first)
