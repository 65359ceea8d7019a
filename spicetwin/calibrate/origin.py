"""What every table says of its origin: the package that made it, and the data files behind fits of measurements."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from calibration.recipe_run import RecipeResult
from calibration.table import Provenance, Source
from circuits.circuit import Circuit
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.provenance import package_provenance


def with_package(provenance: Provenance) -> Provenance:
    """``provenance`` with the version of the package, its commit, and whether that was changed."""
    package = package_provenance()
    dirty = package.get("git_dirty")
    return dataclasses.replace(
        provenance,
        package_version=package["package_version"],
        git_commit=package.get("git_commit"),
        git_dirty=None if dirty is None else dirty == "yes",
    )


def recipe_provenance(results: Mapping[str, RecipeResult]) -> Provenance:
    """Data files of the results and the version of the package."""
    used = dict.fromkeys(source for result in results.values() for source in result.sources)
    return with_package(
        Provenance(
            kind="silicon" if {source.kind for source in used} == {"silicon"} else "virtual",
            plan=f"recipes {', '.join(results)}",
            sources=tuple(Source(s.path, s.sha256, s.kind, s.licence, s.reference) for s in used),
        )
    )


def netlist_digests(names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files below ``netlists``, each once."""
    return {
        name: hashlib.sha256(files("netlists").joinpath(name).read_bytes()).hexdigest()
        for name in dict.fromkeys(names)
    }


def simulated_provenance(
    pool: Pool,
    process: str,
    circuits: Sequence[Circuit],
    netlists: Mapping[str, str],
    described: str,
    plan: Mapping[str, Any],
    seed: int,
) -> Provenance:
    """Netlists, cards, simulator, design and package of a table that was simulated.

    Parameters
    ----------
    circuits
        Their transistors say which cards of ``process`` count.
    netlists
        From :func:`netlist_digests`.
    described
        Text whose SHA-256 stands for the circuit.
    """
    technology = get_process(process)
    geometries = [g for circuit in circuits for g in circuit.geometries().values()]
    return with_package(
        Provenance(
            kind="virtual",
            circuit_digest=hashlib.sha256(described.encode()).hexdigest(),
            netlist_sha256=dict(netlists),
            model_cards_sha256={c: technology.digest(c, geometries) for c in technology.corners},
            process=process,
            simulator="ngspice",
            simulator_version=pool.simulator,
            plan=json.dumps(plan, sort_keys=True),
            seed=seed,
        )
    )
