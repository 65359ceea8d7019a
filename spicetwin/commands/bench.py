"""``spicetwin bench``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import columns, emit_json

if TYPE_CHECKING:
    from spicetwin.bench import Ratio


def bench_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Benchmarks; all when left out.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the benchmarks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Measure speed as ratios against the simulator's own limit and against alternatives, side by side.

    Exit code 1 when a target is missed.
    """
    from spicetwin.bench import benchmark_names, choose, run_benchmark

    if listing:
        emit_json(benchmark_names()) if as_json else typer.echo("\n".join(benchmark_names()))
        return
    ratios: list[Ratio] = []
    for name in choose(names or ()):
        typer.echo(f"running {name}", err=True)
        ratios += run_benchmark(name)
    if as_json:
        emit_json([dataclasses.asdict(ratio) for ratio in ratios])
    else:
        typer.echo(columns([_row(ratio) for ratio in ratios]))
    if any(ratio.met is False for ratio in ratios):
        raise typer.Exit(FAILED)


def _row(ratio: Ratio) -> tuple[str, ...]:
    """One line of the table."""
    verdict = {None: "", True: "met", False: "missed"}[ratio.met]
    value = f"{ratio.value:.4g} {ratio.unit}".rstrip()
    return ratio.benchmark, ratio.quantity, value, ratio.target, verdict
