"""Classification on an ensemble of drawn chips: accuracy and energy of every chip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.errors import ModelError
from pysim.mingru.chip import MinGruChip
from pysim.mingru.draw import SOURCES, T_REFERENCE, draw
from pysim.mingru.network import Backend, MinGruNetwork
from pysim.population import Estimate, over_chips

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Samples that run at once; memory stays flat beyond.
BATCH = 512


@dataclass(frozen=True)
class ChipRun:
    """A chip on the test samples: its accuracy (fraction), energy of a sample (J), decisions (samples,)."""

    id: str
    accuracy: float
    energy: float
    decisions: IntArray


@dataclass(frozen=True)
class Ensemble:
    """Chips on the same samples, beside the mathematical network.

    Attributes
    ----------
    ideal, typical
        The network without any effect, and on the chip without spread and noise.
    chips
        The drawn ones.
    labels
        True classes, (samples,).
    """

    ideal: ChipRun
    typical: ChipRun
    chips: tuple[ChipRun, ...]
    labels: IntArray

    @property
    def accuracy(self) -> Estimate:
        """Accuracy over the chips, on these samples."""
        return over_chips(np.array([chip.accuracy for chip in self.chips]))

    @property
    def energy(self) -> Estimate:
        """Energy of a sample (J) over the chips."""
        return over_chips(np.array([chip.energy for chip in self.chips]))

    @property
    def sampling_error(self) -> float:
        """Standard error of the mean accuracy that comes from the finite number of test samples."""
        right = np.mean([chip.decisions == self.labels for chip in self.chips], axis=0)
        return float(right.std(ddof=1) / np.sqrt(right.size)) if right.size > 1 else float("nan")

    @property
    def confusion(self) -> FloatArray:
        """Share of decisions (columns) for each true class (rows), mean over chips; rows sum to 1."""
        size = int(max(self.labels.max(), *(chip.decisions.max() for chip in self.chips))) + 1
        counts = np.zeros((size, size))
        for chip in self.chips:
            np.add.at(counts, (self.labels, chip.decisions), 1.0)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))


def run_chip(
    network: MinGruNetwork,
    chip: MinGruChip | None,
    inputs: FloatArray,
    labels: IntArray,
    *,
    seed: int = 0,
    backend: Backend = "numba",
) -> ChipRun:
    """Run all samples (samples, steps) on one chip, ``None``: the mathematical network.

    Raises
    ------
    ModelError
        When the network has no readout, or the inputs do not fit.
    """
    if network.readout is None:
        raise ModelError("the network has no readout, hence no classes; accepted: one with a readout")
    decisions, energy = [], []
    for first in range(0, len(labels), BATCH):
        run = network.run(inputs[first : first + BATCH], chip, backend=backend, seed=seed, first=first)
        decisions.append(run.classes)
        energy.append(run.energy)
    chosen = np.concatenate(decisions)
    return ChipRun(
        "ideal" if chip is None else chip.id,
        float(np.mean(chosen == labels)),
        float(np.mean(np.concatenate(energy))),
        chosen,
    )


def run_ensemble(
    network: MinGruNetwork,
    table: CalibrationTable,
    seeds: Iterable[int],
    inputs: FloatArray,
    labels: IntArray,
    *,
    deployed: MinGruNetwork | None = None,
    sources: tuple[str, ...] = SOURCES,
    temperature: float = T_REFERENCE,
    backend: Backend = "numba",
) -> Ensemble:
    """Run the mathematical network, the typical chip, and one chip for each of ``seeds`` with its own noise.

    ``deployed`` is the network as its knobs are set on the chips, where they differ from the mathematical one's.

    Raises
    ------
    ModelError
        For no chips, or what :func:`pysim.mingru.draw` refuses.
    """
    ideal = run_chip(network, None, inputs, labels, backend=backend)
    used = network if deployed is None else deployed
    still = draw(used, table, 0, (), temperature=temperature)
    typical = run_chip(used, still, inputs, labels, backend=backend)
    found = []
    for seed in seeds:
        chip = draw(used, table, seed, sources, temperature=temperature)
        found.append(run_chip(used, chip, inputs, labels, seed=seed, backend=backend))
    if not found:
        raise ModelError("no chips; accepted: one at least")
    return Ensemble(ideal, typical, tuple(found), labels)
