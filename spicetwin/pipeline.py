"""The main job: every stage in order on one simulator pool, one section of the report each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spicetwin.boundary import OUR_PACKAGES, ending
from spicetwin.report.document import Check, Document, Section
from spicetwin.stages.context import RunContext

TITLE = "Neuromorphic circuits: transistors, fits and twins"


@dataclass(frozen=True)
class Stage:
    """A part of the run: its anchor, its heading, and the function that makes its section."""

    id: str
    title: str
    run: Callable[[RunContext], Section]


def stages() -> tuple[Stage, ...]:
    """Stages in the order of the report; the later ones use what the earlier ones found."""
    from spicetwin.stages.calibration import calibration
    from spicetwin.stages.compare import compare
    from spicetwin.stages.denram import denram
    from spicetwin.stages.failures import failures
    from spicetwin.stages.fits import devices, fits
    from spicetwin.stages.memcap import memcap
    from spicetwin.stages.mingru import mingru
    from spicetwin.stages.montecarlo import montecarlo
    from spicetwin.stages.neuron import neuron
    from spicetwin.stages.overview import overview
    from spicetwin.stages.population import population
    from spicetwin.stages.process import process
    from spicetwin.stages.synapse import synapse

    return (
        Stage("overview", "What this is", overview),
        Stage("process", "Transistors in weak inversion", process),
        Stage("synapse", "DPI synapse", synapse),
        Stage("neuron", "DPI neuron", neuron),
        Stage("montecarlo", "Mismatch", montecarlo),
        Stage("fits", "Fits", fits),
        Stage("devices", "Capacitors and switches", devices),
        Stage("calibration", "Calibration table", calibration),
        Stage("compare", "Twin against transistors", compare),
        Stage("population", "Population of drawn chips", population),
        Stage("mingru", "minGRU core", mingru),
        Stage("denram", "Dendritic delay cells", denram),
        Stage("memcap", "Memristive-memcapacitive integrator and neuron", memcap),
        Stage("failures", "Failed points and provenance", failures),
    )


def run_pipeline(
    output: Path, *, quick: bool, jobs: int | None, chosen: Sequence[Stage] | None = None
) -> Document:
    """Run the stages and save ``run.json`` in ``output``.

    A stage that raises one of the project's errors (or the operating system's) becomes a failed check with
    its message; the others go on. Progress is told on stderr.

    Parameters
    ----------
    output : Path
        Run folder, made where it is missing.
    quick : bool
        Fewer points, samples and conditions.
    jobs : int, optional
        Simulator workers; all cores when left out.
    chosen : sequence of Stage, optional
        Stages in place of :func:`stages`.

    Raises
    ------
    SimulatorMissing
        The ngspice library is not installed.
    OSError
        ``output`` cannot be written.
    """
    from circuits.ngspice.cache import default_cache_dir
    from circuits.ngspice.pool import Pool
    from spicetwin.stages.overview import notices

    output.mkdir(parents=True, exist_ok=True)
    sections: list[Section] = []
    begin = time.monotonic()
    title = f"{TITLE} (quick run)" if quick else TITLE
    remarks = notices(quick)
    with Pool(jobs, timeout=120.0, cache=default_cache_dir(), failures=output / "failures") as pool:
        context = RunContext(output, pool, quick, _say)
        for stage in stages() if chosen is None else chosen:
            started = time.monotonic()
            _say(f"{stage.id}: {stage.title}")
            sections.append(_section(stage, context))
            _say(f"{stage.id}: done in {time.monotonic() - started:.1f} s")
    document = Document(title, tuple(sections), summary=_summary(sections), notices=remarks)
    document.save(output)
    _say(f"run: {time.monotonic() - begin:.1f} s")
    return document


def _section(stage: Stage, context: RunContext) -> Section:
    """Section of a stage, or the section that says why there is none."""
    try:
        return stage.run(context)
    except Exception as error:
        ours = type(error).__module__.partition(".")[0] in OUR_PACKAGES
        if not ours and not isinstance(error, OSError):
            raise
        message = ending(error).line
        _say(f"{stage.id}: failed: {message}")
        check = Check(f"stage '{stage.title}' ran", message, "no error", False, "spicetwin run --debug")
        return Section(stage.id, stage.title, text=("This part could not be made.",), checks=(check,))


def _summary(sections: Sequence[Section]) -> str:
    """One sentence above everything."""
    checks = [check for section in sections for check in section.checks]
    held = sum(check.passed for check in checks)
    return f"{held} of {len(checks)} checks hold."


def _say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)
