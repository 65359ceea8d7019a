"""``spicetwin simulate``."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.output import emit_json
from spicetwin.writing import write_netcdf

if TYPE_CHECKING:
    import xarray

    from pysim.network import NetworkResult
    from pysim.population import Estimate, RateResponse
    from pysim.specification import Build, Specification


def simulate_command(
    network: Annotated[Path, typer.Argument(metavar="NETWORK.toml", help="Description of the network.")],
    chips: Annotated[
        int | None, typer.Option(min=1, help="Number of drawn chips, instead of the file's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the file's.")] = None,
    half_width: Annotated[
        float | None,
        typer.Option(
            "--half-width", help="Stop when that of the 95 % interval is this small (networks of layers)."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes for the chips of a network of layers; all cores.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Dask scheduler in place of processes.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a one-page report (networks of layers).")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue an interrupted run of the same network.")] = True,
    backend: Annotated[str, typer.Option(help="numba (compiled) or numpy (the definition, slow).")] = "numba",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="netCDF file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Run a network on drawn chips, with 95 % intervals.

    A DPI population; a minGRU or a memcapacitive recurrent network on a task; or layers of any families, with the
    share of the variance that each source of spread has, stopping at a requested half-width.
    """
    from pysim.integrators import TOLERANCE
    from pysim.memcap.specification import describes_memcap
    from pysim.mingru.specification import describes_mingru
    from pysim.population import rate_response
    from pysim.specification import Specification, build
    from spicetwin.system.build import describes_system

    if backend not in ("numba", "numpy"):
        raise typer.BadParameter(f"backend {backend!r}; accepted: numba, numpy")
    if describes_system(network):
        _simulate_system(
            network, chips, seed, half_width, jobs, scheduler, output, report, resume=resume, as_json=as_json
        )
        return
    for option, value in (
        ("--half-width", half_width),
        ("--jobs", jobs),
        ("--scheduler", scheduler),
        ("--report", report),
    ):
        if value is not None:
            raise typer.BadParameter(f"{option} needs a network of layers; accepted: a file with [[layers]]")
    if describes_memcap(network):
        _simulate_memcap(network, chips, seed, backend, output, as_json=as_json)
        return
    if describes_mingru(network):
        _simulate_mingru(network, chips, seed, backend, output, as_json=as_json)
        return
    specification = Specification.read(network)
    built = build(specification, chips=chips, seed=seed)
    tolerance = float(specification.value("tolerance", TOLERANCE))
    choice: Any = backend
    result = built.network.run(float(specification.document["duration"]), tolerance=tolerance, backend=choice)
    response = None
    wanted = specification.value("rate_response", None)
    if wanted is not None:
        response = rate_response(
            built.network.neuron,
            wanted["currents"],
            float(wanted.get("duration", 1.0)),
            tolerance=tolerance,
            backend=choice,
        )
    summary = summarise(built, result, response)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_netcdf(dataset(specification, built, result, response, summary), output)
    emit_json(summary) if as_json else typer.echo(_text(summary))


def _simulate_system(
    path: Path,
    chips: int | None,
    seed: int | None,
    half_width: float | None,
    jobs: int | None,
    scheduler: str | None,
    output: Path | None,
    report: Path | None,
    *,
    resume: bool,
    as_json: bool,
) -> None:
    from spicetwin.system.build import read_system
    from spicetwin.system.simulate import simulate_system, workers
    from spicetwin.system.summary import summary, text

    system = read_system(path, chips=chips, seed=seed, half_width=half_width)
    with workers(jobs, scheduler) as found:
        result = simulate_system(system, output, found, resume=resume)
    if output is not None:
        from spicetwin.system.files import write_result

        write_result(result, output)
    if report is not None:
        from spicetwin.system.report import write_report

        write_report(result, report)
    emit_json(summary(result)) if as_json else typer.echo(text(result))


def _simulate_memcap(
    path: Path, chips: int | None, seed: int | None, backend: Any, output: Path | None, *, as_json: bool
) -> None:
    from spicetwin import memcap_chips

    experiment, run = memcap_chips.simulate_memcap(path, chips=chips, seed=seed, backend=backend)
    if output is not None:
        memcap_chips.write_chips(experiment, run, path, output)
    if as_json:
        emit_json(memcap_chips.summary(experiment, run))
    else:
        typer.echo(memcap_chips.text(experiment, run))


def _simulate_mingru(
    path: Path, chips: int | None, seed: int | None, backend: Any, output: Path | None, *, as_json: bool
) -> None:
    from spicetwin import mingru_chips

    experiment, ensemble = mingru_chips.simulate_mingru(path, chips=chips, seed=seed, backend=backend)
    if output is not None:
        mingru_chips.write_chips(experiment, ensemble, path, output)
    if as_json:
        emit_json(mingru_chips.summary(experiment, ensemble))
    else:
        typer.echo(mingru_chips.text(experiment, ensemble))


