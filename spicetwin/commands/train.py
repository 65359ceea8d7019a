"""``spicetwin train``."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicetwin.boundary import InputError
from spicetwin.output import emit_json
from spicetwin.writing import write_text

if TYPE_CHECKING:
    from spicetwin.train.fit import Trainer


def train_command(
    description: Annotated[Path, typer.Argument(metavar="NETWORK.toml", help="Description of the training.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for checkpoint, learning curve, log and weights.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder or file of the task's data, instead of the file's.")
    ] = None,
    begin: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights to begin with (fine-tuning).")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            help="Inject the spread of this table ('assumed', a name, a file), instead of [nonideal]."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, instead of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the file's.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the matrix products and scans.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Train a minGRU network under the constraints of the hardware, or run a study of networks with delays, or of one
    network trained four ways: for ideal circuits, for chips in general, for one chip, with a chip in the loop; or
    compare time constants of recurrent memcapacitive networks.

    A stopped training or four-way study continues.
    """
    for package in ("torch", "sklearn"):
        if find_spec(package) is None:
            raise InputError(
                f"training needs {package}, which the extra brings: pip install 'spicetwin[train]'"
            )
    from spicetwin.train.delays_run import is_delay_study
    from spicetwin.train.four_way_settings import is_four_way
    from spicetwin.train.memcap_settings import is_memcap_study

    if is_four_way(description):
        if begin is not None:
            raise InputError("--begin is for minGRU networks; a four-way study names its start itself")
        _four_way(description, output, data, table, epochs, seed, threads, as_json)
        return
    if is_memcap_study(description):
        for option, given in (("--begin", begin), ("--table", table)):
            if given is not None:
                raise InputError(f"{option} is for minGRU networks; this file describes a study of its own")
        _memcap_study(description, output, data, epochs, seed, threads, as_json)
        return
    if is_delay_study(description):
        for option, given in (("--begin", begin), ("--table", table)):
            if given is not None:
                raise InputError(f"{option} is for minGRU networks; this file describes a study of delays")
        _delay_study(description, output, data, epochs, seed, threads, as_json)
        return
    from spicetwin.train.export import write_network
    from spicetwin.train.learning import DivergenceError
    from spicetwin.train.run import load_task, prepare, summary, use_threads, with_data, with_table
    from spicetwin.train.settings import Settings

    settings = with_data(Settings.read(description), data, epochs, seed)
    if table is not None:
        settings = with_table(settings, table)
    use_threads(threads)
    trainer = prepare(settings, load_task(settings), begin)
    checkpoint = output / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
        typer.echo(f"continuing behind epoch {len(trainer.curve)}", err=True)

    def after(current: Trainer) -> None:
        current.save(checkpoint)
        current.write_curve(output / "curve.csv")
        e = current.curve[-1]
        typer.echo(
            f"epoch {e.epoch}/{settings.schedule.epochs}: loss {e.loss:.4f}, training {100 * e.train:.2f} %, "
            f"validation {100 * e.validation:.2f} %, {e.seconds:.0f} s",
            err=True,
        )

    try:
        trainer.run(after)
    except DivergenceError as error:
        kept = output / "last_good.pt"
        trainer.save(kept)
        raise InputError(f"{error}; the last good weights are in {kept}") from error
    result = summary(trainer)
    write_text(output / "summary.json", json.dumps(result, indent=2) + "\n")
    if settings.constraints.hardware:
        write_network(trainer.net, output / "weights.npz", result)
    if as_json:
        emit_json(result)
    else:
        typer.echo(
            f"{result['task']}: test accuracy {100 * result['test_accuracy']:.2f} % of "
            f"{result['test_samples']} samples, validation {100 * result['validation_accuracy']:.2f} %, "
            f"{result['seconds']:.0f} s"
        )


def _delay_study(
    description: Path,
    output: Path,
    data: Path | None,
    epochs: int | None,
    seed: int | None,
    threads: int,
    as_json: bool,
) -> None:
    """Run a study and print its tables."""
    from spicetwin.output import columns
    from spicetwin.train.delays_run import lines, run_study
    from spicetwin.train.delays_settings import DelaySettings

    settings = DelaySettings.read(description).changed(data, epochs, seed)
    results = run_study(settings, output, threads, lambda text: typer.echo(text, err=True))
    if as_json:
        emit_json(results)
    else:
        typer.echo("\n\n".join(columns(lines(result)) for result in results))


def _four_way(
    description: Path,
    output: Path,
    data: Path | None,
    table: str | None,
    epochs: int | None,
    seed: int | None,
    threads: int,
    as_json: bool,
) -> None:
    """Run a four-way study and tell its table."""
    from spicetwin.output import columns
    from spicetwin.train.four_way_results import lines
    from spicetwin.train.four_way_run import run_four_way
    from spicetwin.train.four_way_settings import FourWay

    settings = FourWay.read(description).changed(data=data, seed=seed, epochs=epochs, table=table)
    result = run_four_way(settings, output, threads, lambda text: typer.echo(text, err=True))
    if as_json:
        emit_json(result)
    else:
        typer.echo(columns(lines(result)))


def _memcap_study(
    description: Path,
    output: Path,
    data: Path | None,
    epochs: int | None,
    seed: int | None,
    threads: int,
    as_json: bool,
) -> None:
    """Run a comparison of time constants and print its tables."""
    from spicetwin.output import columns
    from spicetwin.train.memcap_run import lines, run_comparison
    from spicetwin.train.memcap_settings import MemcapSettings

    settings = MemcapSettings.read(description).changed(data, epochs, seed)
    result = run_comparison(settings, output, threads, lambda text: typer.echo(text, err=True))
    emit_json(result) if as_json else typer.echo(columns(lines(result)))
