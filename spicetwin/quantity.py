"""Numbers with SI suffixes and ``name=value`` texts at the command line's edge; SI floats from here on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from spicetwin.boundary import InputError

FloatArray = npt.NDArray[np.float64]

#: SPICE's suffixes, upper or lower case, except that M alone is refused: SPICE reads milli, SI reads mega.
SUFFIXES: Mapping[str, float] = {
    "": 1.0,
    "a": 1e-18,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "meg": 1e6,
    "g": 1e9,
    "t": 1e12,
}

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)([a-zA-Zµ]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_quantity(text: str) -> float:
    """SI value of ``"1p"``, ``"10Meg"``, ``"2.5e-9"``; raises :class:`InputError` for anything else."""
    accepted = "accepted: a number with an optional suffix a f p n u m k Meg G T"
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is not a number; {accepted}")
    digits, suffix = match.groups()
    if suffix == "M" or suffix.lower() not in SUFFIXES:
        raise InputError(f"{text!r} has the unknown suffix {suffix!r}; {accepted}")
    # The suffix as a decimal exponent keeps 5p the float nearest to 5e-12, which 5 * 1e-12 need not be.
    exponent = round(math.log10(SUFFIXES[suffix.lower()]))
    mantissa, _, power = digits.lower().partition("e")
    value = float(f"{mantissa}e{int(power or 0) + exponent}")
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not finite; {accepted}")
    return value


def parse_assignments(texts: Iterable[str]) -> dict[str, float]:
    """Values of ``["i_tau=5p", "c=1p"]`` by name; a name given twice is refused."""
    values: dict[str, float] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not _NAME.fullmatch(name):
            raise InputError(f"{text!r} is not of the form name=value")
        if name in values:
            raise InputError(f"{name!r} is given twice")
        values[name] = parse_quantity(value)
    return values


def parse_sweeps(texts: Iterable[str]) -> dict[str, FloatArray]:
    """Sweep values by parameter name.

    Accepted are ``p=1p:100p:log:7`` (or ``lin``) and lists ``p=1p,2p,5p``; at least one value each.
    """
    sweeps: dict[str, FloatArray] = {}
    for text in texts:
        name, separator, values = text.partition("=")
        name = name.strip()
        if not separator or not _NAME.fullmatch(name):
            raise InputError(
                f"sweep {text!r} is not of the form name=start:stop:log:points or name=v1,v2,..."
            )
        if name in sweeps:
            raise InputError(f"sweep of {name!r} is given twice")
        sweeps[name] = _range(text, values) if ":" in values else _list(values)
    return sweeps


def parse_numbers(text: str) -> tuple[float, ...]:
    """Values of a comma-separated list such as ``-20,27,85``."""
    return tuple(parse_quantity(part) for part in text.split(","))


def _list(values: str) -> FloatArray:
    """Values of ``v1,v2,...``."""
    return np.array(parse_numbers(values), dtype=np.float64)


def _range(text: str, values: str) -> FloatArray:
    """Values of ``start:stop:log:points`` or ``start:stop:lin:points``."""
    parts = values.split(":")
    if len(parts) != 4 or parts[2] not in ("log", "lin"):
        raise InputError(f"sweep {text!r}: a range is start:stop:log:points or start:stop:lin:points")
    start, stop = parse_quantity(parts[0]), parse_quantity(parts[1])
    if not parts[3].isdigit() or int(parts[3]) < 2:
        raise InputError(f"sweep {text!r}: the number of points is a whole number of at least 2")
    points = int(parts[3])
    if parts[2] == "lin":
        return np.linspace(start, stop, points)
    if start <= 0 or stop <= 0:
        raise InputError(f"sweep {text!r}: a log range needs positive ends")
    return np.geomspace(start, stop, points)
