"""``spicetwin cosim``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.boundary import FAILED, INTERRUPTED
from spicetwin.output import columns, emit_json

if TYPE_CHECKING:
    from circuits.cosim import CoSimulation
    from circuits.families.mingru_run import ColumnJob, ColumnRun
    from circuits.families.sar_run import SarJob, Transfer
    from circuits.ngspice.session import Session

#: Text table of a result.
Rows = list[tuple[str, ...]]

#: Lines and signals of the picture.
_SHOWN = {
    "mingru": (("ht", "z", "h"), ("step", "k", "trial", "roles", "y")),
    "sar": (("z", "d"), ("step", "trial", "code")),
}


def cosim_command(
    scenario: Annotated[
        Path, typer.Argument(metavar="SCENARIO.toml", help="What to run, see docs/cosim.md.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.nc", help="Waveforms, signals, events.")
    ] = None,
    vcd: Annotated[Path | None, typer.Option(metavar="FILE.vcd", help="For GTKWave.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Phases, analog lines and digital codes.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="FROM,TO", help="Part of the run in the picture, in seconds.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Results as JSON.")] = False,
) -> None:
    """Run digital blocks in lock-step with one circuit: a minGRU column, or a SAR ADC alone.

    Ctrl-C stops at the next event; what was reached is written. Exit code 1 when the run ended early.
    """
    from circuits.families.sar_run import SarJob
    from circuits.ngspice.session import Session
    from spicetwin.quantity import parse_numbers
    from spicetwin.scenario import Scenario

    read = Scenario.read(scenario)
    job = read.job()
    span = parse_numbers(window) if window is not None else ()
    if window is not None and (len(span) != 2 or not 0 <= span[0] < span[1]):
        raise typer.BadParameter(f"{window!r}; accepted: two ascending times in seconds, FROM,TO")
    session = Session()
    if isinstance(job, SarJob):
        result, summary, rows = _sar(session, job)
    else:
        result, summary, rows = _mingru(session, job)
    _write(read.circuit, result, output, vcd, plot, span)
    if result.ended is not None:
        summary["ended"] = str(result.ended)
        typer.echo(f"spicetwin: {result.ended}", err=True)
    if as_json:
        emit_json(summary)
    else:
        typer.echo(columns(rows))
    if result.ended is not None:
        raise typer.Exit(INTERRUPTED if result.ended.reason.startswith("interrupted") else FAILED)


def _mingru(session: Session, job: ColumnJob) -> tuple[CoSimulation, dict[str, Any], Rows]:
    """Run a column; one row a step."""
    from circuits.families.mingru_run import run_column

    run = run_column(session, job)
    steps = [_step(run, step) for step in range(run.k.size) if run.k[step] >= 0]
    rows: Rows = [("step", "V_ht (mV)", "V_z (mV)", "k", "V_h (mV)", "y")]
    for number, step in enumerate(steps):
        volts = {name: f"{1e3 * step[name]:.4f}" for name in ("v_ht", "v_z", "v_h")}
        rows.append((str(number), volts["v_ht"], volts["v_z"], str(step["k"]), volts["v_h"], str(step["y"])))
    return run.cosimulation, {"circuit": job.column.name, "steps": steps}, rows


def _step(run: ColumnRun, step: int) -> dict[str, Any]:
    """Values of one step; volts against the common mode."""
    volts = {name: float(getattr(run, name)[step]) for name in ("v_ht", "v_z", "v_h")}
    return {**volts, "k": int(run.k[step]), "y": int(run.y[step])}


def _sar(session: Session, job: SarJob) -> tuple[CoSimulation, dict[str, Any], Rows]:
    """Search the transitions of a converter; one row a transition."""
    from circuits.families.sar_run import search, transfer

    found, result = search(session, job)
    codes = (job.transitions or tuple(range(1, 2**job.adc.n_bits)))[: len(found)]
    summary: dict[str, Any] = {"circuit": job.adc.name, "codes": list(codes), "thresholds": found}
    if len(found) < 3:
        few = [(str(code), f"{1e3 * volt:.4f}") for code, volt in zip(codes, found, strict=True)]
        return result, summary, [("code", "threshold (mV)"), *few]
    line: Transfer = transfer(codes, found, job.adc.n_bits)
    summary |= {"lsb": line.lsb, "offset": line.offset, "dnl": line.dnl.tolist(), "inl": line.inl.tolist()}
    rows: Rows = [("code", "threshold (mV)", "DNL (LSB)", "INL (LSB)")]
    steps = [*(f"{d:+.4f}" for d in line.dnl), ""]
    for code, volt, dnl, inl in zip(codes, found, steps, line.inl, strict=True):
        rows.append((str(code), f"{1e3 * volt:.4f}", dnl, f"{inl:+.4f}"))
    rows.append(("line", f"{1e3 * line.lsb:.5f} mV/LSB", f"offset {1e3 * line.offset:+.4f} mV", ""))
    return result, summary, rows


def _write(
    circuit: str,
    result: CoSimulation,
    output: Path | None,
    vcd: Path | None,
    plot: Path | None,
    span: tuple[float, ...],
) -> None:
    """Write the files that were asked for."""
    from circuits.cosim.plot import plot_cosimulation, save_plot
    from circuits.cosim.vcd import write_vcd

    if output is not None:
        result.to_netcdf(output)
    if vcd is not None:
        write_vcd(result, vcd)
    if plot is not None:
        nodes, signals = _SHOWN[circuit]
        start, stop = span if span else (0.0, None)
        save_plot(plot_cosimulation(result, nodes, signals, start=start, stop=stop), plot)
