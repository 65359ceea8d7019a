"""System level: a population of drawn chips with recorded or Poisson input."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pysim.population import over_chips, rate_response
from pysim.specification import Specification, build
from spicetwin.report.document import Cell, Check, Section, Table
from spicetwin.report.figures import f_i_curves, raster
from spicetwin.stages.context import RunContext

NETWORK = Path(__file__).resolve().parent.parent / "networks" / "dpi_population.toml"

#: Chips of a quick run; the file's own number otherwise.
QUICK_CHIPS = 20

#: Largest integration error that is accepted, relative to the mean interval.
INTEGRATION = 1e-3


def population(context: RunContext) -> Section:
    """Draw the chips of the packaged network, run them, show rates, intervals and f-I spread."""
    context.calibrated()
    specification = Specification.read(NETWORK)
    built = build(
        specification, chips=QUICK_CHIPS if context.quick else None, tables=context.folder / "tables"
    )
    duration = float(specification.document["duration"])
    result = built.network.run(duration)
    wanted = specification.value("rate_response", None)
    response = rate_response(built.network.neuron, np.asarray(wanted["currents"]), float(wanted["duration"]))
    spikes, rates = result.spikes, result.spikes.rates()
    chips, neurons = rates.shape
    per_chip = over_chips(rates.mean(axis=1))
    first = spikes.chip == 0
    figures = (
        context.figure(
            "population-f-i",
            f_i_curves(response.current, response.rate.mean(axis=1)),
            f"Firing rate against input current of {chips} drawn chips with median and 90 % band",
            f"Mean firing rate of {neurons} neurons against a constant input, {chips} drawn chips.",
        ),
        context.figure(
            "population-raster",
            raster(
                spikes.time[first],
                spikes.neuron[first].astype(np.float64),
                duration=duration,
                count=neurons,
                bin_width=0.02,
            ),
            "Spike raster of one drawn chip with the population rate below",
            "One chip: Poisson input through drawn synapses, mutual inhibition.",
        ),
    )
    error = result.error.spike_shift
    intervals = spikes.intervals()[1]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("chips, neurons each", f"{chips}, {neurons}", ""),
        (
            "mean rate (Hz)",
            float(per_chip.mean),
            f"{float(per_chip.low):.3g} to {float(per_chip.high):.3g} (95 %)",
        ),
        (
            "rate of single chips (Hz)",
            float(per_chip.median),
            f"{float(per_chip.p2_5):.3g} to {float(per_chip.p97_5):.3g} (2.5 to 97.5 %)",
        ),
        ("silent neurons (%)", 100 * float((rates == 0).mean()), ""),
        ("interval, median (ms)", 1e3 * float(np.median(intervals)) if intervals.size else None, ""),
        ("interval, CV", float(intervals.std() / intervals.mean()) if intervals.size > 1 else None, ""),
    )
    check = Check(
        "largest shift of a spike by the integration, of the median interval",
        f"{error:.2g}",
        f"≤ {INTEGRATION:g}",
        error <= INTEGRATION,
        "spicetwin simulate examples/dpi_population.toml",
    )
    text = (
        "Every chip is a frozen draw of the table: the fit's uncertainty is shared by all, a die's deviation by"
        " all circuits of a chip, mismatch by none. The seed and the table's digest give the chip its name:"
        f" the first draw here is {built.neurons.id}.",
    )
    return Section(
        "population",
        "Population of drawn chips",
        text=text,
        checks=(check,),
        figures=figures,
        tables=(Table("Population", ("Quantity", "Value", "Interval"), rows),),
    )
