"""Recurrent memcapacitive networks on drawn chips: run a description, tell it, write it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.memcap.bank import Membranes
from pysim.memcap.chip import deploy
from pysim.memcap.network import Backend
from pysim.memcap.specification import MemcapExperiment
from pysim.population import over_chips
from pysim.tasks.fsdd import fsdd
from pysim.tasks.multiscale_xor import MultiscaleXor
from pysim.tasks.windowed_task import Part
from spicetwin.boundary import InputError
from spicetwin.mingru_chips import network_folder
from spicetwin.progress import counted
from spicetwin.writing import write_netcdf

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ChipRun:
    """Accuracies of the chips (chips,), of the network as trained, and how the membranes came out."""

    accuracy: FloatArray
    trained: float
    membranes: Membranes
    answers: int


def simulate_memcap(
    path: Path, *, chips: int | None = None, seed: int | None = None, backend: Backend = "numba"
) -> tuple[MemcapExperiment, ChipRun]:
    """Run the description ``path``; ``chips`` and ``seed`` override it.

    Raises
    ------
    ModelError, TableError, InputError
        Naming what cannot be built, or the data that are not there.
    """
    experiment = MemcapExperiment.read(path, network_folder())
    experiment = dataclasses.replace(
        experiment,
        chips=experiment.chips if chips is None else chips,
        seed=experiment.seed if seed is None else seed,
    )
    part, windows = _test(experiment)
    events = Events.from_dense(part.x)
    made = deploy(experiment.network, experiment.deployment, experiment.chips, experiment.seed)

    def share(network: Any) -> float:
        return float((network.run(events, windows, backend).answer == part.y).mean())

    accuracy = np.array([share(n) for n in counted(made.networks, experiment.chips, "chips")])
    return experiment, ChipRun(accuracy, share(experiment.network.ideal()), made.membranes, part.y.size)


def _test(experiment: MemcapExperiment) -> tuple[Part, NDArray[np.int64]]:
    """Test samples and windows; those of the XOR task are drawn for the purpose, apart from training and study."""
    if experiment.task == "multiscale_xor":
        xor = MultiscaleXor(dt=experiment.network.dt)
        return xor.part(experiment.samples, experiment.seed, "chips"), np.array(xor.windows)
    if experiment.data is None:
        raise InputError("task fsdd needs its folder of recordings: key 'data'")
    task = fsdd(experiment.data)
    return Part(task.test_x, task.test_y[:, None]), np.array([[0, task.steps]])


def summary(experiment: MemcapExperiment, run: ChipRun) -> dict[str, Any]:
    """Figures of a run."""
    a, m, e = over_chips(run.accuracy), run.membranes, experiment
    names = ("mean", "low", "high", "median", "p2_5", "p97_5")
    values = {name: float(getattr(a, name)) for name in names}
    return {
        "task": e.task,
        "answers": run.answers,
        "table": e.table,
        "chips": len(run.accuracy),
        "sources": list(e.deployment.sources),
        "routine": e.deployment.routine,
        "compensation": e.deployment.compensation,
        "trained_accuracy": run.trained,
        "accuracy": {name: value if np.isfinite(value) else None for name, value in values.items()},
        "tau_within_tolerance": m.within(e.deployment.tolerance),
        "tolerance": e.deployment.tolerance,
        "pulses": float(m.pulses.mean()),
        "units": float(m.units.mean()),
    }


def text(experiment: MemcapExperiment, run: ChipRun) -> str:
    """The same in a few lines."""
    s = summary(experiment, run)
    a = s["accuracy"]
    mean = (
        ""
        if a["low"] is None
        else f" (95 % interval of the mean {100 * a['low']:.2f} to {100 * a['high']:.2f})"
    )
    return "\n".join(
        [
            f"{s['chips']} chips of {s['table']}, {s['task']}, {s['answers']} answers",
            f"network as trained {100 * s['trained_accuracy']:.2f} %",
            f"chips {100 * a['mean']:.2f} %{mean}; 95 % of chips "
            f"{100 * a['p2_5']:.2f} to {100 * a['p97_5']:.2f} %",
            f"time constants {s['routine']}: {100 * s['tau_within_tolerance']:.1f} % within "
            f"{100 * s['tolerance']:g} %, {s['pulses']:.2f} pulses and {s['units']:.1f} units a membrane",
        ]
    )


def write_chips(experiment: MemcapExperiment, run: ChipRun, path: Path, output: Path) -> None:
    """Accuracy of every chip and its membranes as netCDF, whole or not at all."""
    import xarray

    m, grid = run.membranes, ("chip", "membrane")
    dataset = xarray.Dataset(
        {
            "accuracy": ("chip", run.accuracy, {"units": "1"}),
            "tau_target": (grid, m.target, {"units": "s"}),
            "tau": (grid, m.tau, {"units": "s"}),
            "step": (grid, m.step, {"units": "1"}),
            "units_on": (grid, m.units, {"units": "1"}),
            "state": (grid, m.state, {"units": "1"}),
            "pulses": (grid, m.pulses),
        },
        attrs={
            "table": experiment.table,
            "seed": experiment.seed,
            "sources": " ".join(experiment.deployment.sources),
            "description": path.read_text(encoding="utf-8"),
            "summary": json.dumps(summary(experiment, run), allow_nan=False),
        },
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_netcdf(dataset, output)
