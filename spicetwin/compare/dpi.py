"""Comparison of the DPI family: held-out cases, their checks, their waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration.table import CalibrationTable, Validation
from circuits.ngspice.pool import Pool
from spicetwin.compare.neuron import NeuronCase, compare_neuron
from spicetwin.compare.synapse import SynapseCase, compare_synapse, worst
from spicetwin.report.document import Check
from spicetwin.writing import write_netcdf

#: Largest errors that the project accepts.
WEAK_INVERSION = 0.01
DOMAIN = 0.03
INTERVAL = 0.01

COMMAND = "spicetwin compare dpi"


@dataclass(frozen=True)
class Comparison:
    """Held-out cases of the synapse and of the neuron, and the points that failed."""

    table: str
    synapse: tuple[SynapseCase, ...]
    neuron: tuple[NeuronCase, ...]
    failures: tuple[str, ...]

    def checks(self) -> tuple[Check, ...]:
        """What is claimed of the twin, and whether it holds."""
        stimulus = worst(self.synapse, "stimulus", "bias")
        domain = worst(self.synapse, "stimulus", "bias", "domain")
        n = sum(case.kind != "domain" for case in self.synapse)
        return (
            Check(
                f"EPSC in weak inversion, {n} held-out stimuli and bias points at 27 °C: rms error over peak",
                f"{100 * stimulus.error:.2f} % at worst ({stimulus.name})",
                f"{100 * WEAK_INVERSION:g} %",
                stimulus.error <= WEAK_INVERSION,
                COMMAND,
            ),
            Check(
                f"EPSC over the fitted domain, {len(self.synapse)} runs: rms error over peak",
                f"{100 * domain.error:.2f} % at worst ({domain.name})",
                f"{100 * DOMAIN:g} %",
                domain.error <= DOMAIN,
                COMMAND,
            ),
            _interval_check("spike times, adaptation off", [c for c in self.neuron if not c.adapting]),
            _interval_check("spike times, adaptation on", [c for c in self.neuron if c.adapting]),
            Check(
                "held-out transistor-level runs that failed",
                f"{len(self.failures)}" + (f": {self.failures[0]}" if self.failures else ""),
                "0",
                not self.failures,
                COMMAND,
            ),
        )


def _interval_check(what: str, cases: Sequence[NeuronCase]) -> Check:
    """Largest error of an interval over the cases."""
    errors = np.concatenate([case.errors for case in cases])
    case = max(cases, key=lambda c: c.worst)
    return Check(
        f"{what}, {errors.size} intervals of {len(cases)} held-out inputs and bias points: error of each interval",
        f"{100 * case.worst:.2f} % at worst ({case.name}), median {100 * float(np.median(errors)):.2f} %,"
        f" {100 * float(np.mean(errors <= INTERVAL)):.0f} % of intervals within the limit",
        f"{100 * INTERVAL:g} %",
        case.worst <= INTERVAL,
        COMMAND,
    )


def compare_dpi(pool: Pool, table: CalibrationTable, *, quick: bool = False) -> Comparison:
    """Simulate the held-out runs on the process of ``table`` and run its twin beside them."""
    process = table.provenance.process or "generic130"
    synapse, lost = compare_synapse(pool, table, process, quick=quick)
    neuron, missed = compare_neuron(pool, table, process, quick=quick)
    return Comparison(table.reference, tuple(synapse), tuple(neuron), (*lost, *missed))


def validated(table: CalibrationTable, comparison: Comparison) -> CalibrationTable:
    """The table with the held-out errors in its entries."""
    near = worst(comparison.synapse, "stimulus", "bias")
    far = worst(comparison.synapse, "stimulus", "bias", "domain")
    epsc = "largest rms error of the EPSC over its peak"
    interval = "largest error of an inter-spike interval"
    own = {
        "synapse": (
            Validation(
                "held-out stimuli and biases at the reference temperature", epsc, near.error, WEAK_INVERSION
            ),
            Validation("held-out biases and temperatures of the domain", epsc, far.error, DOMAIN),
        ),
        "neuron": (_interval_validation("adaptation off", interval, comparison.neuron, False),),
        "adaptation": (_interval_validation("adaptation on", interval, comparison.neuron, True),),
    }
    entries = {
        name: replace(entry, validation=own[name.partition(".")[0]]) for name, entry in table.entries.items()
    }
    return replace(table, entries=entries)


def _interval_validation(what: str, metric: str, cases: Sequence[NeuronCase], adapting: bool) -> Validation:
    errors = np.concatenate([case.errors for case in cases if case.adapting is adapting])
    return Validation(f"held-out inputs and biases, {what}", metric, float(errors.max()), INTERVAL)


def write_waveforms(comparison: Comparison, path: Path) -> None:
    """Write EPSCs (case x sample) and spike trains (padded with NaN) as netCDF, whole or not at all."""
    import xarray as xr

    cases, trains = comparison.synapse, comparison.neuron
    dataset = xr.Dataset(
        {
            "i_syn_spice": (("case", "sample"), np.array([c.spice for c in cases]), _current("ngspice")),
            "i_syn_twin": (("case", "sample"), np.array([c.twin for c in cases]), _current("twin")),
            "time": (
                ("case", "sample"),
                np.array([c.request.times for c in cases]),
                {"units": "s", "long_name": "time since the end of the lead-in"},
            ),
            "epsc_error": (
                "case",
                np.array([c.error for c in cases]),
                {"units": "1", "long_name": "rms of twin - ngspice over peak"},
            ),
            "spikes_spice": (("train", "spike_spice"), _padded([c.spice for c in trains]), _times("ngspice")),
            "spikes_twin": (("train", "spike_twin"), _padded([c.twin for c in trains]), _times("twin")),
            "interval_error": (
                "train",
                np.array([c.worst for c in trains]),
                {"units": "1", "long_name": "largest relative error of an inter-spike interval"},
            ),
        },
        coords={"case": [c.name for c in cases], "train": [c.name for c in trains]},
        attrs={"table": comparison.table},
    )
    write_netcdf(dataset, path)


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    out = np.full((len(rows), max(row.size for row in rows)), np.nan)
    for k, row in enumerate(rows):
        out[k, : row.size] = row
    return out


def _current(origin: str) -> dict[str, str]:
    return {"units": "A", "long_name": f"synapse output current, {origin}"}


def _times(origin: str) -> dict[str, str]:
    return {"units": "s", "long_name": f"spike times, {origin}"}
