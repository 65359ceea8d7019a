"""What a fit law is: a plain NumPy function with units, guesses, bounds, equation and source."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Values = FloatArray | float
Scale = Literal["linear", "log"]

BOLTZMANN = 1.380649e-23
CHARGE = 1.602176634e-19
ANY_UNIT = "*"
"""Unit of the inputs and parameters of generic laws: whatever the fitted data have."""


class LawDomainError(ValueError):
    """A law has no value for these inputs and parameters."""


@dataclass(frozen=True, slots=True)
class LawParam:
    """Parameter of a law.

    Parameters
    ----------
    unit
        SI unit, ``"1"`` for pure numbers, ``"*"`` where the data decide.
    guess
        Start value of a fit.
    bounds
        Lowest and highest value a fit may try.
    scale
        ``"log"`` for positive quantities that span decades: fitted as their logarithm.
    description
        One line.
    """

    unit: str
    guess: float
    bounds: tuple[float, float] = (-math.inf, math.inf)
    scale: Scale = "linear"
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse a guess outside its bounds and a log scale that reaches zero."""
        low, high = self.bounds
        if not low <= self.guess <= high:
            raise ValueError(f"guess {self.guess!r} is outside its bounds {self.bounds}")
        if self.scale == "log" and low <= 0:
            raise ValueError("a parameter on a log scale needs a positive lower bound")


@dataclass(frozen=True, slots=True)
class Law:
    """Closed-form law ``output = function(**inputs, **params)``.

    Parameters
    ----------
    id
        Name in the registry and in calibration tables.
    function
        Takes every input and parameter by keyword; arrays broadcast; returns float64.
    inputs
        Unit of every input.
    output
        Unit of the result.
    params
        Parameters by name.
    equation
        The law in plain text.
    source
        Where it comes from and where it holds.
    """

    id: str
    function: Callable[..., FloatArray]
    inputs: Mapping[str, str]
    output: str
    params: Mapping[str, LawParam]
    equation: str
    source: str

    def __post_init__(self) -> None:
        """Refuse a law whose function takes other names than its inputs and parameters."""
        taken = set(inspect.signature(self.function).parameters)
        declared = {*self.inputs, *self.params}
        if taken != declared:
            odd = ", ".join(sorted(taken ^ declared))
            raise ValueError(f"law {self.id}: function and declaration differ in {odd}")

    def __call__(self, inputs: Mapping[str, ArrayLike], params: Mapping[str, float]) -> FloatArray:
        """Evaluate; a missing or unknown name is an error that lists the known ones.

        Raises
        ------
        ValueError
            For a missing or unknown input or parameter.
        """
        _check_names(f"law {self.id}: input", inputs, self.inputs)
        _check_names(f"law {self.id}: parameter", params, self.params)
        arrays = {name: np.asarray(values, dtype=np.float64) for name, values in inputs.items()}
        return np.asarray(self.function(**arrays, **params), dtype=np.float64)

    def guesses(self) -> dict[str, float]:
        """Start values by parameter."""
        return {name: param.guess for name, param in self.params.items()}


def _check_names(what: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse names that are missing or unknown."""
    for name in known:
        if name not in given:
            raise ValueError(f"{what} {name!r} is missing")
    for name in given:
        if name not in known:
            raise ValueError(f"{what} {name!r} is unknown; accepted: {', '.join(known)}")


def thermal_voltage(temperature: Values) -> FloatArray:
    """U_T = k T / q in V, ``temperature`` in K."""
    return np.asarray(temperature, dtype=np.float64) * (BOLTZMANN / CHARGE)


def softplus(x: Values) -> FloatArray:
    """ln(1 + exp(x)) without overflow."""
    return np.asarray(np.logaddexp(0.0, x), dtype=np.float64)


def normal_share(z: Values) -> FloatArray:
    """Share of a normal distribution below the score ``z``; SciPy is loaded on first use only."""
    from scipy.special import ndtr

    return np.asarray(ndtr(np.asarray(z, dtype=np.float64)), dtype=np.float64)


def relaxed_log(z: Values, s: Values) -> FloatArray:
    """ln[1 + (exp(z) - 1) exp(-s)] for s >= 0: a ramp to rest, or a decay to a floor.

    Neither exp(z) nor 1 - exp(-s) is formed alone, so 10 decades of current and s = 0 are exact.
    """
    s = np.asarray(s, dtype=np.float64)
    with np.errstate(divide="ignore"):
        grown = np.log(-np.expm1(-s))
    return np.asarray(np.logaddexp(grown, np.asarray(z, dtype=np.float64) - s), dtype=np.float64)
