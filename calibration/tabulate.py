"""Entry of a calibration table out of a fit: values, covariance, domain and verdict are carried over."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from calibration.entry import (
    Covariance,
    Entry,
    Interval,
    Parameter,
    Scale,
    TableError,
    Validation,
    Variation,
)
from calibration.fitting.result import FitResult
from calibration.laws import get_law


def fitted_entry(
    result: FitResult,
    law: str,
    *,
    quantity: str,
    unit: str,
    scale: Scale = "linear",
    group: str | None = None,
    arguments: Mapping[str, str] | None = None,
    reference: Mapping[str, float | str] | None = None,
    variation: tuple[Variation, ...] = (),
    validation: tuple[Validation, ...] = (),
) -> Entry:
    """Entry with the parameters of ``law`` as the fit found them.

    Parameters
    ----------
    result
        A fit whose model was this law: its data sets hold the law's inputs.
    group
        Condition whose per-condition parameters (``slope[base]``) are meant, where the fit has such.
    arguments
        Law argument of a table input where the names differ, as in :class:`~calibration.entry.Entry`.
    quantity, unit, scale, reference, variation, validation
        As in :class:`~calibration.entry.Entry`.

    Returns
    -------
    Entry
        Its domain is the range of the inputs over the fitted data.

    Raises
    ------
    TableError
        When the fit lacks a parameter or an input of the law.
    """
    declared = get_law(law)
    expanded = {name: _expanded(result, name, group) for name in declared.params}
    parameters = {}
    for name, full in expanded.items():
        p = result.parameters[full]
        parameters[name] = Parameter(p.value, p.unit, p.stderr, p.bounds, p.vary, p.scale)
    determined = [name for name, full in expanded.items() if full in result.covariance_names]
    place = [result.covariance_names.index(expanded[name]) for name in determined]
    matrix = np.asarray(result.covariance)[np.ix_(place, place)]
    # The inverse of a Hessian is symmetric to rounding only, which small elements beside large ones betray.
    matrix = 0.5 * (matrix + matrix.T)
    public = {argument: name for name, argument in (arguments or {}).items()}
    domain = {
        public.get(name, name): _range(result, name, unit_of) for name, unit_of in declared.inputs.items()
    }
    return Entry(
        quantity=quantity,
        unit=unit,
        law=law,
        scale=scale,
        parameters=parameters,
        covariance=Covariance(tuple(determined), tuple(tuple(map(float, row)) for row in matrix)),
        domain=domain,
        arguments=arguments,
        reference=reference,
        redchi=result.redchi if math.isfinite(result.redchi) else None,
        n_points=result.n_points,
        n_censored=result.n_censored,
        variation=variation,
        validation=validation,
        verdict=result.verdict,
    )


def _expanded(result: FitResult, name: str, group: str | None) -> str:
    """Name of the law's parameter in the fit: shared, or that of the group."""
    for full in (name, f"{name}[{group}]"):
        if full in result.parameters:
            return full
    raise TableError(f"the fit has no parameter {name!r}; it has {', '.join(result.parameters)}")


def _range(result: FitResult, name: str, unit: str) -> Interval:
    """Range of a law input over the fitted data."""
    values = [np.asarray(d.dataset.x[name]) for d in result.datasets if name in d.dataset.x]
    if not values:
        raise TableError(f"the fitted data have no input {name!r}")
    return Interval(float(min(v.min() for v in values)), float(max(v.max() for v in values)), unit)
