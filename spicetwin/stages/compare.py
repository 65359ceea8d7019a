"""Twin against transistor level on stimuli and bias points that no fit has seen."""

from __future__ import annotations

import numpy as np

from spicetwin.compare.dpi import DOMAIN, INTERVAL, WEAK_INVERSION, compare_dpi, write_waveforms
from spicetwin.report.document import Figure, Section, Table
from spicetwin.report.figures import waveform_overlay
from spicetwin.report.spike_figures import errors_against_limit
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext


def compare(context: RunContext) -> Section:
    """Run the held-out cases and show them with their limits."""
    comparison = context.comparison
    if comparison is None:
        comparison = compare_dpi(context.pool, context.calibrated(), quick=context.quick)
    data = context.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_waveforms(comparison, data / "compare_dpi.nc")
    figures: list[Figure] = []
    trains = [case for case in comparison.synapse if case.name.startswith(("Poisson", "double"))]
    for case in trains[1:2] + trains[-1:]:
        picture = waveform_overlay(
            np.asarray(case.request.times),
            case.spice,
            case.twin,
            Axis("Output current", "A"),
            title=case.name,
            events=np.asarray(case.request.spikes),
        )
        slug = "-".join("".join(c if c.isalnum() else " " for c in case.name.lower()).split())
        figures.append(
            context.figure(
                f"compare-{slug}",
                picture,
                f"Synapse output current for a {case.name}, ngspice and twin, with the deviation below",
                f"Held-out stimulus: {case.name}; default biases, 27 °C.",
            )
        )
    near = [case for case in comparison.synapse if case.kind != "domain"]
    far = [case for case in comparison.synapse if case.kind == "domain"]
    for name, cases, limit in (("27 °C", near, WEAK_INVERSION), ("fitted domain", far, DOMAIN)):
        figures.append(
            context.figure(
                f"compare-epsc-{'near' if cases is near else 'far'}",
                errors_against_limit(
                    {case.name: 100 * case.error for case in cases},
                    100 * limit,
                    Axis("Rms error over peak", "%"),
                    title=f"EPSC, {name}",
                ),
                f"Bars: rms error over peak of every held-out synapse run, {name}, against its limit",
                f"Synapse, {name}: rms difference of twin and ngspice over the peak, one bar a held-out run.",
            )
        )
    figures.append(
        context.figure(
            "compare-intervals",
            errors_against_limit(
                {case.name: 100 * case.worst for case in comparison.neuron},
                100 * INTERVAL,
                Axis("Largest interval error", "%"),
                title="Neuron with adaptation",
            ),
            "Bars: largest error of an inter-spike interval of every held-out neuron run against its limit",
            "Neuron with adaptation: largest error of an inter-spike interval, one bar a held-out run.",
        )
    )
    rows = tuple(
        (
            case.name,
            int(case.spice.size),
            int(case.twin.size),
            100 * float(np.median(case.errors)) if case.errors.size else None,
            100 * case.worst,
            100 * case.drift if case.errors.size else None,
        )
        for case in comparison.neuron
    )
    columns = (
        "Input",
        "Spikes, ngspice",
        "Spikes, twin",
        "Interval error, median (%)",
        "worst (%)",
        "Last spike off by (% of interval)",
    )
    text = (
        "Nothing here was fitted: the bias points lie between those of the calibration, and the input spikes"
        " and currents are new. The twin is the typical chip of the table just written.",
        "Errors of spike times are counted per interval; the last column shows what they add up to over a run.",
    )
    return Section(
        "compare",
        "Twin against transistors",
        text=text,
        checks=comparison.checks(),
        figures=tuple(figures),
        tables=(Table("Neuron, held-out runs", columns, rows),),
    )
