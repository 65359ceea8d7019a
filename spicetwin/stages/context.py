"""What the stages of a run share: its folder, its simulator pool, and everything found so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spicetwin.report import document

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from calibration.recipe_run import RecipeResult
    from calibration.table import CalibrationTable
    from circuits.characterisation import Characterisation
    from circuits.ngspice.pool import Pool
    from circuits.plan import Plan
    from circuits.process import Process
    from spicetwin.compare.dpi import Comparison

#: Room temperature, and the range over which drift is shown (K).
ROOM = 300.15
TEMPERATURES = (253.15, ROOM, 358.15)


@dataclass
class RunContext:
    """State of one run.

    Attributes
    ----------
    folder : Path
        Run folder; characterisations go to ``data/``, fits to ``fits/``, pictures to ``figures/``.
    pool : Pool
        Simulator workers with the result cache, shared by all stages.
    quick : bool
        Fewer points and samples.
    say : callable
        Told one line a step, for stderr.
    characterisations, fits
        What the stages before have found, by name.
    table, comparison
        Calibration table of this run, and its twin against held-out transistor-level runs.
    """

    folder: Path
    pool: Pool
    quick: bool
    say: Callable[[str], None]
    characterisations: dict[str, Characterisation] = field(default_factory=dict)
    fits: dict[str, RecipeResult] = field(default_factory=dict)
    table: CalibrationTable | None = None
    comparison: Comparison | None = None

    @cached_property
    def process(self) -> Process:
        """The process of the main job: it needs no further package."""
        from circuits.process import get_process

        return get_process("generic130")

    def calibrated(self) -> CalibrationTable:
        """Table of this run, or the packaged one where the calibration has not run."""
        from calibration.table import load, resolve

        return load(resolve(f"dpi_{self.process.name}")) if self.table is None else self.table

    def characterise(self, name: str, plan: Plan) -> Characterisation:
        """Run ``plan`` into ``data/{name}.nc``; an interrupted run of the same plan is continued.

        A left-over of another plan (``run`` after an interrupted ``run --quick``) is started anew: the result
        cache still holds its finished simulations.
        """
        from circuits.characterise import characterise, journal_path
        from circuits.journal import JournalError
        from spicetwin.progress import PlanProgress

        out = self.folder / "data" / f"{name}.nc"
        out.parent.mkdir(parents=True, exist_ok=True)
        with PlanProgress(name) as progress:
            try:
                result = characterise(plan, out, self.pool, progress=progress)
            except JournalError:
                # A journal that another process holds raises again here.
                self.say(f"{journal_path(out)} is of another run and is replaced")
                result = characterise(plan, out, self.pool, progress=progress, resume=False)
        self.characterisations[name] = result
        return result

    def figure(self, name: str, figure: Figure, alt: str, caption: str) -> document.Figure:
        """Write ``figure`` to ``figures/{name}.png`` and return what the document says of it."""
        from spicetwin.report.style import save

        file = f"figures/{name}.png"
        save(figure, self.folder / file)
        return document.Figure(file, alt, caption)


def value_at(result: Characterisation, observable: str, **place: float | str) -> float:
    """Observable at one point: ``place`` chooses from dimensions with several values; NaN where it failed."""
    array = result.observable(observable)
    for dim in map(str, array.dims):
        if dim in place:
            wanted = place[dim]
            array = array.sel({dim: wanted}, method=None if isinstance(wanted, str) else "nearest")
        elif array.sizes[dim] == 1:
            array = array.isel({dim: 0})
    return float(array)
