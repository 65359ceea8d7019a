"""Symbols and wires of a schematic: transistors, capacitors, sources, labels, collected as SVG.

Coordinates are SVG user units with y downwards. Every symbol returns its nodes, so that wires start there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

#: Half the height of a vertical symbol and the distance of a gate terminal from the drain-source line.
REACH, GATE = 30.0, 32.0

INK, SOFT, NET, RULE = "#1d1d1b", "#6b675f", "#0072b2", "#cfcabf"

#: Greek letters that names spell out.
GREEK = {"tau": "τ", "kappa": "κ"}


@dataclass(frozen=True)
class Fet:
    """Terminals of a drawn transistor."""

    drain: Point
    gate: Point
    source: Point


@dataclass
class Drawing:
    """An SVG under construction; ``transistors`` lists the instances drawn so far."""

    width: float
    height: float
    title: str
    description: str
    elements: list[str] = field(default_factory=list)
    transistors: list[str] = field(default_factory=list)

    def nfet(self, x: float, y: float, name: str, *, flip: bool = False) -> Fet:
        """NFET with drain up; the gate is to the left, or to the right when flipped."""
        return self._fet(x, y, name, flip, polarity="n")

    def pfet(self, x: float, y: float, name: str, *, flip: bool = False) -> Fet:
        """PFET with source up; the gate, with its circle, is to the left, or to the right when flipped."""
        return self._fet(x, y, name, flip, polarity="p")

    def _fet(self, x: float, y: float, name: str, flip: bool, polarity: str) -> Fet:
        """Channel, gate, arrow at the source, and the name on the side away from the gate."""
        s = 1 if flip else -1
        top, bottom, gate = (x, y - REACH), (x, y + REACH), (x + s * GATE, y)
        channel, plate = x + s * 11, x + s * 16
        self._path([top, (x, y - 12), (channel, y - 12)])
        self._path([bottom, (x, y + 12), (channel, y + 12)])
        self._path([(channel, y - 17), (channel, y + 17)], width=2)
        self._path([(plate, y - 13), (plate, y + 13)], width=1.6)
        if polarity == "p":
            self.elements.append(f'<circle cx="{plate + s * 3.4:g}" cy="{y:g}" r="3.2" class="open"/>')
            self._path([(plate + s * 6.6, y), gate])
            self._arrow((channel, y - 12), s)
        else:
            self._path([(plate, y), gate])
            self._arrow((x, y + 12), -s)
        self.text(x - s * 6, y + 4, f"M_{name}", anchor="start" if s < 0 else "end")
        self.transistors.append(name)
        return Fet(bottom, gate, top) if polarity == "p" else Fet(top, gate, bottom)

    def diode(self, x: float, y: float, name: str, *, polarity: str, flip: bool = False) -> Fet:
        """Transistor whose gate is tied to its drain."""
        fet = self._fet(x, y, name, flip, polarity)
        level = fet.drain[1] - 4 if polarity == "n" else fet.drain[1] + 4
        self.wire(fet.gate, (fet.gate[0], level), (x, level))
        self.dot(x, level)
        self.wire(fet.drain, (x, level))
        return Fet((x, level), fet.gate, fet.source)

    def capacitor(self, x: float, y: float, name: str, *, side: str = "right") -> tuple[Point, Point]:
        """Vertical capacitor around ``(x, y)``; returns its upper and lower end."""
        top, bottom = (x, y - REACH), (x, y + REACH)
        self._path([top, (x, y - 4)])
        self._path([(x, y + 4), bottom])
        for level in (y - 4, y + 4):
            self._path([(x - 13, level), (x + 13, level)], width=2)
        if side == "right":
            self.text(x + 18, y + 4, name)
        else:
            self.text(x - 18, y + 4, name, anchor="end")
        return top, bottom

    def current_source(self, x: float, y: float, name: str) -> tuple[Point, Point]:
        """Ideal current source that drives downwards; returns its upper and lower end."""
        self._path([(x, y - 26), (x, y - 13)])
        self._path([(x, y + 13), (x, y + 26)])
        self.elements.append(f'<circle cx="{x:g}" cy="{y:g}" r="13" class="open"/>')
        self._path([(x, y - 8), (x, y + 3)])
        self.elements.append(
            f'<path d="M{x - 4:g} {y + 1:g}L{x:g} {y + 9:g}L{x + 4:g} {y + 1:g}Z" class="solid"/>'
        )
        self.text(x + 18, y + 4, name)
        return (x, y - 26), (x, y + 26)

    def wire(self, *points: Point) -> None:
        """Polyline through the points."""
        self._path(list(points))

    def dot(self, x: float, y: float) -> None:
        """Junction of wires."""
        self.elements.append(f'<circle cx="{x:g}" cy="{y:g}" r="2.8" class="solid"/>')

    def rail(self, x0: float, x1: float, y: float, name: str) -> None:
        """Supply or ground rail with its name at the left end."""
        self._path([(x0, y), (x1, y)], width=1.8)
        self.text(x0 - 6, y + 4, name, anchor="end")

    def ground(self, x: float, y: float) -> None:
        """Ground symbol below ``(x, y)``."""
        for half, step in ((10, 6), (6, 10), (2.5, 14)):
            self._path([(x - half, y + step), (x + half, y + step)])
        self._path([(x, y), (x, y + 6)])

    def supply(self, x: float, y: float) -> None:
        """Connection to vdd above ``(x, y)``."""
        self._path([(x, y), (x, y - 8)])
        self._path([(x - 9, y - 8), (x + 9, y - 8)], width=1.8)
        self.text(x, y - 13, "vdd", anchor="middle")

    def net(self, x: float, y: float, name: str, *, side: str = "left") -> None:
        """Name of a net at the end of a wire: equal names are connected."""
        anchors = {"left": ("end", x - 4, y + 4), "right": ("start", x + 4, y + 4)}
        anchors |= {"above": ("middle", x, y - 9), "below": ("middle", x, y + 15)}
        anchor, tx, ty = anchors[side]
        self.text(tx, ty, name, anchor=anchor, kind="net")

    def port(self, x: float, y: float, name: str, *, side: str) -> None:
        """Pin of the subcircuit: an open circle with its name."""
        shift = -5 if side == "left" else 5
        self.elements.append(f'<circle cx="{x + shift * 0.8:g}" cy="{y:g}" r="4" class="open"/>')
        anchor = "end" if side == "left" else "start"
        self.text(x + 2.4 * shift, y + 4, name, anchor=anchor, kind="port")

    def block(self, x: float, y: float, width: float, height: float, title: str) -> None:
        """Frame around a functional block with its title in the upper left corner."""
        self.elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="block"/>'
        )
        self.text(x + 10, y + 19, title, kind="title")

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", kind: str = "name") -> None:
        """Text; except in ports ``_`` lowers a word, ``^`` raises it, and Greek letters are spelt out."""
        content = escape(text) if kind == "port" else _typeset(text)
        self.elements.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{content}</text>'
        )

    def svg(self) -> str:
        """The drawing as a self-contained SVG document."""
        body = "\n".join(self.elements)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" role="img" aria-labelledby="title desc">\n'
            f'<title id="title">{escape(self.title)}</title>\n'
            f'<desc id="desc">{escape(self.description)}</desc>\n'
            f"<style>{STYLE}</style>\n"
            f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
        )

    def _path(self, points: list[Point], width: float = 0) -> None:
        """Line through points, in the normal width unless given."""
        steps = "L".join(f"{x:g} {y:g}" for x, y in points)
        style = f' stroke-width="{width:g}"' if width else ""
        self.elements.append(f'<path d="M{steps}" class="line"{style}/>')

    def _arrow(self, tip: Point, direction: float) -> None:
        """Small arrow head on a horizontal source lead, pointing to ``direction`` (+1 right, -1 left)."""
        x, y = tip
        back = x - 8 * direction
        self.elements.append(
            f'<path d="M{x:g} {y:g}L{back:g} {y - 3.6:g}L{back:g} {y + 3.6:g}Z" class="solid"/>'
        )


STYLE = (
    f".line{{fill:none;stroke:{INK};stroke-width:1.2;stroke-linecap:round;stroke-linejoin:round}}"
    f".open{{fill:#fff;stroke:{INK};stroke-width:1.2}}.solid{{fill:{INK}}}"
    f".block{{fill:#faf8f3;stroke:{RULE};stroke-width:1}}"
    f"text{{fill:{INK};font:13px 'DejaVu Sans',Arial,sans-serif}}"
    f".net{{fill:{NET}}}.port{{font-weight:bold}}.title{{fill:{SOFT};font-weight:bold}}.remark{{fill:{SOFT};font-size:12px}}"
)


def _typeset(text: str) -> str:
    """SVG spans of names and formulas: ``M_tau`` gets a lowered smaller ``tau``, ``x^m`` a raised ``m``."""
    spans, shift = [], 0.0
    for mark, word, plain in re.findall(r"([_^])(\w+)|([^_^]+)", text):
        level = {"_": 3.5, "^": -4.5, "": 0.0}[mark]
        size = ' font-size="10"' if mark else ""
        content = escape(re.sub("tau|kappa", lambda match: GREEK[match.group()], word or plain))
        spans.append(f'<tspan dy="{level - shift:g}"{size} xml:space="preserve">{content}</tspan>')
        shift = level
    return "".join(spans)
