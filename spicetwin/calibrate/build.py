"""Build the calibration table of a family: simulate, fit, compare on what no fit has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calibration.table import CalibrationTable
from circuits.ngspice.cache import default_cache_dir
from circuits.ngspice.pool import Pool
from spicetwin.boundary import InputError

#: Delay cells other than the default have a table each.
DELAY_CELLS: Mapping[str, str] = {
    "denram": "decay_comparator",
    "denram_decay_schmitt": "decay_schmitt",
    "denram_charge_comparator": "charge_comparator",
    "denram_charge_schmitt": "charge_schmitt",
}

FAMILIES = ("dpi", "mingru", "memcap", *DELAY_CELLS)

#: Longest a point may take (s).
TIMEOUT = {"dpi": 120.0, "mingru": 7200.0, "memcap": 300.0, **dict.fromkeys(DELAY_CELLS, 300.0)}


@dataclass(frozen=True)
class Built:
    """A table that is not written yet, the verdicts of its fits with their reasons, and the points that failed."""

    table: CalibrationTable
    verdicts: Mapping[str, str]
    failures: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def build_table(
    family: str,
    process: str,
    version: str,
    *,
    quick: bool = False,
    jobs: int | None = None,
    mirror: Path | None = None,
) -> Built:
    """Calibrate ``family`` on ``process``.

    Raises
    ------
    InputError
        For an unknown family.
    SimulationError
        When too little could be simulated.
    """
    if family not in FAMILIES:
        raise InputError(f"family {family!r} has no calibration; accepted: {', '.join(FAMILIES)}")
    with Pool(jobs, timeout=TIMEOUT[family], cache=default_cache_dir()) as pool:
        if family == "dpi":
            return _dpi(pool, process, version, quick=quick)
        if family in DELAY_CELLS:
            return _denram(pool, process, version, DELAY_CELLS[family], mirror, quick=quick)
        if family == "memcap":
            return _memcap(pool, process, version, quick=quick)
        return _mingru(pool, process, version, mirror, quick=quick)


def _dpi(pool: Pool, process: str, version: str, *, quick: bool) -> Built:
    from spicetwin.calibrate.dpi import calibrate
    from spicetwin.calibrate.record import now, provenance
    from spicetwin.compare.dpi import compare_dpi, validated

    done = calibrate(pool, process, version, now(), provenance(pool, process, quick=quick), quick=quick)
    table = validated(done.table, compare_dpi(pool, done.table, quick=quick))
    return Built(
        table,
        {name: fit.verdict for name, fit in done.fits.items()},
        tuple(f"{block} {dict(biases)}: {reason}" for block, biases, reason in done.failures),
        {name: "; ".join(fit.reasons) for name, fit in done.fits.items()},
    )


def _mingru(pool: Pool, process: str, version: str, mirror: Path | None, *, quick: bool) -> Built:
    from spicetwin.calibrate.mingru import ROWS, calibrate_mingru
    from spicetwin.calibrate.mingru_devices import device_entries, fit_devices
    from spicetwin.calibrate.record import now
    from spicetwin.compare.mingru import compare_core, validated_core
    from spicetwin.compare.mingru_cases import CoreCase

    measured = fit_devices(mirror)
    done = calibrate_mingru(pool, process, version, now(), device_entries(measured), quick=quick)
    steps = 8 if quick else 20
    core = compare_core(pool, CoreCase("transistor", ROWS, 1, steps, 0), done.fits["tt"])
    verdicts = {name: result.verdict for name, result in measured.items()}
    return Built(
        validated_core(done.table, core),
        verdicts | {"column": "GOOD" if core.holds else "POOR"},
        tuple(f"{label}: {reason}" for label, reason in done.failures),
    )


def _memcap(pool: Pool, process: str, version: str, *, quick: bool) -> Built:
    from spicetwin.calibrate.memcap_table import calibrate_memcap
    from spicetwin.calibrate.record import now
    from spicetwin.compare.memcap import compare_memcap, validated
    from spicetwin.compare.memcap_neuron import compare_neuron, validated_neuron

    done = calibrate_memcap(pool, process, version, now(), quick=quick)
    comparison, neuron = compare_memcap(pool, quick=quick), compare_neuron(pool, quick=quick)
    return Built(
        validated_neuron(validated(done.table, comparison), neuron),
        {name: found.verdict for name, found in done.fits.items()},
        (*done.failures, *comparison.failures, *neuron.failures),
        {name: "; ".join(found.reasons) for name, found in done.fits.items()},
    )


def _denram(
    pool: Pool, process: str, version: str, variant: str, mirror: Path | None, *, quick: bool
) -> Built:
    from calibration.table import load, resolve
    from spicetwin.calibrate.denram import DEFAULT
    from spicetwin.calibrate.denram_devices import fit_memories, memory_entries
    from spicetwin.calibrate.denram_table import assumed_resistance, calibrate_delays
    from spicetwin.calibrate.origin import recipe_provenance
    from spicetwin.calibrate.record import now
    from spicetwin.compare.denram import compare_denram, validated

    measured = fit_memories(mirror)
    memory = CalibrationTable(
        "denram_memory",
        version,
        now(),
        memory_entries(measured, assumed_resistance(variant)),
        recipe_provenance(measured),
    )
    synapses = load(resolve(f"dpi_{process}"))
    own = synapses if variant == DEFAULT else None
    done = calibrate_delays(
        pool, process, version, now(), variant=variant, dpi=own, memory=memory, quick=quick
    )
    comparison = compare_denram(pool, {variant: done.table}, synapses, quick=quick)
    return Built(
        validated(variant, done.table, comparison),
        {name: result.verdict for name, result in measured.items()} | done.verdicts,
        (*done.variant.failures, *comparison.failures),
        done.reasons,
    )
