"""``spicetwin characterise``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.boundary import FAILED, InputError
from spicetwin.output import columns, emit_json, engineering

if TYPE_CHECKING:
    from circuits.characterisation import Characterisation
    from circuits.plan import Plan

#: Failed points that the text output names; the file has all of them.
SHOWN_FAILURES = 5


def characterise_command(
    testbench: Annotated[str, typer.Argument(help="Testbench, see 'spicetwin circuits'.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.nc", help="netCDF file to write.")],
    sweeps: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="P=FROM:TO:log:N", help="Or P=v1,v2,...; or :lin:; repeatable."),
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="P=V", help="Value of a parameter that is not swept.")
    ] = None,
    corners: Annotated[
        str, typer.Option(help="Corners or sets: tt,ss or nominal, slow, fast, skewed, extremes, all.")
    ] = "nominal",
    temperatures: Annotated[str, typer.Option(metavar="T,...", help="In degrees Celsius.")] = "27",
    supplies: Annotated[
        str | None, typer.Option(metavar="V,...", help="In volt; the process's own when left out.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Monte-Carlo chips; 0 is the nominal chip.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the mismatch.")] = 0,
    process: Annotated[str, typer.Option(help="Process: generic130, sky130, gf180.")] = "generic130",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulator processes; all cores when left out.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Dask scheduler in place of processes here.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Limit of one point in seconds.")] = 60.0,
    cache: Annotated[bool, typer.Option(help="Take known points from the result cache.")] = True,
    resume: Annotated[bool, typer.Option(help="Continue an interrupted run of the same plan.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Counts and failures as JSON.")] = False,
) -> None:
    """Simulate a testbench over sweeps x corners x temperatures x supplies x samples, to netCDF.

    An interrupted run continues when the same command is given again. Exit code 1 when a point failed; the
    others are in the file, with the reason of each failure.
    """
    from circuits.characterise import characterise
    from circuits.ngspice.cache import default_cache_dir
    from circuits.ngspice.pool import Pool
    from spicetwin.progress import PlanProgress

    plan = build_plan(
        testbench,
        sweeps=sweeps or (),
        assignments=assignments or (),
        corners=corners,
        temperatures=temperatures,
        supplies=supplies,
        samples=samples,
        seed=seed,
        process_name=process,
    )
    if scheduler is not None:
        if jobs is not None:
            raise InputError("--jobs and --scheduler exclude each other; accepted: one")
        from spicetwin.cluster import Cluster

        with Cluster(scheduler) as cluster, PlanProgress(testbench) as progress:
            workers = cluster.simulators(timeout=timeout, cache=cache)
            result = characterise(plan, output, workers, progress=progress, resume=resume)
    else:
        folder = default_cache_dir() if cache else None
        failures = output.with_name(f"{output.stem}-failures")
        with (
            Pool(jobs, timeout=timeout, cache=folder, failures=failures) as pool,
            PlanProgress(testbench) as progress,
        ):
            result = characterise(plan, output, pool, progress=progress, resume=resume)
    _report(plan, result, as_json)
    if result.failures:
        raise typer.Exit(FAILED)


def build_plan(
    testbench: str,
    *,
    sweeps: list[str] | tuple[str, ...] = (),
    assignments: list[str] | tuple[str, ...] = (),
    corners: str = "nominal",
    temperatures: str = "27",
    supplies: str | None = None,
    samples: int = 0,
    seed: int = 0,
    process_name: str = "generic130",
) -> Plan:
    """Plan of command-line texts; every mistake in them is an error before anything is simulated."""
    from circuits.plan import Plan
    from circuits.process import get_process, resolve_corners
    from spicetwin.quantity import parse_assignments, parse_numbers, parse_sweeps
    from spicetwin.registry import new_testbench

    process = get_process(process_name)
    base = parse_assignments(assignments)
    swept = parse_sweeps(sweeps)
    both = sorted(set(base) & set(swept))
    if both:
        raise InputError(f"{', '.join(both)}: both set and swept; accepted: one of --set and --sweep")
    return Plan(
        testbench=new_testbench(testbench).at(base),
        process=process,
        sweeps={name: tuple(map(float, values)) for name, values in swept.items()},
        corners=resolve_corners(corners, process),
        temperatures=tuple(celsius + 273.15 for celsius in parse_numbers(temperatures)),
        supplies=parse_numbers(supplies) if supplies is not None else (),
        samples=samples,
        seed=seed,
    )


def _report(plan: Plan, result: Characterisation, as_json: bool) -> None:
    """Counts, ranges of the observables, and failures."""
    failures = [{"reason": failure.reason, **failure.coordinates} for failure in result.failures]
    ranges = _ranges(plan, result)
    if as_json:
        counts = {
            "points": len(plan),
            "failed": len(failures),
            "dims": dict(zip(plan.dims, plan.shape, strict=True)),
        }
        emit_json({"output": str(result.path), **counts, "observables": ranges, "failures": failures})
        return
    rows = [("observable", "lowest", "median", "highest")]
    for entry in ranges:
        rows.append(
            (entry["name"], *(_shown(entry[key], entry["unit"]) for key in ("lowest", "median", "highest")))
        )
    typer.echo(f"{result.path}: {len(plan)} points, {len(failures)} failed")
    typer.echo(columns(rows))
    for failure in failures[:SHOWN_FAILURES]:
        typer.echo("failed: " + ", ".join(f"{key} = {value}" for key, value in failure.items()))
    if len(failures) > SHOWN_FAILURES:
        typer.echo(f"and {len(failures) - SHOWN_FAILURES} more, all in the file")


def _ranges(plan: Plan, result: Characterisation) -> list[dict[str, Any]]:
    """Lowest, median and highest value of every observable over the points that succeeded."""
    import numpy as np

    entries = []
    for observable in plan.testbench.observables:
        values = result.observable(observable.name).values
        good = values[np.isfinite(values)]
        found = [float(f(good)) for f in (np.min, np.median, np.max)] if good.size else [None, None, None]
        named = dict(zip(("lowest", "median", "highest"), found, strict=True))
        entries.append({"name": observable.name, "unit": observable.unit, **named})
    return entries


def _shown(value: float | None, unit: str) -> str:
    """Value with prefix, or a dash."""
    return "-" if value is None else engineering(value, unit)
