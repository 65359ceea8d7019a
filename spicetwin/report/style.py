"""Paper style of every figure: one palette, one size, prefixes on the axes instead of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spicetwin.report.document import ReportError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

INK, SOFT, PAPER, RULE = "#1d1d1b", "#6b675f", "#ffffff", "#cfcabf"

#: What is simulated at transistor level, what the twin says, what a chip gave, what is out of line.
SPICE, TWIN, MEASURED, ALERT = "#1d1d1b", "#d55e00", "#0072b2", "#a3211c"

#: Corners: the nominal one in ink, fast and slow ends apart for readers with any colour vision.
CORNERS: Mapping[str, str] = {
    "tt": "#1d1d1b",
    "ff": "#d55e00",
    "ss": "#0072b2",
    "sf": "#009e73",
    "fs": "#cc79a7",
}

#: Line colours for series without a meaning of their own.
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#6b675f")

#: Width of a figure in inches; shrunk to the 343 pixels of a phone its 9 pt text is still 9 CSS pixels high.
WIDTH = 4.8

PREFIXES = (
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
    (1e-15, "f"),
    (1e-18, "a"),
)

#: Units that read badly with a prefix.
UNPREFIXED = frozenset({"", "1", "%", "K", "°C", "ln", "dB", "counts", "spikes"})


@dataclass(frozen=True)
class Axis:
    """A quantity on an axis: its name and SI unit; values come in SI and are shown with a fitting prefix."""

    name: str
    unit: str = ""
    log: bool = False

    def scale(self, *arrays: FloatArray) -> tuple[float, str]:
        """Factor that the values are divided by, and the label with the prefixed unit."""
        if self.unit in UNPREFIXED:
            unit = "" if self.unit == "1" else self.unit
            return 1.0, f"{self.name} ({unit})" if unit else self.name
        largest = max((_largest(np.asarray(array), self.log) for array in arrays), default=1.0)
        factor, prefix = next(((f, p) for f, p in PREFIXES if largest >= f), PREFIXES[3])
        return factor, f"{self.name} ({prefix}{self.unit})"


def _largest(values: FloatArray, log: bool) -> float:
    """Size that decides the prefix: the largest magnitude, or the middle of a log axis; 1 where none."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if sizes.size == 0:
        return 1.0
    return float(math.sqrt(sizes.min() * sizes.max())) if log else float(sizes.max())


@contextmanager
def paper() -> Iterator[None]:
    """Matplotlib settings of the report, for the block only."""
    import matplotlib as mpl
    from cycler import cycler

    settings: dict[Any, Any] = {
        "figure.dpi": 100,
        "figure.facecolor": PAPER,
        "figure.constrained_layout.use": True,
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=CYCLE),
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.3,
        "lines.markersize": 4,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "svg.hashsalt": "spicetwin",
        "path.simplify": True,
    }
    with mpl.rc_context(settings):
        yield


def new_figure(height: float = 3.2, width: float = WIDTH) -> Figure:
    """Empty figure that no global list keeps alive; call inside :func:`paper`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG or SVG whole or not at all; equal figures give equal bytes."""
    import io

    from spicetwin.writing import write_bytes

    kind = path.suffix.removeprefix(".")
    if kind not in ("png", "svg"):
        raise ReportError(f"{path}: figures are written as .png or .svg")
    content = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with paper():
        figure.savefig(content, format=kind, dpi=200, metadata=metadata)
    write_bytes(path, content.getvalue())
    return path
