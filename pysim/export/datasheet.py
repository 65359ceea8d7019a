"""Printable datasheet of a calibration table: one HTML file with conditions, minimum, typical, maximum, and plots.

Typical is the law at the operating point; minimum and maximum are three standard deviations of the spread (die and
within-die) and of the fit away, in the logarithm for positive quantities.
"""

from __future__ import annotations

import base64
import html
import io
import math
import platform
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import CalibrationTable, Entry, OutOfDomain
from pysim.delays.layer import DelayLayer
from pysim.export.blocks import operating_point
from pysim.export.exporter import At, Conformance, Exporter, ExportError, Source, provenance
from pysim.mingru.network import MinGruNetwork

FloatArray = NDArray[np.float64]

#: Standard deviations from typical to minimum and maximum.
SIGMAS = 3.0
SPREAD = ("die", "within_die")
_PREFIXES = (
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)
_SMALL = ((1e-15, "f"), (1e-18, "a"))
_POINTS = 61

_STYLE = """
body{font:10.5pt/1.45 "Source Sans 3","Segoe UI",Arial,"DejaVu Sans",sans-serif;color:#1d1d1b;background:#fff;
max-width:60rem;margin:0 auto;padding:2rem 1.2rem}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:1.8rem 0 .5rem;border-bottom:1.5px solid #1d1d1b}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:left;vertical-align:top;padding:.22rem .7rem .22rem 0;border-bottom:1px solid #d9d4c9}
.n{text-align:right;white-space:nowrap}.bad{color:#a3211c;font-weight:600}small,.soft{color:#5d5a54}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.8rem}
figure{margin:0;break-inside:avoid}img{width:100%}tr{break-inside:avoid}code{overflow-wrap:anywhere}
@media print{@page{margin:15mm}body{padding:0;max-width:none;font-size:9.5pt}.plots{grid-template-columns:1fr 1fr 1fr}}
"""


def limits(entry: Entry, at: Mapping[str, ArrayLike]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Minimum, typical and maximum of an entry at inputs that broadcast."""
    typical = np.asarray(entry.evaluate(at), dtype=np.float64)
    terms = [t for t in entry.variation if t.source in SPREAD]
    logs = sum(t.sigma**2 for t in terms if t.distribution == "lognormal")
    shifts = sum(t.sigma**2 for t in terms if t.distribution == "normal")
    fit = _fit_deviation(entry, at)
    if entry.scale == "log":
        half = np.exp(SIGMAS * np.sqrt(logs + (fit / typical) ** 2))
        return typical / half, typical, typical * half
    half = SIGMAS * np.sqrt(shifts + logs * typical**2 + fit**2)
    return typical - half, typical, typical + half


def _fit_deviation(entry: Entry, at: Mapping[str, ArrayLike]) -> FloatArray:
    """Standard error of the law at every point (one standard error for all points of an array: the largest)."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in at.values()))
    if not arrays or arrays[0].ndim == 0:
        point = {n: float(np.asarray(v)) for n, v in at.items()}
        return np.asarray(entry.predict(point, extrapolate=True).stderr)
    columns = dict(zip(at, arrays, strict=True))
    size = arrays[0].size
    found = [
        entry.predict({n: float(c[k]) for n, c in columns.items()}, extrapolate=True).stderr
        for k in range(size)
    ]
    return np.array(found)


def content(source: Source, at: At) -> bytes:
    """HTML file."""
    table = cast(CalibrationTable, source)
    points = _points(table, at)
    common = _common(table)
    title = html.escape(f"{table.name} {table.version}")
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: datasheet</title>',
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>',
        f"<header><p class=soft>Datasheet of a calibration table</p><h1>{title}</h1>",
        f"<p>{html.escape(table.description)}</p></header>",
        *_overview(table, common),
        "<h2>Characteristics</h2>",
        f"<p class=soft>Typical: the fitted law at the conditions given. Minimum and maximum: {SIGMAS:g} standard "
        "deviations of the spread between dies and within a die and of the fit.</p>",
        '<div class=scroll><table id="characteristics"><thead><tr><th>Quantity<th>Conditions<th class=n>Min'
        "<th class=n>Typ<th class=n>Max<th>Unit<th>Fit</thead><tbody>",
        *(_row(entry, points[name], common) for name, entry in table.entries.items()),
        "</tbody></table></div>",
        *_validation(table),
        "<h2>Characteristics over their inputs</h2>",
        "<p class=soft>Line: typical; band: minimum to maximum; dot: the conditions of the table above.</p>",
        "<div class=plots>",
        *(_figure(entry, points[name]) for name, entry in table.entries.items() if _swept(entry)),
        "</div></body></html>\n",
    ]
    return "\n".join(parts).encode("utf-8")


