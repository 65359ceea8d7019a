"""What every table says of its origin: the package that made it, and the data files behind fits of measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from calibration.recipe_run import RecipeResult
from calibration.table import Provenance, Source
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
    files = dict.fromkeys(source for result in results.values() for source in result.sources)
    return with_package(
        Provenance(
            kind="silicon" if {source.kind for source in files} == {"silicon"} else "virtual",
            plan=f"recipes {', '.join(results)}",
            sources=tuple(Source(s.path, s.sha256, s.kind, s.licence, s.reference) for s in files),
        )
    )
