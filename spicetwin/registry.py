"""Look-up of circuits and testbenches by the names a user types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar, cast

from spicetwin.boundary import InputError

if TYPE_CHECKING:
    from circuits.circuit import Circuit
    from circuits.testbench import Testbench

T = TypeVar("T")


def find_circuit(name: str) -> type[Circuit]:
    """Circuit class by registry name; :class:`InputError` lists what there is."""
    from circuits.families import circuits

    return _find("circuit", name, circuits())


def new_testbench(name: str) -> Testbench:
    """Testbench with its default circuit by registry name; :class:`InputError` lists what there is."""
    from circuits.families import testbenches

    # Every registered testbench has a default circuit, which the base class alone cannot promise.
    make = cast("Callable[[], Testbench]", _find("testbench", name, testbenches()))
    return make()


def _find(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Entry of ``known``, or an error that suggests the nearest names."""
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(f"unknown {kind} {name!r}{hint}; known: {', '.join(sorted(known))}")