def summarise(built: Build, result: NetworkResult, response: RateResponse | None) -> dict[str, Any]:
    """Figures of a run: population rate, interval statistics, f-I spread, integration error."""
    import numpy as np

    from pysim.population import over_chips

    rates = result.spikes.rates()
    intervals = result.spikes.intervals()[1]
    summary: dict[str, Any] = {
        "table": built.table.reference,
        "chip_id": built.neurons.id,
        "chips": rates.shape[0],
        "neurons": rates.shape[1],
        "duration_s": result.spikes.duration,
        "spikes": int(result.spikes.time.size),
        "rate_hz": _estimate(over_chips(rates.mean(axis=1))),
        "silent_fraction": float((rates == 0).mean()),
        "isi_s": {
            "mean": float(intervals.mean()) if intervals.size else None,
            "cv": float(intervals.std() / intervals.mean()) if intervals.size > 1 else None,
            "median": float(np.median(intervals)) if intervals.size else None,
        },
        "integration_error": dataclasses.asdict(result.error),
    }
    if response is not None:
        spread = _estimate(response.spread())
        summary["rate_response"] = {"current_a": response.current.tolist(), **spread}
    return summary


def _estimate(e: Estimate) -> dict[str, Any]:
    """JSON form; the interval of the mean over a single chip does not exist, so it is null."""
    import numpy as np

    def plain(name: str) -> Any:
        values = np.asarray(getattr(e, name), dtype=np.float64)
        listed = [None if math.isnan(v) else v for v in values.ravel().tolist()]
        return listed if values.ndim else listed[0]

    names = ("mean", "low", "high", "median", "p2_5", "p97_5")
    return {**{n: plain(n) for n in names}, "n": e.n}


def dataset(
    specification: Specification,
    built: Build,
    result: NetworkResult,
    response: RateResponse | None,
    summary: dict[str, Any],
) -> xarray.Dataset:
    """Spikes, rates and intervals as an xarray Dataset, with the description and the table digest."""
    import json

    import xarray

    spikes = result.spikes
    grid = ("chip", "neuron")
    out = xarray.Dataset(
        {
            "spike_time": ("spike", spikes.time, {"units": "s"}),
            "spike_chip": ("spike", spikes.chip),
            "spike_neuron": ("spike", spikes.neuron),
            "rate": (grid, spikes.rates(), {"units": "Hz"}),
            "isi_mean": (grid, spikes.isi_mean(), {"units": "s"}),
            "isi_cv": (grid, spikes.isi_cv(), {"units": "1"}),
            "steps": (grid, result.steps),
        },
        attrs={
            "table": built.table.reference,
            "table_digest": built.table.digest,
            "neuron_chip_id": built.neurons.id,
            "synapse_chip_ids": " ".join(c.id for c in built.synapses),
            "seed": built.neurons.seed,
            "sources": " ".join(built.neurons.sources),
            "description": specification.text,
            "summary": json.dumps(summary, allow_nan=False),
        },
    )
    if response is not None:
        out = out.assign_coords(current=("current", response.current, {"units": "A"}))
        out["f_i_rate"] = ((*grid, "current"), response.rate, {"units": "Hz"})
    return out


def _text(s: dict[str, Any]) -> str:
    rate, isi, error = s["rate_hz"], s["isi_s"], s["integration_error"]
    interval = (
        "" if rate["low"] is None else f" (95 % interval of the mean {rate['low']:.4g} to {rate['high']:.4g})"
    )
    lines = [
        f"{s['chips']} chips x {s['neurons']} neurons, {s['duration_s']:g} s",
        f"table {s['table']}, draw {s['chip_id']}",
        f"rate {rate['mean']:.4g} Hz{interval}; 95 % of chips {rate['p2_5']:.4g} to {rate['p97_5']:.4g} Hz; "
        f"{100 * s['silent_fraction']:.3g} % of neurons silent",
    ]
    if isi["cv"] is not None:
        lines.append(f"inter-spike interval mean {1e3 * isi['mean']:.4g} ms, CV {isi['cv']:.3g}")
    lines.append(
        f"integration error: spike times within {100 * error['spike_shift']:.2g} % of the interval, "
        f"{error['miscounted']} of {error['probed']} probed neurons miscounted"
    )
    if "rate_response" in s:
        f = s["rate_response"]
        lines.append("input (A)   rate (Hz)   95 % of chips")
        lines += [
            f"{i:<11.4g} {m:<11.4g} {a:.4g} to {b:.4g}"
            for i, m, a, b in zip(f["current_a"], f["mean"], f["p2_5"], f["p97_5"], strict=True)
        ]
    return "\n".join(lines)
