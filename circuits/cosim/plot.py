"""One picture of a co-simulation: phases, analog lines, digital codes over a common time axis."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.cosim.result import CoSimulation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Fill of the phases, repeated.
_SHADES = (
    "#dce6f2", "#f5d9b8", "#cfe3c4", "#f0b9b5", "#d9cfe6", "#fff0b3", "#bfe3e0", "#e8d0c0", "#f6cfe0", "#d0d0d0",
)  # fmt: skip


def plot_cosimulation(
    result: CoSimulation,
    nodes: Sequence[str],
    signals: Sequence[str],
    *,
    start: float = 0.0,
    stop: float | None = None,
) -> Figure:
    """Figure of a window of the run.

    Parameters
    ----------
    result : CoSimulation
        What to show; a signal ``phase`` with labels becomes the shaded band on top.
    nodes : sequence of str
        Analog vectors, drawn in one panel (V).
    signals : sequence of str
        Digital signals, one lane each with the value written in it.
    start, stop : float
        Window (s); the whole run when not given.
    """
    from matplotlib.figure import Figure

    end = float(result.waves["time"][-1]) if stop is None else stop
    figure = Figure(figsize=(10.0, 3.4 + 0.45 * len(signals)), layout="constrained")
    heights = [0.6, 3.4, 0.6 * max(1, len(signals))]
    band, analog, digital = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    if "phase" in result.declared:
        _draw_phases(band, analog, result, start, end)
    time = result.waves["time"]
    inside = (time >= start) & (time <= end)
    for node in nodes:
        analog.plot(time[inside] * 1e9, result.waves[node][inside], label=node, linewidth=1.1)
    analog.set_ylabel("V")
    if nodes:
        analog.legend(loc="upper right", ncols=len(nodes), fontsize=8)
    for lane, name in enumerate(signals):
        _draw_lane(digital, result, name, len(signals) - 1 - lane, start, end)
    digital.set_yticks(range(len(signals)), list(signals)[::-1])
    digital.set_ylim(-0.6, len(signals) - 0.4)
    digital.set_xlabel("time (ns)")
    digital.set_xlim(start * 1e9, end * 1e9)
    band.set_yticks([])
    band.set_title("phases" if result.ended is None else str(result.ended), fontsize=9, loc="left", wrap=True)
    return figure


def save_plot(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            figure.savefig(file, format="png", dpi=130)
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _draw_phases(band: Any, analog: Any, result: CoSimulation, start: float, end: float) -> None:
    from matplotlib.patches import Patch

    shown: dict[str, Any] = {}
    for begin, stop, value in _spans(result, "phase", start, end):
        shade = _SHADES[value % len(_SHADES)]
        band.axvspan(begin * 1e9, stop * 1e9, color=shade, linewidth=0)
        analog.axvspan(begin * 1e9, stop * 1e9, color=shade, linewidth=0, alpha=0.4)
        text = result.declared["phase"].text(value)
        shown.setdefault(text, Patch(facecolor=shade, label=text))
        if stop - begin > 0.05 * (end - start):
            band.text((begin + stop) / 2 * 1e9, 0.5, text, ha="center", va="center", fontsize=7)
    if shown:
        place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
        band.legend(handles=list(shown.values()), ncols=len(shown), fontsize=7, handlelength=1.0, **place)


def _draw_lane(axes: Any, result: CoSimulation, name: str, height: float, start: float, end: float) -> None:
    for begin, stop, value in _spans(result, name, start, end):
        axes.plot([begin * 1e9, stop * 1e9], [height + 0.32] * 2, color="0.25", linewidth=0.8)
        axes.plot([begin * 1e9, stop * 1e9], [height - 0.32] * 2, color="0.25", linewidth=0.8)
        axes.plot([begin * 1e9] * 2, [height - 0.32, height + 0.32], color="0.25", linewidth=0.8)
        if stop - begin > 0.02 * (end - start):
            text = result.declared[name].text(value)
            axes.text((begin + stop) / 2 * 1e9, height, text, ha="center", va="center", fontsize=7)


def _spans(result: CoSimulation, name: str, start: float, end: float) -> list[tuple[float, float, int]]:
    """Intervals of constant value inside a window."""
    times, values = result.signal(name)
    stops = [*times[1:].tolist(), end]
    return [
        (max(begin, start), min(stop, end), value)
        for begin, stop, value in zip(times.tolist(), stops, values.tolist(), strict=True)
        if stop > start and begin < end
    ]
