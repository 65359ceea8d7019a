"""Table entries of the minGRU core's capacitors and switches, from the fits of measured devices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from calibration.entry import Covariance, Entry, Interval, Parameter, TableError, Validation, Variation
from calibration.fit import FitResult
from calibration.recipe import load_recipe
from calibration.recipe_run import RecipeResult, run_recipe
from calibration.tabulate import fitted_entry
from measurements.load import load

RECIPES = ("mim_sky130", "switch_ihp", "switch_leakage_ihp", "mos_cv_ihp")
STACK = "m3"
POLARITIES = ("n", "p")
CHANNEL_LENGTH = "0.13u"
"""Length whose leakage becomes the entry: the shortest, hence the leakiest, measured over temperature."""
GEOMETRY = f"C0 from area and perimeter, stack {STACK}"
Progress = Callable[[str], None]


def fit_devices(mirror: Path | None = None, progress: Progress | None = None) -> dict[str, RecipeResult]:
    """Run the recipes behind the entries, on the originals or, where these are absent, on virtual devices.

    :func:`~spicetwin.calibrate.origin.recipe_provenance` tells which it was.

    Raises
    ------
    DataError
        For a wrong mirror or a file with the wrong hash.
    """
    return {
        name: run_recipe(name, load(load_recipe(name).source, mirror), progress=progress) for name in RECIPES
    }


def device_entries(results: Mapping[str, RecipeResult]) -> dict[str, Entry]:
    """Entries ``mingru.capacitor.*`` and ``mingru.switch.*`` of the recipes' results.

    ``mingru.capacitor.c0`` (F, over plate area and perimeter), ``.vcc1`` (1/V) and ``.vcc2`` (1/V^2);
    ``mingru.switch.r_on_n`` and ``_p`` (ohm), ``.i_off_n`` and ``_p`` (A, shortest channel), ``.c_gate_n`` and
    ``_p`` (F, channel and overlaps without pads). The spread between devices is the
    ``within_die`` variation of the switches' resistance and leakage.

    Raises
    ------
    TableError
        When a recipe is missing, or FAILED.
    """
    for name in RECIPES:
        if name not in results or results[name].verdict == "FAILED":
            raise TableError(f"recipe {name} has no result to take device parameters from")
    found = _capacitor(results["mim_sky130"])
    for polarity in POLARITIES:
        found[f"mingru.switch.r_on_{polarity}"] = _on(results["switch_ihp"], polarity)
        found[f"mingru.switch.i_off_{polarity}"] = _off(results["switch_leakage_ihp"], polarity)
        found[f"mingru.switch.c_gate_{polarity}"] = _gate(results["mos_cv_ihp"], polarity)
    return found


def _capacitor(result: RecipeResult) -> dict[str, Entry]:
    """C0 over the geometry of one plate, and the voltage coefficients with their spread."""
    trend = result.trends.get(GEOMETRY)
    if trend is None or trend.dof < 1:
        raise TableError(f"{result.recipe.name}: {len(result.fits)} structures are too few for a table entry")
    plates = [fitted.datasets[0].dataset.conditions for fitted in result.fits.values()]
    # The law is linear in area and perimeter: the domain of an array's sum is stated for one of its plates.
    domain = {
        name: _span([float(p[name]) / float(p.get("count", 1.0)) for p in plates], unit)
        for name, unit in (("area", "m^2"), ("perimeter", "m"))
    }
    c0 = fitted_entry(
        trend,
        "mim_geometry",
        quantity="capacitance of a plate at zero bias",
        unit="F",
        scale="log",
        reference={"process": "sky130", "stack": STACK},
        validation=tuple(
            Validation(f"structure {m.subject} left out", "relative error", abs(m.error), m.limit)
            for m in result.metrics
            if m.check.startswith(GEOMETRY) and m.passed is not None
        ),
    )
    found = {"mingru.capacitor.c0": dataclasses.replace(c0, domain=domain)}
    for name, unit in (("vcc1", "1/V"), ("vcc2", "1/V^2")):
        found[f"mingru.capacitor.{name}"] = _coefficient(result.trends[f"{name}, stack {STACK}"], name, unit)
    return found


def _coefficient(trend: FitResult, name: str, unit: str) -> Entry:
    """Mean voltage coefficient; its spread between structures exceeds the interval of each."""
    value = trend["value"]
    spread = Variation("die", "normal", math.sqrt(trend.redchi), n=trend.n_points, kind="silicon")
    return Entry(
        quantity=f"voltage coefficient {name} of a MIM capacitor",
        unit=unit,
        law="constant",
        parameters={"value": Parameter(value.value, unit, value.stderr)},
        covariance=Covariance(("value",), tuple(tuple(map(float, row)) for row in trend.covariance)),
        reference={"process": "sky130", "stack": STACK},
        redchi=trend.redchi,
        n_points=trend.n_points,
        variation=(spread,),
        # Zero within its interval is a finding about a voltage coefficient, not a failure of its fit.
        verdict="FAILED" if trend.verdict == "FAILED" else "GOOD",
    )


def _on(result: RecipeResult, polarity: str) -> Entry:
    """On-resistance; the spread is that of the devices' mean errors."""
    joint = result.fits["joint"]
    errors: dict[str, list[float]] = {}
    for part in joint.datasets:
        if part.dataset.conditions["polarity"] == polarity:
            device = str(part.dataset.conditions.get("device", part.name))
            errors.setdefault(device, []).extend(np.log(part.dataset.y / part.prediction).tolist())
    sigma = float(np.std([np.mean(values) for values in errors.values()], ddof=1))
    return fitted_entry(
        joint,
        "switch_on",
        quantity=f"on-resistance of a {polarity}-type switch",
        unit="ohm",
        scale="log",
        group=polarity,
        reference={"process": "ihp_sg13g2", "v_ds": 0.05},
        variation=(Variation("within_die", "lognormal", sigma, n=len(errors), kind="silicon"),),
        validation=_predictions(result, "rms of ln(measured/predicted)"),
    )


