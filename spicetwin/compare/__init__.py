"""Transistor level against twin, on stimuli and bias points that no fit has seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuits.ngspice.pool import Pool
    from spicetwin.report.document import Check

FAMILIES = ("dpi", "mingru", "denram", "memcap")

#: Longest a point may take (s); a column of 64 rows at transistor level takes a quarter of an hour.
TIMEOUT = {"dpi": 300.0, "mingru": 7200.0, "denram": 300.0, "memcap": 1200.0}


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
    """Compare a family with its calibration (``table`` for dpi); waveforms go to ``output`` (netCDF).

    Raises
    ------
    CompareError
        For an unknown family.
    """
    if family not in FAMILIES:
        raise CompareError(f"no comparison for family {family!r}; known: {', '.join(FAMILIES)}")
    from circuits.ngspice.cache import default_cache_dir
    from circuits.ngspice.pool import Pool

    with Pool(jobs, timeout=TIMEOUT[family], cache=default_cache_dir()) as pool:
        runs = {
            "dpi": _compare_dpi,
            "mingru": _compare_mingru,
            "denram": _compare_denram,
            "memcap": _compare_memcap,
        }
        return runs[family](pool, output, quick, table)


def _compare_dpi(pool: Pool, output: Path | None, quick: bool, table: str) -> Sequence[Check]:
    from calibration.table import load, resolve
    from spicetwin.compare.dpi import compare_dpi, write_waveforms

    comparison = compare_dpi(pool, load(resolve(table)), quick=quick)
    if output is not None:
        write_waveforms(comparison, output)
    return comparison.checks()


def _compare_mingru(pool: Pool, output: Path | None, quick: bool, table: str) -> Sequence[Check]:
    from spicetwin.compare.mingru import compare_mingru, write_states

    comparison = compare_mingru(pool, quick=quick)
    if output is not None:
        write_states(comparison, output)
    return comparison.checks()


def _compare_denram(pool: Pool, output: Path | None, quick: bool, table: str) -> Sequence[Check]:
    from calibration.table import load, resolve
    from circuits.families.denram_cell import VARIANTS
    from spicetwin.calibrate.denram_table import table_name
    from spicetwin.compare.denram import compare_denram, write_cases

    tables = {variant: load(resolve(table_name(variant, "generic130"))) for variant in VARIANTS}
    comparison = compare_denram(pool, tables, load(resolve(table)), quick=quick)
    if output is not None:
        write_cases(comparison, output)
    return comparison.checks()


def _compare_memcap(pool: Pool, output: Path | None, quick: bool, table: str) -> Sequence[Check]:
    from spicetwin.compare.memcap import compare_memcap, write_points
    from spicetwin.compare.memcap_neuron import compare_neuron, write_spikes

    comparison, neuron = compare_memcap(pool, quick=quick), compare_neuron(pool, quick=quick)
    if output is not None:
        write_points(comparison, output)
        write_spikes(neuron, output.with_name(f"{output.stem}_spikes{output.suffix}"))
    return (*comparison.checks(), *neuron.checks())
