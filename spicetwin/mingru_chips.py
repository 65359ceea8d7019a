"""minGRU networks on drawn chips: run a description, tell it, write it."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pysim.mingru.ensemble import Ensemble, run_ensemble
from pysim.mingru.network import Backend
from pysim.mingru.specification import MinGruExperiment
from pysim.population import Estimate
from spicetwin.progress import counted
from spicetwin.task_data import named_task
from spicetwin.writing import write_netcdf

#: Description that the main job runs.
NETWORK = Path(__file__).resolve().parent / "networks" / "chips_mingru.toml"


def network_folder() -> Path:
    """Where the networks of the package lie."""
    return Path(str(files("spicetwin") / "networks"))


def simulate_mingru(
    path: Path, *, chips: int | None = None, seed: int | None = None, backend: Backend = "numba"
) -> tuple[MinGruExperiment, Ensemble]:
    """Run the description ``path``; ``chips`` and ``seed`` override it.

    Raises
    ------
    ModelError, TableError, InputError
        Naming what cannot be built, or the data that are not there.
    """
    experiment = MinGruExperiment.read(path, network_folder())
    experiment = dataclasses.replace(
        experiment,
        chips=experiment.chips if chips is None else chips,
        seed=experiment.seed if seed is None else seed,
    )
    return experiment, run_experiment(experiment, backend=backend)


def run_experiment(experiment: MinGruExperiment, *, backend: Backend = "numba") -> Ensemble:
    """All chips on the test samples of the task; the split of the digits is the one the network was trained with."""
    e = experiment
    split = int(e.network.summary.get("settings", {}).get("seed", 0))
    task = named_task(e.task, split, e.data)
    inputs, labels = task.test_pixels[: e.samples], task.test_y[: e.samples]
    seeds = counted(range(e.seed, e.seed + e.chips), e.chips, "chips")
    return run_ensemble(
        e.network,
        e.table,
        seeds,
        inputs,
        labels,
        deployed=e.deployed,
        sources=e.sources,
        temperature=e.temperature,
        backend=backend,
    )


def summary(experiment: MinGruExperiment, ensemble: Ensemble) -> dict[str, Any]:
    """Figures of a run."""
    return {
        "task": experiment.task,
        "samples": len(ensemble.labels),
        "table": experiment.table.reference,
        "chips": len(ensemble.chips),
        "sources": list(experiment.sources),
        "temperature": experiment.temperature,
        "ideal_accuracy": ensemble.ideal.accuracy,
        "typical_accuracy": ensemble.typical.accuracy,
        "accuracy": _estimate(ensemble.accuracy),
        "sampling_error": _finite(ensemble.sampling_error),
        "energy_j": _estimate(ensemble.energy),
    }


def text(experiment: MinGruExperiment, ensemble: Ensemble) -> str:
    """The same in a few lines."""
    a, e = ensemble.accuracy, ensemble.energy
    lines = [
        f"{len(ensemble.chips)} chips of {experiment.table.reference}, {experiment.task}, "
        f"{len(ensemble.labels)} test samples",
        f"mathematical network {100 * ensemble.ideal.accuracy:.2f} %, typical chip without spread and noise "
        f"{100 * ensemble.typical.accuracy:.2f} %",
        f"chips {100 * float(a.mean):.2f} %{_between(a)}; 95 % of chips "
        f"{100 * float(a.p2_5):.2f} to {100 * float(a.p97_5):.2f} %",
        f"the finite test set adds a standard error of {100 * ensemble.sampling_error:.2f} points",
        f"energy {float(e.mean):.3g} J a sample (array, converters and clock lines as the table has them)",
    ]
    return "\n".join(lines)


def write_chips(experiment: MinGruExperiment, ensemble: Ensemble, path: Path, output: Path) -> None:
    """Accuracy, energy and decisions of every chip as netCDF, whole or not at all."""
    import json

    import xarray

    dataset = xarray.Dataset(
        {
            "accuracy": ("chip", [chip.accuracy for chip in ensemble.chips], {"units": "1"}),
            "energy": ("chip", [chip.energy for chip in ensemble.chips], {"units": "J"}),
            "chip_id": ("chip", [chip.id for chip in ensemble.chips]),
            "decision": (
                ("chip", "sample"),
                np.stack([chip.decisions for chip in ensemble.chips]).astype(np.int16),
            ),
            "ideal_decision": ("sample", ensemble.ideal.decisions.astype(np.int16)),
            "label": ("sample", ensemble.labels.astype(np.int16)),
            "confusion": (("true", "decided"), ensemble.confusion, {"units": "1"}),
        },
        attrs={
            "table": experiment.table.reference,
            "table_digest": experiment.table.digest,
            "seed": experiment.seed,
            "sources": " ".join(experiment.sources),
            "description": path.read_text(encoding="utf-8"),
            "summary": json.dumps(summary(experiment, ensemble), allow_nan=False),
        },
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_netcdf(dataset, output)


def _between(a: Estimate) -> str:
    """The interval of the mean, which a single chip does not have."""
    if not np.isfinite(float(a.low)):
        return ""
    return f" (95 % interval of the mean {100 * float(a.low):.2f} to {100 * float(a.high):.2f})"


def _estimate(e: Estimate) -> dict[str, Any]:
    names = ("mean", "low", "high", "median", "p2_5", "p97_5")
    return {name: _finite(float(getattr(e, name))) for name in names} | {"n": e.n}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
