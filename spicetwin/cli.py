"""The ``spicetwin`` command: the table of sub-commands, global options and the error boundary around them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.main import get_command

from spicetwin.boundary import DONE, INTERRUPTED, ending
from spicetwin.mounting import Mounted, lazy_group

COMMANDS = (
    Mounted(
        "doctor",
        "spicetwin.commands.doctor",
        "doctor_command",
        "What is installed; one op-point through ngspice.",
    ),
    Mounted(
        "circuits", "spicetwin.commands.circuits", "circuits_command", "Families, parameters, testbenches."
    ),
    Mounted(
        "netlist",
        "spicetwin.commands.netlist",
        "netlist_command",
        "Netlist of a circuit that plain ngspice runs.",
    ),
    Mounted("data", "spicetwin.commands.data", "app", "Measured data: list, pull, verify, show."),
    Mounted(
        "characterise",
        "spicetwin.commands.characterise",
        "characterise_command",
        "Sweeps x corners x temperatures x samples of a testbench, to netCDF.",
    ),
    Mounted(
        "fit", "spicetwin.commands.fit", "fit_command", "Fit a recipe to measured, virtual or simulated data."
    ),
    Mounted(
        "table", "spicetwin.commands.table", "app", "Calibration tables: list, show, build, verify, diff."
    ),
    Mounted(
        "predict", "spicetwin.commands.table", "predict_command", "Value of a table entry with its interval."
    ),
    Mounted(
        "cosim",
        "spicetwin.commands.cosim",
        "cosim_command",
        "Digital blocks in lock-step with one circuit: a minGRU column, a SAR ADC.",
    ),
    Mounted(
        "compare",
        "spicetwin.commands.compare",
        "compare_command",
        "Transistor level against twin, held-out stimuli.",
    ),
    Mounted(
        "simulate",
        "spicetwin.commands.simulate",
        "simulate_command",
        "Run a network of drawn chips from a TOML file.",
    ),
    Mounted(
        "train",
        "spicetwin.commands.train",
        "train_command",
        "Train a minGRU network under the constraints of the hardware (extra [train]).",
    ),
    Mounted(
        "export",
        "spicetwin.commands.export",
        "export_command",
        "Tables and networks in the formats of other tools, with a check in the tool.",
    ),
    Mounted(
        "run", "spicetwin.commands.run", "run_command", "The main job: the whole chain, then the report."
    ),
    Mounted(
        "report", "spicetwin.commands.report", "report_command", "Self-contained HTML report of a run folder."
    ),
    Mounted("bench", "spicetwin.commands.bench", "bench_command", "Speed ratios, measured side by side."),
)


@dataclass
class Settings:
    """Global options of one call."""

    debug: bool = False


app = typer.Typer(
    name="spicetwin",
    cls=lazy_group(COMMANDS),
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"spicetwin {version('spicetwin')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Turn SPICE netlists and chip measurements into calibrated behavioural networks.

    Results go to stdout, progress and messages to stderr. Exit code 0: done; 1: a check or some points failed
    (results are kept); 2: usage or bad input, with one line that says what would be accepted.
    """
    ctx.obj.debug = debug
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a traceback needs ``--debug``."""
    settings = Settings()
    try:
        result = get_command(app)(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name="spicetwin",
            standalone_mode=False,
            obj=settings,
        )
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, (SystemExit, GeneratorExit)):
            raise
        return _end(error, settings)
    if result == INTERRUPTED:  # typer turns Ctrl-C into this exit code
        return _end(KeyboardInterrupt(), settings)
    return result if isinstance(result, int) else DONE


def _end(error: BaseException, settings: Settings) -> int:
    """Report an exception and return the exit code."""
    if isinstance(error, BrokenPipeError):
        # The reader went away (``| head``); keep the interpreter from flushing into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if settings.debug:
        traceback.print_exception(error)
    end = ending(error)
    if end.line:
        typer.echo(f"spicetwin: {end.line}", err=True)
    return end.code


if __name__ == "__main__":
    raise SystemExit(main())
