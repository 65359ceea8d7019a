"""Table entries of resistive memories from the fits of measured arrays: states, errors, relaxation, noise, switching.

Entries ``denram.*`` are those that delay chips are drawn from; ``rram.*`` are laws of the device beside them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from calibration.entry import Covariance, Entry, Parameter, TableError, Validation, Variation
from calibration.fit import FitResult
from calibration.recipe import load_recipe
from calibration.recipe_run import RecipeResult, run_recipe
from calibration.table import CalibrationTable
from calibration.tabulate import fitted_entry
from measurements.load import load
from spicetwin.calibrate.origin import recipe_provenance

RECIPES = (
    *(
        "rram_lrs",
        "rram_lrs_spread",
        "rram_hrs_spread",
        "rram_cell_cycle",
        "rram_level_error",
        "rram_read_iv",
    ),
    *("rram_relaxation", "rram_relaxation_level", "rram_noise", "rram_set", "rram_reset", "rram_bake"),
    *("rram_bake_spread", "rram_pulses", "rram_endurance"),
)
ASSUMED_R_HRS = 500e9 * math.exp(-0.5 * 0.4**2)
"""Median resistance in ohm of the published network model (mean 500 GOhm, 0.4 in the logarithm); assumed."""
ARRAY = "1T1R array of 65536 cells, 130 nm class"
WORD_LINE = 1.3
"""Word-line voltage in V of the SET pulses in the cycling record, where a reference is wanted."""
HERMITE = 40
Progress = Callable[[str], None]


def fit_memories(mirror: Path | None = None, progress: Progress | None = None) -> dict[str, RecipeResult]:
    """Run the recipes behind the entries, on the originals or, where these are absent, on virtual arrays.

    :func:`~spicetwin.calibrate.origin.recipe_provenance` tells which it was.

    Raises
    ------
    DataError
        For a wrong mirror or a file with the wrong hash.
    """
    campaigns = {
        source: load(source, mirror) for source in dict.fromkeys(load_recipe(n).source for n in RECIPES)
    }
    return {
        name: run_recipe(name, campaigns[load_recipe(name).source], progress=progress) for name in RECIPES
    }


def memory_entries(results: Mapping[str, RecipeResult], r_hrs: float | None = None) -> dict[str, Entry]:
    """Entries of the recipes' results.

    ``denram.r_hrs`` (ohm), ``.r_lrs`` (ohm, over ``v_wl``), ``.sinh_v`` (V), ``.g_weight`` (1: relative error of a
    programmed conductance), ``.relaxation`` (S, over conductance and time) and ``.read_noise`` (S, over
    conductance); ``rram.set``, ``.reset``, ``.reset_failure``, ``.i_offset``, ``.bake_loss``, ``.bake_spread``,
    ``.pulse_up``, ``.pulse_down``. Spread from cell to cell is ``within_die``, from programming to programming
    ``cycle``.

    Parameters
    ----------
    results
        By recipe, see :func:`fit_memories`.
    r_hrs
        Median of the high state in ohm instead of the measured one: measured cells reach 0.1 to 1 Mohm, and a
        delay of milliseconds on 1 pF needs 10 GOhm. Its spread is the measured one; the entry says *assumed*.

    Raises
    ------
    TableError
        When a recipe is missing or FAILED, or ``r_hrs`` is not positive.
    """
    for name in RECIPES:
        if name not in results or results[name].verdict == "FAILED":
            raise TableError(f"recipe {name} has no result to take parameters of the memory from")
    if r_hrs is not None and not (math.isfinite(r_hrs) and r_hrs > 0):
        raise TableError(f"r_hrs = {r_hrs!r} ohm; accepted: a positive resistance")
    joint = {name: result.fits["joint"] for name, result in results.items()}
    high = _high_state(results, joint)
    return {
        "denram.r_hrs": high if r_hrs is None else _rescaled(high, r_hrs),
        "denram.r_lrs": _low_state(results, joint),
        "denram.sinh_v": _sinh(joint["rram_read_iv"]),
        "denram.g_weight": _plain(
            results, "rram_level_error", "level_error", "relative error of a weight", "1"
        ),
        "denram.relaxation": _plain(
            results,
            "rram_relaxation_level",
            "relaxation_level",
            "spread of the change since programming",
            "S",
        ),
        "denram.read_noise": _noise(results),
        "rram.set": _plain(
            results, "rram_set", "set_probability", "probability that a pulse sets a cell", "1"
        ),
        "rram.reset": _plain(
            results, "rram_reset", "reset_probability", "probability that a pulse resets it", "1"
        ),
        "rram.reset_failure": _constant(
            joint["rram_hrs_spread"], "failed", "share of cells that RESET fails on", "1"
        ),
        "rram.i_offset": _offset(joint["rram_read_iv"]),
        "rram.bake_loss": _plain(
            results, "rram_bake", "bake_loss", "share of conductance lost in a bake", "1"
        ),
        "rram.bake_spread": _plain(
            results, "rram_bake_spread", "bake_spread", "spread of the change in a bake", "S"
        ),
        **{
            f"rram.pulse_{way}": _plain(
                results, "rram_pulses", "soft_bound", f"conductance after pulses {way}", "1", group=way
            )
            for way in ("up", "down")
        },
    }


def cell_and_cycle(sigma: float, rho: float) -> tuple[float, float]:
    """Standard deviations from cell to cell and from cycle to cycle that make ``sigma`` with correlation ``rho``."""
    if not 0.0 <= rho <= 1.0:
        raise TableError(f"correlation of two cycles {rho!r}; accepted: 0 to 1")
    return sigma * math.sqrt(rho), sigma * math.sqrt(1.0 - rho)


def low_state_sigma(r_series: float, median: float, sigma: float) -> float:
    """Standard deviation of ln R of a series resistance and a log-normal filament, by Gauss-Hermite quadrature."""
    z, weight = np.polynomial.hermite_e.hermegauss(HERMITE)
    weight = weight / np.sum(weight)
    ln_r = np.log(r_series + median * np.exp(sigma * z))
    mean = float(np.sum(weight * ln_r))
    return math.sqrt(float(np.sum(weight * (ln_r - mean) ** 2)))


def _variation(
    results: Mapping[str, RecipeResult], state: str, sigma: float, stderr: float | None
) -> tuple[Variation, ...]:
    """Spread split by the correlation of two cycles of the same cells."""
    rho = results["rram_cell_cycle"].fits["joint"][f"rho[{state}]"].value
    kind = recipe_provenance({"rram_cell_cycle": results["rram_cell_cycle"]}).kind
    counted = results["rram_lrs_spread"].fits["joint"].datasets
    n = int(sum(float(part.dataset.x["total"][0]) for part in counted))
    relative = None if stderr is None else stderr / sigma
    parts: tuple[tuple[Literal["within_die", "cycle"], float], ...] = tuple(
        zip(("within_die", "cycle"), cell_and_cycle(sigma, rho), strict=True)
    )
    return tuple(
        Variation(
            source, "lognormal", part, None if relative is None else relative * part, n,
            kind="silicon" if kind == "silicon" else "virtual",
        )
        for source, part in parts
    )  # fmt: skip


def _high_state(results: Mapping[str, RecipeResult], joint: Mapping[str, FitResult]) -> Entry:
    """Median of the high state with its spread; cells that did not reset are in ``rram.reset_failure``."""
    found = joint["rram_hrs_spread"]
    sigma = found["sigma"]
    entry = _constant(found, "median", "resistance of the high state at small voltage", "ohm")
    return dataclasses.replace(
        entry,
        scale="log",
        reference={"array": ARRAY, "v_read": 0.2},
        variation=_variation(results, "r_high", sigma.value, sigma.stderr),
        validation=_checks(results["rram_hrs_spread"], "Kolmogorov-Smirnov distance"),
    )


def _rescaled(entry: Entry, median: float) -> Entry:
    """The entry with an assumed median; measured spread and what it was checked on stay."""
    parameters = {"value": Parameter(median, "ohm", vary=False, scale="log")}
    measured = entry.parameters["value"].value
    return dataclasses.replace(
        entry,
        parameters=parameters,
        covariance=Covariance((), ()),
        reference={**(entry.reference or {}), "tag": "assumed", "measured_median": measured},
    )


def _low_state(results: Mapping[str, RecipeResult], joint: Mapping[str, FitResult]) -> Entry:
    """Low state over the word line of SET; its spread is that of the cycled array."""
    found = joint["rram_lrs_spread"]
    sigma = low_state_sigma(*(found[name].value for name in ("r_series", "median", "sigma")))
    stderr = found["sigma"].stderr
    share = None if stderr is None else stderr / found["sigma"].value * sigma
    return fitted_entry(
        joint["rram_lrs"],
        "lrs_compliance",
        quantity="resistance of the low state at small voltage",
        unit="ohm",
        scale="log",
        reference={"array": ARRAY, "v_wl": WORD_LINE, "v_line": 2.0},
        variation=_variation(results, "r_low", sigma, share),
        validation=(
            *_checks(results["rram_lrs"], "relative error"),
            *_checks(results["rram_lrs_spread"], "Kolmogorov-Smirnov distance"),
        ),
    )


def _sinh(found: FitResult) -> Entry:
    """Voltage of the sinh of the cells of least conductance, which are nearest to the high state."""
    names = [name for name in found.parameters if name.startswith("v_sinh[")]
    first = min(names, key=lambda name: found[name.replace("v_sinh", "g")].value)
    entry = _constant(found, first, "voltage of the high state's sinh", "V")
    conductance = found[first.replace("v_sinh", "g")].value
    return dataclasses.replace(entry, scale="log", reference={"array": ARRAY, "conductance": conductance})


def _offset(found: FitResult) -> Entry:
    """Offset current of the array's reads: mean of the groups."""
    names = [name for name in found.parameters if name.startswith("i_offset[")]
    values = [found[name].value for name in names]
    entry = _constant(found, names[0], "offset current of a read", "A")
    stderr = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
    return dataclasses.replace(entry, parameters={"value": Parameter(float(np.mean(values)), "A", stderr)})


