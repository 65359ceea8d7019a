"""A calibrated block: table quantities as laws bound to the parameters of one joint fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.fit import FitParameter, FitResult
from calibration.laws import get_law
from calibration.laws.law import Law
from calibration.table import Covariance, Entry, Interval, Parameter
from spicetwin.calibrate.design import Box

FloatArray = NDArray[np.float64]

#: Reference temperature of every law (K).
T_REF = 300.15


@dataclass(frozen=True)
class Quantity:
    """A table quantity: unit, law, and per law parameter a fit parameter or a fixed number."""

    unit: str
    law: str
    binding: Mapping[str, str | float]

    def value(self, parameters: Mapping[str, float], at: Mapping[str, float]) -> float:
        """Value for fit parameters ``parameters`` at biases and temperature ``at``."""
        return float(self.values(parameters, at))

    def values(
        self, parameters: Mapping[str, float], at: Mapping[str, float] | Mapping[str, FloatArray]
    ) -> FloatArray:
        """Values at arrays of biases and temperatures of one shape."""
        law = get_law(self.law)
        bound = {p: parameters[v] if isinstance(v, str) else v for p, v in self.binding.items()}
        return law.function(**{i: at[i] for i in law.inputs}, **bound)


Quantities = Mapping[str, Quantity]


def mirror(prefix: str, law: str, reference: float, *, unit: str = "A", **more: str | float) -> Quantity:
    """A mirrored current, or what follows from one: ``<prefix>_scale``, ``_exponent``, ``_coefficient``."""
    binding: dict[str, str | float] = {
        "scale": f"{prefix}_scale",
        "exponent": f"{prefix}_exponent",
        "current_ref": reference,
        "coefficient": f"{prefix}_coefficient",
        **more,
        "temperature_ref": T_REF,
    }
    return Quantity(unit, law, binding)


def mirror_start(prefix: str, scale: float = 1.0) -> dict[str, FitParameter]:
    """Start values of a mirrored current."""
    return {
        f"{prefix}_scale": FitParameter(scale, "1", (0.2, 5.0), scale="log"),
        f"{prefix}_exponent": FitParameter(1.0, "1", (0.5, 1.5)),
        f"{prefix}_coefficient": FitParameter(0.0, "1/K", (-0.05, 0.05)),
    }


def leak(capacitor: float, exponent: str | float = 1.0) -> dict[str, Quantity]:
    """Time constant and discharge current of a block with this state capacitor; they share the leakage.

    ``exponent`` of the leak mirror: a fit parameter, or a number that is held.
    """
    shared: dict[str, str | float] = {
        "exponent": exponent,
        "current_ref": 5e-12,
        "i_leak": "i_leak",
        "activation": "leak_activation",
        "temperature_ref": T_REF,
    }
    return {
        "tau": Quantity("s", "dpi_tau_biased", {"c_syn": capacitor, "kappa": "kappa", **shared}),
        "i_tau": Quantity("A", "dpi_leak_current", shared),
    }


def leak_start() -> dict[str, FitParameter]:
    """Start values of the leak."""
    return {
        "kappa": FitParameter(0.72, "1", (0.3, 1.0)),
        "i_leak": FitParameter(5e-15, "A", (1e-17, 1e-11), scale="log"),
        "leak_activation": FitParameter(0.5, "eV", (-0.5, 1.5)),
    }


def entries(
    block: str,
    quantities: Quantities,
    results: Mapping[str, FitResult],
    box: Box,
    reference: Mapping[str, float | str],
) -> dict[str, Entry]:
    """Table entries ``<block>.<quantity>``, each with its part of the joint covariance.

    ``results`` names the fit behind each quantity; the key ``""`` stands for all others.
    """
    return {
        f"{block}.{name}": _entry(name, q, results.get(name, results[""]), box, reference)
        for name, q in quantities.items()
    }


def _entry(
    name: str, quantity: Quantity, result: FitResult, box: Box, reference: Mapping[str, float | str]
) -> Entry:
    law = get_law(quantity.law)
    return Entry(
        quantity=name,
        unit=quantity.unit,
        law=quantity.law,
        parameters={p: _parameter(law, p, v, result, quantity.unit) for p, v in quantity.binding.items()},
        covariance=_covariance(quantity.binding, result),
        domain={i: Interval(box[i].low, box[i].high, box[i].unit) for i in law.inputs},
        scale="log",
        reference={k: v for k, v in reference.items() if k not in law.inputs},
        redchi=result.redchi,
        n_points=result.n_points,
        n_censored=result.n_censored,
        verdict=result.verdict,
    )


def _parameter(law: Law, name: str, value: str | float, result: FitResult, unit: str) -> Parameter:
    declared = law.params[name].unit
    shown = unit if declared == "*" else declared
    if not isinstance(value, str):
        return Parameter(value, shown, None, vary=False)
    p = result.parameters[value]
    return Parameter(p.value, shown, p.stderr, p.bounds, p.vary, p.scale)


def _covariance(binding: Mapping[str, str | float], result: FitResult) -> Covariance:
    own = {v: p for p, v in binding.items() if isinstance(v, str)}
    names = [v for v in result.covariance_names if v in own]
    index = [result.covariance_names.index(v) for v in names]
    matrix = result.covariance[np.ix_(index, index)]
    return Covariance(tuple(own[v] for v in names), tuple(tuple(map(float, row)) for row in matrix))