def _points(table: CalibrationTable, at: At) -> dict[str, dict[str, float]]:
    """Conditions of every entry: its block's operating point, where the block's other entries are too."""
    inputs = {n for e in table.entries.values() for n in e.box}
    strange = sorted(set(at) - inputs)
    if strange:
        raise ExportError(
            f"no entry has an input {strange[0]!r}; accepted: {', '.join(sorted(inputs)) or 'none'}"
        )
    points = {}
    fits = dict.fromkeys(at, False)
    for name, entry in table.entries.items():
        inside = {
            n: v for n, v in at.items() if n in entry.box and entry.box[n].low <= v <= entry.box[n].high
        }
        fits |= dict.fromkeys(inside, True)
        points[name] = operating_point({name: entry}, inside)
    for name, used in fits.items():
        if not used:
            raise OutOfDomain(f"{name} = {at[name]:g} is outside the fitted range of every entry")
    return points


def _overview(table: CalibrationTable, common: Mapping[str, float | str]) -> list[str]:
    lines = "".join(f"<tr><td><code>{html.escape(line)}</code></td></tr>" for line in provenance(table))
    rows = "".join(f"<tr><td>{html.escape(k)}<td>{html.escape(_text(v))}</tr>" for k, v in common.items())
    return [
        f"<h2>Origin</h2><div class=scroll><table>{lines}</table></div>",
        f"<h2>Conditions of all entries</h2><table>{rows}</table>" if rows else "",
    ]


def _common(table: CalibrationTable) -> dict[str, float | str]:
    """Reference conditions that all entries share."""
    all_of = [dict(e.reference or {}) for e in table.entries.values()]
    first = all_of[0] if all_of else {}
    return {k: v for k, v in first.items() if all(r.get(k) == v for r in all_of)}


def _row(entry: Entry, point: Mapping[str, float], common: Mapping[str, float | str]) -> str:
    low, typical, high = (float(v) for v in limits(entry, point))
    factor, prefix = _prefix(max(abs(low), abs(high)), entry.unit)
    cells = "".join(f"<td class=n>{value / factor:.4g}" for value in (low, typical, high))
    own = {n: v for n, v in (entry.reference or {}).items() if n not in point and n not in common}
    held = [f"{n} = {_engineering(v, entry.box[n].unit)}" for n, v in point.items()]
    conditions = ", ".join([*held, *(f"{n} = {_text(v)}" for n, v in own.items())]) or "-"
    plain = entry.quantity.replace(" ", "_") == entry.name.rpartition(".")[2]
    quantity = "" if plain else f"<br><small>{html.escape(entry.quantity)}</small>"
    unit = "" if entry.unit == "1" else prefix + entry.unit
    mark = "" if entry.verdict == "GOOD" else " class=bad"
    return (
        f'<tr data-entry="{html.escape(entry.name)}" data-factor="{factor!r}"><td>{html.escape(entry.name)}'
        f"{quantity}<td>{html.escape(conditions)}{cells}"
        f"<td>{html.escape(unit)}<td{mark}>{entry.verdict}</tr>"
    )


def _validation(table: CalibrationTable) -> list[str]:
    rows = [
        f"<tr><td>{html.escape(name)}<td>{html.escape(v.held_out)}<td>{html.escape(v.metric)}"
        f"<td class=n>{v.value:.3g}<td class=n>{'-' if v.limit is None else f'{v.limit:.3g}'}</tr>"
        for name, entry in table.entries.items()
        for v in entry.validation
    ]
    if not rows:
        return []
    head = "<tr><th>Quantity<th>Held-out data<th>Metric<th class=n>Value<th class=n>Limit</tr>"
    return [
        "<h2>Errors on data the fits have not seen</h2>",
        f"<div class=scroll><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>",
    ]


def _swept(entry: Entry) -> str:
    """Input that a plot sweeps: the widest on a logarithmic scale, else the first."""
    boxes = {n: b for n, b in entry.box.items() if b.high > b.low}
    if not boxes:
        return ""
    return max(boxes, key=lambda n: boxes[n].high / boxes[n].low if boxes[n].low > 0 else 1.0)