def _noise(results: Mapping[str, RecipeResult]) -> Entry:
    """Read noise in S."""
    found = results["rram_noise"].fits["joint"]
    entry = fitted_entry(
        found,
        "level_noise",
        quantity="read noise in 50 s",
        unit="S",
        scale="log",
    )
    return dataclasses.replace(
        entry,
        reference={"array": "technology A, one cell per level"},
        validation=_checks(results["rram_noise"], "rms of ln(measured/predicted)"),
    )


def _plain(
    results: Mapping[str, RecipeResult],
    recipe: str,
    law: str,
    quantity: str,
    unit: str,
    group: str | None = None,
) -> Entry:
    """Entry of a joint fit's law as it is."""
    return fitted_entry(
        results[recipe].fits["joint"],
        law,
        quantity=quantity,
        unit=unit,
        group=group,
        reference={"recipe": recipe},
        validation=_checks(results[recipe], "error"),
    )


def _constant(found: FitResult, parameter: str, quantity: str, unit: str) -> Entry:
    """One parameter of a fit as a quantity of its own."""
    p = found[parameter]
    return Entry(
        quantity=quantity,
        unit=unit,
        law="constant",
        parameters={"value": Parameter(p.value, unit, p.stderr)},
        redchi=found.redchi if math.isfinite(found.redchi) else None,
        n_points=found.n_points,
        n_censored=found.n_censored,
        verdict=found.verdict,
    )


