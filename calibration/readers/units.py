"""Units at the file edge: what a header or a campaign says, to SI values, through pint."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pint

# SI units that the project uses; a header may use any prefix of these, or another unit of the same dimension.
SI_UNITS = (
    "1",
    "s",
    "Hz",
    "V",
    "A",
    "ohm",
    "S",
    "F",
    "C",
    "W",
    "J",
    "K",
    "m",
    "m^2",
    "V/s",
    "C/m^2",
    "F/m^2",
    "A/m^2",
    "J/m^2",
    "S/V",
)
ACCEPTED = "a unit of " + ", ".join(SI_UNITS) + " with an SI prefix, e.g. ms, pA, uC/cm^2, degC"
# A short plain expression: pint must not be handed arbitrary text of a data file (huge exponents, say).
_SHAPE = re.compile(r"1|%|°C|[A-Za-zµμΩ]{1,12}(\^?-?\d)?([*/·][A-Za-zµμΩ]{1,12}(\^?-?\d)?){0,3}")
_EXPONENT = re.compile(r"(?<=[A-Za-zµμΩ])\^?(-?\d)")
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s+(\S+)\s*")


class UnitError(ValueError):
    """A unit is not known, or not of a dimension the project uses."""


@lru_cache(maxsize=1)
def _registry() -> tuple[pint.UnitRegistry[float], dict[object, str]]:
    """Unit registry, and the SI unit of every accepted dimension (pint takes 0.2 s to load: on demand)."""
    import pint

    units: pint.UnitRegistry[float] = pint.UnitRegistry(
        autoconvert_offset_to_baseunit=True, cache_folder=None
    )
    dimensions: dict[object, str] = {}
    for name in SI_UNITS:
        dimensions.setdefault(
            units.Quantity(1.0, "" if name == "1" else name.replace("^", "**")).dimensionality, name
        )
    return units, dimensions


def to_si(values: NDArray[np.float64], unit: str) -> tuple[NDArray[np.float64], str]:
    """Values in SI and the SI unit they are in; ``unit`` is as written in a header (``"pA"``, ``"uC/cm^2"``).

    Raises
    ------
    UnitError
        For text that is not a unit, or a unit of another dimension than those in ``SI_UNITS``.
    """
    scale, offset, name = conversion(unit)
    return np.asarray(values, dtype=np.float64) * scale + offset, name


@lru_cache(maxsize=512)
def conversion(unit: str) -> tuple[float, float, str]:
    """``scale, offset, si_unit`` such that ``si = scale * value + offset``."""
    import pint

    text = unit.strip()
    if not _SHAPE.fullmatch(text):
        raise UnitError(f"unknown unit {unit[:40]!r}; accepted: {ACCEPTED}")
    if text == "1":
        return 1.0, 0.0, "1"
    units, dimensions = _registry()
    spelled = (
        _EXPONENT.sub(r"**\1", text)
        .replace("°C", "degC")
        .replace("Ohm", "ohm")
        .replace("·", "*")
        .replace("%", "percent")
    )
    try:
        base = units.Quantity(np.array([0.0, 1.0]), spelled)
        name = dimensions[base.dimensionality]
        zero, one = base.to("" if name == "1" else name.replace("^", "**")).magnitude
    except (pint.PintError, KeyError, AttributeError, ValueError, TypeError):
        raise UnitError(f"unknown unit {unit[:40]!r}; accepted: {ACCEPTED}") from None
    # 20 degC * scale must not lose the last digits: the difference is the scale up to rounding.
    return (float(one), 0.0, name) if zero == 0.0 else (round(float(one - zero), 12), float(zero), name)


def condition(text: str) -> float | str:
    """SI value of ``"5.86 pA"``; any text that is not a number and a unit stays text."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return text
    scale, offset, _ = conversion(match.group(2))
    return float(match.group(1)) * scale + offset


def quantity(text: str) -> tuple[float, str]:
    """SI value and unit of ``"0.24 nA"``; UnitError for anything else."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f"{text[:40]!r} is not a number and a unit; accepted: e.g. '0.24 nA'")
    scale, offset, name = conversion(match.group(2))
    return float(match.group(1)) * scale + offset, name