def _figure(entry: Entry, point: Mapping[str, float]) -> str:
    """Plot of an entry over one input as an inline picture."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    name = _swept(entry)
    box = entry.box[name]
    log = box.low > 0 and box.high > 20 * box.low
    x = (np.geomspace if log else np.linspace)(box.low, box.high, _POINTS)
    at: dict[str, ArrayLike] = {**point, name: x}
    low, typical, high = (np.broadcast_to(v, x.shape) for v in limits(entry, at))
    fx, px = (
        (1.0, "") if box.unit == "K" else _prefix(float(np.sqrt(x[0] * x[-1]) if log else x[-1]), box.unit)
    )
    fy, py = _prefix(float(np.abs(typical).max()), entry.unit)
    figure = Figure(figsize=(3.6, 2.5), dpi=130, layout="constrained")
    axes = figure.subplots()
    axes.fill_between(x / fx, low / fy, high / fy, color="#0072b2", alpha=0.18, linewidth=0)
    axes.plot(x / fx, typical / fy, color="#0072b2", linewidth=1.3)
    centre = np.interp(point[name], x, typical)
    axes.plot([point[name] / fx], [centre / fy], "o", color="#d55e00", markersize=4)
    axes.set_xscale("log" if log else "linear")
    positive = bool((low > 0).all()) and float(high.max()) > 20 * float(low.min())
    axes.set_yscale("log" if positive else "linear")
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            # Powers of ten as plain numbers; labels between them overlap in a plot this small.
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{name} ({px}{box.unit})", fontsize=8)
    axes.set_ylabel(py + entry.unit if entry.unit != "1" else "", fontsize=8)
    axes.set_title(entry.name, fontsize=9, loc="left")
    axes.tick_params(labelsize=7.5)
    axes.spines[["top", "right"]].set_visible(False)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    picture = base64.b64encode(data.getvalue()).decode("ascii")
    alt = html.escape(f"{entry.name} over {name}")
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{picture}"></figure>'


def _prefix(value: float, unit: str) -> tuple[float, str]:
    """Factor and prefix in which a value reads well; none for pure numbers, kelvin and compound units."""
    if not unit.isalpha() or unit == "K" or value == 0 or not math.isfinite(value):
        return 1.0, ""
    return next(((f, p) for f, p in (*_PREFIXES, *_SMALL) if abs(value) >= f), (1e-18, "a"))


def _engineering(value: float, unit: str) -> str:
    factor, prefix = _prefix(value, unit)
    return f"{value / factor:.5g} {prefix}{'' if unit == '1' else unit}".rstrip()


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"


class _Rows(HTMLParser):
    """Cells of the rows of characteristics by entry."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.factors: dict[str, float] = {}
        self._entry = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr":
            self._entry = given.get("data-entry") or ""
            if self._entry:
                self.rows[self._entry] = []
                self.factors[self._entry] = float(given.get("data-factor") or 1.0)
        elif tag == "td" and self._entry:
            self.rows[self._entry].append("")

    def handle_data(self, data: str) -> None:
        if self._entry and self.rows[self._entry]:
            self.rows[self._entry][-1] += data


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Parse the page: every entry has a row, and its typical value is the law's."""
    table = cast(CalibrationTable, source)
    page = _Rows()
    page.feed(data.decode("utf-8"))
    points = _points(table, at)
    worst = float(len(set(page.rows) ^ set(table.entries)))
    for name, cells in page.rows.items():
        exact = float(table.entries[name].evaluate(points[name]))
        shown = float(cells[3]) * page.factors[name]
        worst = max(worst, abs(shown - exact) / max(abs(exact), 1e-300) if exact else abs(shown))
    return (
        Conformance(
            tool="Python html.parser",
            version=platform.python_version(),
            stimulus=f"{len(table.entries)} rows",
            metric="largest relative difference of a typical value from the law",
            value=worst,
            tolerance=5.1e-4,
        ),
    )


EXPORTER = Exporter(
    name="datasheet",
    suffix=".html",
    title="Printable HTML datasheet of a calibration table",
    holds=(CalibrationTable,),
    content=content,
    check=check,
    instead={
        MinGruNetwork: "it describes calibration tables; use json for a readable file",
        DelayLayer: "it describes calibration tables; use json for a readable file",
    },
)
