"""Parameter and circuit declarations: one subcircuit file plus one frozen dataclass that names every parameter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


class ParameterError(ValueError):
    """A parameter is unknown, not a finite number, or outside its bounds."""


@dataclass(frozen=True, slots=True)
class Param:
    """Declaration of one parameter: default value, unit, closed bounds, meaning and source tag.

    ``source`` is ``assumed``, ``derived`` or a citation; an assumed default never becomes a published one.
    """

    value: float
    unit: str
    bounds: tuple[float, float]
    description: str
    source: str = "assumed"


def param(
    value: float, unit: str, bounds: tuple[float, float], description: str, source: str = "assumed"
) -> Any:
    """Field of a :class:`Parametrised` dataclass; ``unit`` is an SI unit without prefix (``"A"``, ``"s"``)."""
    declaration = Param(value, unit, bounds, description, source)
    return dataclasses.field(default=value, metadata={"param": declaration})


@dataclass(frozen=True, kw_only=True)
class Parametrised:
    """Base of circuits and testbenches: a frozen set of checked SI floats, each declared with :func:`param`.

    Raises
    ------
    ParameterError
        On construction, when a value is not a finite real number within its declared bounds.
    """

    def __post_init__(self) -> None:
        """Check every declared parameter."""
        for name, declaration in self.declarations().items():
            check_value(f"{type(self).__name__}.{name}", getattr(self, name), declaration)

    @classmethod
    def declarations(cls) -> dict[str, Param]:
        """Declared parameters by name, in order of declaration."""
        return {f.name: f.metadata["param"] for f in dataclasses.fields(cls) if "param" in f.metadata}

    def values(self) -> dict[str, float]:
        """Value of every declared parameter, in SI units."""
        return {name: float(getattr(self, name)) for name in self.declarations()}

    def replace(self, values: Mapping[str, float]) -> Self:
        """Return a copy with some declared parameters changed; unknown names raise :class:`ParameterError`."""
        known = self.declarations()
        for name in values:
            if name not in known:
                raise ParameterError(
                    f"{type(self).__name__}: unknown parameter {name!r}; known: {', '.join(known)}"
                )
        return dataclasses.replace(self, **values)


def check_value(where: str, value: object, declaration: Param) -> None:
    """Raise :class:`ParameterError` unless ``value`` is a finite number inside the declared bounds."""
    low, high = declaration.bounds
    accepted = f"accepted: {low:g} to {high:g} {declaration.unit}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParameterError(f"{where} = {value!r} is not a number; {accepted}")
    if not math.isfinite(value) or not low <= value <= high:
        raise ParameterError(f"{where} = {value!r} is out of bounds; {accepted}")


@dataclass(frozen=True, kw_only=True)
class Circuit(Parametrised):
    """One subcircuit: the class names the netlist file, its ports and its devices; the fields are its parameters.

    Attributes
    ----------
    name, family : str
        Registry name (``dpi_synapse``) and circuit family (``dpi``).
    netlist : str
        Path of the ``.cir`` file below ``netlists/``; it holds one ``.subckt {name}`` whose ``.param`` defaults
        equal the dataclass's.
    ports : tuple of str
        Subcircuit ports in order.
    transistors : mapping
        Transistor instance name inside the subcircuit -> (polarity ``"n"`` or ``"p"``, name or value of W, of L).
        The process draws mismatch for these; the subcircuit takes ``dvt_<instance>`` and ``mu_<instance>``.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    netlist: ClassVar[str]
    ports: ClassVar[tuple[str, ...]]
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {}

    def netlist_files(self) -> tuple[str, ...]:
        """Every file below ``netlists/`` that decides the circuit; a generated one names those of its cells."""
        return (self.netlist,) if self.netlist else ()

    def capacitor_spreads(self) -> dict[str, float]:
        """Relative standard deviation of every capacitor that differs from chip to chip, by instance name."""
        return {}

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Polarity, W and L (metres) of every transistor instance."""
        values = self.values()

        def metres(size: str | float) -> float:
            return values[size] if isinstance(size, str) else size

        return {
            name: (polarity, metres(width), metres(length))
            for name, (polarity, width, length) in self.transistors.items()
        }