def _off(result: RecipeResult, polarity: str) -> Entry:
    """Leakage of the shortest channel; widths differ by more than their intervals: that is the spread."""
    joint = result.fits["joint"]
    channel = f"{polarity}mos_l{CHANNEL_LENGTH}"
    parts = [part.dataset for part in joint.datasets if part.dataset.conditions["channel"] == channel]
    if not parts:
        raise TableError(f"the leakage fit has no channel {channel}")
    names = dict.fromkeys(str(part.conditions["name"]) for part in parts)
    logs = np.log([joint[f"i_ref[{name}]"].value for name in names])
    sigma = float(np.std(logs, ddof=1)) if len(logs) > 1 else 0.0
    fitted = {
        "activation": joint[f"activation[{channel}]"],
        "dibl": joint[f"dibl[{channel}]"],
        "i_band": joint[f"i_band[{polarity}]"],
    }
    i_ref = joint[f"i_ref[{next(iter(names))}]"]
    parameters = {"i_ref": Parameter(float(np.exp(np.mean(logs))), "A/m", None, i_ref.bounds, True, "log")}
    parameters |= {
        name: Parameter(p.value, p.unit, p.stderr, p.bounds, p.vary, p.scale) for name, p in fitted.items()
    }
    units = {"temperature": "K", "v_ds": "V", "w": "m"}
    return Entry(
        quantity=f"leakage of a {polarity}-type switch at V_gs = 0",
        unit="A",
        law="switch_off",
        parameters=parameters,
        domain={
            name: _span([float(v) for part in parts for v in part.x[name]], unit)
            for name, unit in units.items()
        },
        scale="log",
        reference={"process": "ihp_sg13g2", "l": float(parts[0].conditions["l"]), "v_gs": 0.0},
        redchi=joint.redchi,
        n_points=sum(len(part.y) for part in parts),
        n_censored=sum(int(np.sum(part.censored_mask)) for part in parts),
        variation=(Variation("within_die", "lognormal", sigma, n=len(names), kind="silicon"),),
        validation=_predictions(result, "rms of ln(measured/predicted)") if polarity == "n" else (),
        verdict=joint.verdict,
    )


def _gate(result: RecipeResult, polarity: str) -> Entry:
    """Gate capacitance of a switch: the fixed term belongs to the test structure and is left out."""
    entry = fitted_entry(
        result.fits["joint"],
        "gate_channel_capacitance",
        quantity=f"gate to source and drain capacitance of a {polarity}-type switch",
        unit="F",
        scale="log",
        group=polarity,
        reference={"process": "ihp_sg13g2"},
        validation=_predictions(result, "rms of ln(measured/predicted)"),
    )
    fixed = entry.parameters["c_fixed"]
    parameters = {
        **entry.parameters,
        "c_fixed": dataclasses.replace(fixed, value=0.0, stderr=None, vary=False),
    }
    conditions = [part.dataset.conditions for part in result.fits["joint"].datasets]
    fingers = [float(c["w"]) / float(c.get("fingers", 1.0)) for c in conditions]
    # Without its fixed term the law is proportional to W: it holds from one finger to the whole array.
    domain = {**entry.box, "w": Interval(min(fingers), entry.box["w"].high, "m")}
    keep = [i for i, name in enumerate(entry.covariance.parameters) if name != "c_fixed"]
    covariance = Covariance(
        tuple(entry.covariance.parameters[i] for i in keep),
        tuple(tuple(entry.covariance.matrix[i][j] for j in keep) for i in keep),
    )
    return dataclasses.replace(entry, parameters=parameters, covariance=covariance, domain=domain)


def _predictions(result: RecipeResult, metric: str) -> tuple[Validation, ...]:
    """Judged predictions of what was left out."""
    checks = {prediction.name for prediction in result.recipe.predictions}
    return tuple(
        Validation(f"{m.check}: {m.subject}", metric, m.value, m.limit)
        for m in result.metrics
        if m.check in checks and m.passed is not None
    )


def _span(values: Sequence[float], unit: str) -> Interval:
    """Range of values."""
    return Interval(min(values), max(values), unit)
