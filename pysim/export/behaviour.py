"""Behavioural models as differential equations, written as ngspice subcircuits and as Verilog-A modules.

Every state is the voltage of 1 nF of its own, of order 1, so that the default tolerances of simulators serve; only
pins have the circuit's levels. Expressions use what both languages share: + - * / ?:, exp, ln, sqrt, tanh, sinh,
pow, min, max; names are parameters, earlier algebra, states, and ``v_PIN`` or ``i_PIN`` of the input pins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

_STATE = "1e-9"

Writing = Callable[[str], str]


@dataclass(frozen=True)
class Output:
    """What a pin gives: a voltage, a current out of the pin, or a charge on it with a current into it.

    ``current`` counts for ``charge`` alone.
    """

    kind: Literal["voltage", "current", "charge"]
    pin: str
    value: str
    current: str = ""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A block.

    Attributes
    ----------
    voltages, currents
        Input pins whose voltage against ``vss`` is seen, and those held at ``vss`` whose current is.
    own
        Parameters of the model rather than of the table, with their values.
    algebra
        Names and expressions, in order.
    chained
        Algebra that ngspice gets as nodes, since it would grow beyond bounds; all other is put into the expressions
        that use it: ngspice's steps shrink to nothing on sharp functions between nodes.
    states
        Names, their time derivatives (1/s), and the voltage that an operating point is sought from.
    outputs
        What the other pins give.
    remarks
        Lines about the block.
    """

    voltages: tuple[str, ...] = ()
    currents: tuple[str, ...] = ()
    own: Mapping[str, float] = field(default_factory=dict)
    algebra: tuple[tuple[str, str], ...] = ()
    chained: frozenset[str] = frozenset()
    states: tuple[tuple[str, str, float], ...] = ()
    outputs: tuple[Output, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def pins(self) -> tuple[str, ...]:
        """Inputs, outputs, reference."""
        return (*self.voltages, *self.currents, *(o.pin for o in self.outputs), "vss")

    def subcircuit(self, name: str, parameters: Mapping[str, float]) -> str:
        """Subcircuit of ngspice."""
        names = {
            **{n: f"v({n})" for n, _, _ in self.states},
            **{f"v_{p}": f"v({p},vss)" for p in (*self.voltages, *self._charged)},
            **{f"i_{p}": f"i(vs_{p})" for p in self.currents},
        }
        nodes = []
        for n, expression in self.algebra:
            written = _replacing(names)(expression)
            names[n] = f"v({n})" if n in self.chained else f"({written})"
            nodes += [f"b_{n} {n} 0 v={written}", f"r_{n} {n} 0 1"] if n in self.chained else []
        write = _replacing(names)
        lines = [
            *(f"* {line}" for line in self.remarks),
            f".subckt {name} {' '.join(self.pins)}",
            "+ params:",
        ]
        lines += [f"+ {n}={v!r}" for n, v in {**parameters, **self.own}.items()]
        lines += [f"vs_{p} {p} vss dc 0" for p in self.currents]
        lines += nodes
        for n, slope, start in self.states:
            lines += [
                # 1000 s of its own keep the operating point of a state that only holds from floating.
                f"c_{n} {n} 0 1n",
                f"r_{n} {n} 0 1e12",
                f".nodeset v({n})={start!r}",
                f"b_{n} 0 {n} i={_STATE}*({write(slope)})",
            ]
        for out in self.outputs:
            if out.kind == "charge":
                lines += [f"c_{out.pin} {out.pin} vss q='{write(out.value)}'"]
                lines += [f"b_{out.pin} vss {out.pin} i={write(out.current)}"]
            else:
                pair = f"{out.pin} vss v" if out.kind == "voltage" else f"vss {out.pin} i"
                lines += [f"b_{out.pin} {pair}={write(out.value)}"]
        return "\n".join([*lines, f".ends {name}"])

    def module(self, name: str, parameters: Mapping[str, float]) -> str:
        """Module of Verilog-A; the table's parameters belong to the instance."""
        write = _replacing({
            **{n: f"V({n})" for n, _, _ in self.states},
            **{f"v_{p}": f"V({p}, vss)" for p in (*self.voltages, *self._charged)},
            **{f"i_{p}": f"I({p}, vss)" for p in self.currents},
        })  # fmt: skip
        pins = ", ".join(self.pins)
        lines = [*(f"// {line}" for line in self.remarks), f"module {name}({pins});", f"  inout {pins};"]
        nodes = [n for n, _, _ in self.states]
        lines += [f"  electrical {', '.join([pins, *nodes])};", ""]
        lines += [f'  (* type="instance" *) parameter real {n} = {v!r};' for n, v in parameters.items()]
        lines += [f'  (* type="instance" *) parameter real {n} = {v!r};' for n, v in self.own.items()]
        lines += ["", f"  real {', '.join(n for n, _ in self.algebra)};", "", "  analog begin"]
        # A short of 0 V would let the compiler merge the nodes and lose the current: 1 ohm.
        lines += [f"    V({p}, vss) <+ I({p}, vss);" for p in self.currents]
        lines += [f"    {n} = {write(expression)};" for n, expression in self.algebra]
        for n, slope, _ in self.states:
            lines += [
                f"    I({n}) <+ {_STATE} * ddt(V({n}));",
                f"    I({n}) <+ -{_STATE} * ({write(slope)});",
            ]
        for out in self.outputs:
            if out.kind == "charge":
                lines += [f"    I({out.pin}, vss) <+ ddt({write(out.value)});"]
                lines += [f"    I({out.pin}, vss) <+ -({write(out.current)});"]
            elif out.kind == "voltage":
                lines += [f"    V({out.pin}, vss) <+ {write(out.value)};"]
            else:
                lines += [f"    I(vss, {out.pin}) <+ {write(out.value)};"]
        return "\n".join([*lines, "  end", "endmodule", ""])

    @property
    def _charged(self) -> tuple[str, ...]:
        return tuple(o.pin for o in self.outputs if o.kind == "charge")


def _replacing(names: Mapping[str, str]) -> Writing:
    """Replacement of whole words."""

    def write(expression: str) -> str:
        return re.sub(r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), expression)

    return write
