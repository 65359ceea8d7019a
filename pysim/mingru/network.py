"""Network of minGRU cores, one behind the other, with an optional digital readout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.mingru import archive, stepping
from pysim.mingru.archive import Readout
from pysim.mingru.chip import MinGruChip
from pysim.mingru.energy import ASSUMED
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.run import MinGruRun

FloatArray = NDArray[np.float64]
Backend = Literal["numpy", "numba"]


@dataclass(frozen=True)
class MinGruNetwork:
    """Cores in a chain: the outputs of one are the row inputs of the next.

    Attributes
    ----------
    layers
        Cores; only the first may take analog inputs.
    readout
        Digital matrix on the last layer.
    summary
        What is known of the network: how it was trained, its accuracy; JSON values.

    Raises
    ------
    ModelError
        For no layers, or layers that do not chain.
    """

    layers: tuple[MinGruLayer, ...]
    readout: Readout | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the layers chain."""
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ModelError("minGRU network: no layers; accepted: one at least")
        for k in range(1, len(self.layers)):
            given, taken = self.layers[k - 1].columns, self.layers[k].rows
            if given != taken:
                raise ModelError(
                    f"minGRU network: layer {k - 1} has {given} outputs, layer {k} {taken} rows; accepted: equal"
                )
            if self.layers[k].analog:
                raise ModelError(f"minGRU network: layer {k} is analog; accepted: the first one only")
        if self.readout is not None and self.readout.weight.shape[0] != self.layers[-1].columns:
            raise ModelError(
                f"minGRU network: readout of {self.readout.weight.shape[0]} columns for a last layer of "
                f"{self.layers[-1].columns}; accepted: equal"
            )

    @classmethod
    def load(cls, path: Path | str) -> MinGruNetwork:
        """Read an NPZ file; see :meth:`save`.

        Raises
        ------
        ModelError
            Naming the file, the array, and what is accepted.
        """
        return cls(*archive.read(path))

    def save(self, path: Path | str) -> None:
        """Write an NPZ file without pickle.

        Arrays: ``format`` ("mingru-network/1"), ``layers`` and ``bits`` (counts), ``summary`` (JSON text); optional
        ``readout.feature`` ("mean_output", "mean_state" or "last_state"), ``readout.weight`` (columns, classes) and
        ``readout.bias`` (classes,). Of each layer k: ``layer{k}.weight_h`` and ``.weight_z`` (uint8 codes 0..3,
        (rows, columns)), ``.bias_h`` and ``.bias_z`` (int8 codes, (columns,)), ``.threshold`` (in steps of
        ``bias_step``, (columns,)), ``.bias_step`` (V_FS / 2), ``.slope``, ``.offset`` (numbers); optional ``.bits``
        and ``.analog``: without them the common bits, and an analog first layer.
        """
        archive.write(path, self.layers, self.readout, self.summary)

    def with_gate_gain(self, kappa: float) -> MinGruNetwork:
        """The same network with the converters' knobs set for a gate of gain ``kappa``: z = kappa k / 2^bits.

        Slope and offset are divided by kappa, so that k grows by 1 / kappa and z stays; codes at the top saturate.

        Raises
        ------
        ModelError
            For a gain outside (0, 1].
        """
        if not 0.0 < kappa <= 1.0:
            raise ModelError(f"gain of the gate {kappa!r}; accepted: above 0, at most 1")
        layers = tuple(
            replace(layer, slope=layer.slope / kappa, offset=(0.5 + layer.offset) / kappa - 0.5)
            for layer in self.layers
        )
        return replace(self, layers=layers)

    def run(
        self,
        inputs: ArrayLike,
        chip: MinGruChip | None = None,
        *,
        backend: Backend = "numba",
        record: bool = False,
        seed: int = 0,
        first: int = 0,
    ) -> MinGruRun:
        """Run all samples from rest (h = 0).

        Parameters
        ----------
        inputs
            (samples, steps, rows): 0 or 1, or levels in [0, 1] for an analog first layer; (samples, steps): one
            analog signal that drives all rows.
        chip
            Effects of every core; ``None``: the mathematical network.
        backend
            "numpy" is the definition, "numba" its compiled twin.
        record
            Keep every step of every layer.
        seed, first
            Of the temporal noise, and the number of the first sample: a batch run in pieces, each with its
            ``first``, has the noise of the whole.

        Raises
        ------
        ModelError
            For inputs of a wrong shape, NaN, outside [0, 1], or not binary; a chip of another size.
        """
        x = self._inputs(inputs)
        if chip is not None:
            chip.check(self.layers)
        if seed < 0 or first < 0:
            raise ModelError(f"seed {seed}, first {first}: accepted are numbers >= 0")
        if backend == "numba":
            from pysim.kernels import mingru

            run = mingru.run_layers
        elif backend == "numpy":
            run = stepping.run_layers
        else:
            raise ModelError(f"backend {backend!r}; accepted: numpy, numba")
        found = run(self.layers, x, chip, record, seed, first)
        active = [x.sum(axis=tuple(range(1, x.ndim)), dtype=np.float64) * (1 if x.ndim == 3 else self._rows)]
        active += [np.asarray(ones.sum(axis=1), dtype=np.float64) for ones in found.ones[:-1]]
        return MinGruRun(
            found.words,
            found.states,
            found.ones,
            found.gates,
            found.summed / x.shape[1],
            self._energy(chip, x.shape[1], active, found.gates),
            self._scores(found, x.shape[1]),
            found.trace,
            x.shape[1],
        )

    @property
    def _rows(self) -> int:
        return self.layers[0].rows

    def _inputs(self, inputs: ArrayLike) -> NDArray[np.uint8] | FloatArray:
        x = np.asarray(inputs)
        analog, rows = self.layers[0].analog, self._rows
        shapes = f"(samples, steps, {rows})" + (" or (samples, steps)" if analog else "")
        if not (x.ndim == 3 and x.shape[2] == rows) and not (analog and x.ndim == 2):
            raise ModelError(f"inputs of shape {x.shape}; accepted: {shapes}")
        if not x.size:
            raise ModelError(f"inputs of shape {x.shape}: no samples or no steps")
        if x.dtype.kind not in "biuf":
            raise ModelError(f"inputs of type {x.dtype}; accepted: numbers")
        if analog:
            x = x.astype(np.float64)
            wrong = ~((x >= 0.0) & (x <= 1.0))
        elif x.dtype.kind == "b":
            return x.view(np.uint8)
        else:
            wrong = (x != 0) & (x != 1)
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            accepted = "levels from 0 to 1" if analog else "0 or 1"
            raise ModelError(f"inputs{list(where)} = {x[where]}; accepted: {accepted}")
        return x if analog else x.astype(np.uint8)

    def _energy(
        self,
        chip: MinGruChip | None,
        steps: int,
        active: list[FloatArray],
        gates: tuple[NDArray[np.int64], ...],
    ) -> FloatArray:
        cost = ASSUMED if chip is None else chip.energy
        total = np.zeros(len(active[0]))
        for layer, ones, k in zip(self.layers, active, gates, strict=True):
            total += cost.total(layer.columns, steps, ones, k * (layer.rows >> layer.bits))
        return total

    def _scores(self, found: stepping.Found, steps: int) -> FloatArray | None:
        if self.readout is None:
            return None
        features = {
            "mean_output": found.ones[-1] / steps,
            "mean_state": found.summed / steps,
            "last_state": found.states[-1],
        }
        feature = features[self.readout.feature]
        return np.asarray(feature @ self.readout.weight + self.readout.bias)
