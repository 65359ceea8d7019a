"""Fit laws: an explicit registry, open to third parties through the entry-point group ``spicetwin.laws``."""

from __future__ import annotations

from importlib.metadata import entry_points

from calibration.laws import (
    delay,
    dpi,
    dpi_bias,
    ferroelectric,
    fet,
    generic,
    memcap,
    mim,
    mos_cv,
    neuron,
    rram,
    rram_spread,
    switch,
)
from calibration.laws.law import Law, LawParam

__all__ = ["ENTRY_POINTS", "Law", "LawParam", "UnknownLaw", "get_law", "laws"]

ENTRY_POINTS = "spicetwin.laws"
OWN_LAWS: dict[str, Law] = {
    law.id: law
    for law in (
        *dpi.LAWS,
        *dpi_bias.LAWS,
        *neuron.LAWS,
        *delay.LAWS,
        *fet.LAWS,
        *mim.LAWS,
        *switch.LAWS,
        *mos_cv.LAWS,
        *rram.LAWS,
        *rram_spread.LAWS,
        *ferroelectric.LAWS,
        *memcap.LAWS,
        *generic.LAWS,
    )
}


class UnknownLaw(ValueError):  # noqa: N818 - reads as what it says
    """No law of this identifier, or two packages bring the same one."""


def laws() -> dict[str, Law]:
    """All laws by identifier: the project's own and those of installed packages.

    Raises
    ------
    UnknownLaw
        If a package brings a law under an identifier that is taken.
    """
    known = dict(OWN_LAWS)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in known:
            raise UnknownLaw(f"law {point.name!r} of {point.value} has the name of an existing law")
        known[point.name] = point.load()
    return known


def get_law(identifier: str) -> Law:
    """Law of this identifier; own laws are found without looking at installed packages.

    Raises
    ------
    UnknownLaw
        Lists the known ones.
    """
    own = OWN_LAWS.get(identifier)
    if own is not None:
        return own
    known = laws()
    if identifier not in known:
        raise UnknownLaw(f"unknown law {identifier!r}; known: {', '.join(sorted(known))}")
    return known[identifier]
