"""A trained recurrent network on drawn chips: time constants programmed, conductances written, steps compensated."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.memcap.bank import MembraneModel, Membranes, set_membranes
from pysim.memcap.draw import SOURCES
from pysim.memcap.network import MemcapNetwork
from pysim.mingru.streams import stream

FloatArray = NDArray[np.float64]

FORMAT = "memcap-network/1"
#: What the charge of a spike is scaled by: nothing; the capacitance of the target; the step as measured.
COMPENSATIONS = ("none", "capacitance", "measured")
_ARRAYS = ("w_in", "w_rec", "w_out", "tau")


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A network as it was trained: what a chip is to be programmed to.

    Attributes
    ----------
    w_in, w_rec, w_out
        Weights: steps in units of the threshold; zero is a pair of conductances that are both off.
    tau
        Time constants of the neurons (s).
    tau_out
        Of the outputs (s).
    dt
        Step of the simulation (s).
    floor
        Lowest membrane voltage in units of the threshold.
    absorbed
        The training knew of the step's fall with the capacitance: the weights hold the compensation.
    tau_low
        Time constant of one unit at x = 0 (s), where a step is that of the weights if ``absorbed``.
    summary
        How it was trained, JSON values.
    """

    w_in: FloatArray
    w_rec: FloatArray
    w_out: FloatArray
    tau: FloatArray
    tau_out: float
    dt: float
    tau_low: float
    floor: float = 0.0
    absorbed: bool = False
    summary: dict[str, Any] = field(default_factory=dict)

    def ideal(self) -> MemcapNetwork:
        """Without any spread."""
        return MemcapNetwork(
            w_in=self.w_in, w_rec=self.w_rec, w_out=self.w_out, tau=self.tau, tau_out=self.tau_out, dt=self.dt,
            floor=self.floor, step=self.tau_low / np.asarray(self.tau) if self.absorbed else 1.0,
        )  # fmt: skip

    def save(self, file: Any) -> None:
        """Write an NPZ archive to an open file or a path."""
        np.savez(
            file,
            format=np.array(FORMAT),
            numbers=np.array([self.tau_out, self.dt, self.tau_low, self.floor, float(self.absorbed)]),
            summary=np.array(json.dumps(self.summary, allow_nan=False)),
            w_in=self.w_in,
            w_rec=self.w_rec,
            w_out=self.w_out,
            tau=self.tau,
        )

    @classmethod
    def load(cls, path: Path) -> TrainedNetwork:
        """Read an NPZ archive.

        Raises
        ------
        ModelError
            Naming the file, and what is accepted.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                held = {name: data[name] for name in data.files}
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
            raise ModelError(f"{path}: no NPZ file of a memcapacitive network: {error}") from error
        if str(held.get("format", "")) != FORMAT:
            raise ModelError(f"{path}: format {str(held.get('format', 'absent'))!r}; accepted: {FORMAT!r}")
        missing = [name for name in (*_ARRAYS, "numbers", "summary") if name not in held]
        if missing:
            raise ModelError(f"{path}: holds no array {missing[0]}; accepted: {', '.join(_ARRAYS)}")
        tau_out, dt, tau_low, floor, absorbed = (float(x) for x in held["numbers"])
        network = cls(
            **{name: held[name] for name in _ARRAYS},
            tau_out=tau_out, dt=dt, tau_low=tau_low, floor=floor, absorbed=bool(absorbed),
            summary=json.loads(str(held["summary"])),
        )  # fmt: skip
        try:
            network.ideal()
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        return network


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """How a network is brought onto chips.

    Attributes
    ----------
    membrane
        Membranes of the chip.
    routine, compensation
        Out of :data:`pysim.memcap.bank.ROUTINES` and :data:`COMPENSATIONS`.
    sigma_weight
        Deviation of the logarithm of a written conductance, ``cycle``; assumed.
    sources
        Of spread; none: the network as trained, on typical devices.
    tolerance
        Of the programmed time constants, relative.
    """

    membrane: MembraneModel
    routine: str = "verified"
    compensation: str = "measured"
    sigma_weight: float = 0.05
    sources: tuple[str, ...] = SOURCES
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        """Refuse unknown names and negative spreads.

        Raises
        ------
        ModelError
            Naming what is accepted.
        """
        if self.compensation not in COMPENSATIONS:
            raise ModelError(f"compensation {self.compensation!r}; accepted: {', '.join(COMPENSATIONS)}")
        if not self.sigma_weight >= 0.0:
            raise ModelError(f"sigma_weight = {self.sigma_weight!r}; accepted: 0 or more")


@dataclass(frozen=True)
class Ensemble:
    """Networks of drawn chips, and how their membranes came out (outputs behind the neurons)."""

    networks: tuple[MemcapNetwork, ...]
    membranes: Membranes


def deploy(trained: TrainedNetwork, how: Deployment, chips: int, seed: int) -> Ensemble:
    """Draw ``chips`` chips from ``seed`` and bring the network onto each.

    The outputs are integrators of the same kind: their time constants are set like those of the neurons.

    Raises
    ------
    ModelError
        For time constants outside the achievable range and what :class:`Deployment` refuses.
    """
    outputs = trained.w_out.shape[1]
    target = np.concatenate([trained.tau, np.full(outputs, trained.tau_out)])
    membranes = set_membranes(
        how.membrane, target, chips, seed, routine=how.routine, sources=how.sources, tolerance=how.tolerance
    )
    steps = _steps(trained, how, membranes, target)
    split = len(trained.tau)
    networks = [
        MemcapNetwork(
            w_in=_written(trained.w_in, how, seed, k, "w_in"),
            w_rec=_written(trained.w_rec, how, seed, k, "w_rec"),
            w_out=_written(trained.w_out, how, seed, k, "w_out"),
            tau=membranes.tau[k, :split],
            tau_out=membranes.tau[k, split:],
            dt=trained.dt,
            floor=trained.floor,
            step=steps[k, :split],
            step_out=steps[k, split:],
        )
        for k in range(chips)
    ]
    return Ensemble(tuple(networks), membranes)


def _steps(trained: TrainedNetwork, how: Deployment, membranes: Membranes, target: FloatArray) -> FloatArray:
    """Step of a spike over that of the weights, for every chip and membrane."""
    typical = trained.tau_low / target
    neuron = np.arange(len(target)) < len(trained.tau)
    # An output's weights are trained at its one capacitance; an absorbed step is the typical one of each neuron.
    wanted = np.where(neuron & trained.absorbed, typical, 1.0)
    if how.compensation == "measured":
        return np.asarray(membranes.step / membranes.measured * wanted)
    if how.compensation == "capacitance" or trained.absorbed:
        return np.asarray(membranes.step / typical * wanted)
    # One bias for all neurons brings their mean step to that of the training.
    mean = np.exp(np.log(typical[neuron]).mean())
    return np.asarray(membranes.step / np.where(neuron, mean, typical))


def _written(weights: FloatArray, how: Deployment, seed: int, chip: int, name: str) -> FloatArray:
    """Weights as written: one conductance of a pair carries each, the other is off."""
    if "cycle" not in how.sources or how.sigma_weight == 0.0:
        return np.asarray(weights)
    error = stream(seed, "cycle", "memcap", "weight", name, chip).standard_normal(weights.shape)
    return np.asarray(weights * np.exp(how.sigma_weight * error))
