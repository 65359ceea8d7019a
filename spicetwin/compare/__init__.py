"""Transistor level against twin, on stimuli and bias points that no fit has seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spicetwin.report.document import Check

FAMILIES = ("dpi",)


class CompareError(ValueError):
    """There is no comparison for this family, or its table is missing."""


def compare_family(
    family: str,
    *,
    output: Path | None = None,
    quick: bool = False,
    jobs: int | None = None,
    table: str = "dpi_generic130",
) -> Sequence[Check]:
    """Compare a family with its calibration table; waveforms go to ``output`` (netCDF).

    Raises
    ------
    CompareError
        For an unknown family.
    """
    if family not in FAMILIES:
        raise CompareError(f"no comparison for family {family!r}; known: {', '.join(FAMILIES)}")
    from calibration.table import load, resolve
    from circuits.ngspice.cache import default_cache_dir
    from circuits.ngspice.pool import Pool
    from spicetwin.compare.dpi import compare_dpi, write_waveforms

    calibrated = load(resolve(table))
    with Pool(jobs, timeout=300.0, cache=default_cache_dir()) as pool:
        comparison = compare_dpi(pool, calibrated, quick=quick)
    if output is not None:
        write_waveforms(comparison, output)
    return comparison.checks()
