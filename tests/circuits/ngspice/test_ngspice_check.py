"""Text that would run commands, or that ngspice would misread in silence, is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ngspice_plans import DIVIDER, deck

from circuits.ngspice.check import check_deck
from circuits.ngspice.errors import NetlistSyntax

GOOD = deck(
    DIVIDER,
    ("tran 1u 10m 0 50u", "dc v1 0 1 0.1 v2 0 1 0.5", "noise v(b) v1 dec 5 1 1k"),
    ("b", "@m.x1.m1[id]"),
)
HOSTILE = {
    "control block": {"lines": (*DIVIDER, ".control", "shell touch /tmp/x", ".endc")},
    "control block, indented": {"lines": (*DIVIDER, "  .CONTROL")},
    "line break in a value": {"lines": (*DIVIDER, "r9 a 0 1k\n.control\nshell true\n.endc")},
    "carriage return in a value": {"lines": (*DIVIDER, "r9 a 0 1k\r.control")},
    "line break in the title": {"title": "x\n.control\nshell true\n.endc"},
    "early end": {"lines": (".end", *DIVIDER)},
    "command for an analysis": {"analyses": ("shell touch /tmp/x",)},
    "command behind an analysis": {"analyses": ("op; shell touch /tmp/x",)},
    "output of an analysis to a file": {"analyses": ("op > /tmp/x",)},
    "empty analysis": {"analyses": ("",)},
    "command behind a vector": {"save": ("b; shell touch /tmp/x",)},
    "substitution in a vector": {"save": ("`touch`",)},
    "line break in an option": {"options": {"gmin": "1e-15\n.control"}},
    "misspelt option": {"options": {"reltl": "1e-4"}},
    "resistor without value": {"lines": ("v1 a 0 dc 1", "r1 a 0")},
    "capacitor without value": {"lines": (*DIVIDER, "Cmem b 0 ")},
    "resistor of zero ohm": {"lines": ("v1 a 0 dc 1", "r1 a 0 0.0")},
    "unbalanced bracket": {"lines": (*DIVIDER, "b1 c 0 v=sqrt(v(a")},
    "unbalanced brace over two lines": {"lines": (*DIVIDER, "r9 a 0", "+ {r2")},
    "odd list": {"lines": ("v1 a 0 pwl(0 0 1u)", "r1 a 0 1k")},
}


def test_ordinary_deck_is_accepted() -> None:
    check_deck(GOOD)


def test_value_on_a_continuation_line_is_accepted() -> None:
    check_deck(deck(("v1 a 0 dc 1", "r1 a 0", "+ 1k")))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_or_misread_text_is_refused(name: str) -> None:
    changes: dict[str, Any] = HOSTILE[name]

    with pytest.raises(NetlistSyntax):
        check_deck(dataclasses.replace(GOOD, **changes))