def _checks(result: RecipeResult, metric: str) -> tuple[Validation, ...]:
    """Judged checks of a recipe."""
    return tuple(
        Validation(f"{m.check}: {m.subject}", metric, abs(m.error), m.limit)
        for m in result.metrics
        if m.passed is not None
    )


def with_measured_memory(table: CalibrationTable, results: Mapping[str, RecipeResult]) -> CalibrationTable:
    """A delay cell's table with measured memories in place of assumed ones.

    The median of the high state stays the table's own, *assumed* for the delays it gives; its spread, the sinh, the
    low state, the errors of weights, relaxation and read noise become the measured ones. The name gains ``_memory``.

    Raises
    ------
    TableError
        When the table has no ``denram.r_hrs``, or a recipe is missing or FAILED.
    """
    if "denram.r_hrs" not in table.entries:
        raise TableError(f"table {table.name} has no entry denram.r_hrs: no table of a delay cell")
    median = table.entries["denram.r_hrs"].parameters["value"].value
    entries = {**table.entries, **memory_entries(results, median)}
    # Whether the cell was fitted for this memory is the table's own limit, kept beside the new entry.
    old = table.entries["denram.r_hrs"].reference or {}
    new = entries["denram.r_hrs"]
    entries["denram.r_hrs"] = dataclasses.replace(new, reference={**old, **(new.reference or {})})
    memory = recipe_provenance(results)
    provenance = dataclasses.replace(
        table.provenance,
        plan="; ".join(plan for plan in (table.provenance.plan, memory.plan) if plan),
        sources=(*table.provenance.sources, *memory.sources),
    )
    return dataclasses.replace(table, name=f"{table.name}_memory", entries=entries, provenance=provenance)
