"""Mismatch: spread of decay time and spike increment over drawn chips, against propagation."""

from __future__ import annotations

import math

import numpy as np

from circuits.deck import FloatArray
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_synapse import SynapseDecay
from circuits.plan import Plan
from spicetwin.report.document import Cell, Check, Section, Table
from spicetwin.report.figures import lognormal_histogram
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext
from spicetwin.stages.hand import THERMAL, devices, percent

SAMPLES, QUICK_SAMPLES = 500, 60
SEED = 1

#: Accepted difference of simulated and propagated spread.
LIMIT = 0.15


def montecarlo(context: RunContext) -> Section:
    """Histograms with fitted log-normal, and the check of the spread of tau."""
    samples = QUICK_SAMPLES if context.quick else SAMPLES
    plan = Plan(SynapseDecay(), context.process, samples=samples, seed=SEED)
    result = context.characterise("synapse_montecarlo", plan)
    predicted = propagated_tau(context)
    tau, increment = (_finite(result.observable(name).values) for name in ("tau_syn", "di_spike"))
    spread = float(np.std(np.log(tau), ddof=1))
    # Standard error of a standard deviation of n normal values is 1/sqrt(2 (n - 1)) of it.
    sampling = 1.96 / math.sqrt(2 * (tau.size - 1))
    limit = max(LIMIT, sampling)
    difference = spread / predicted - 1
    why = " (95 % sampling error of the quick run)" if limit > LIMIT else ""
    check = Check(
        f"σ(ln τ) over {tau.size} chips against propagation of κ σ_VT / U_T",
        f"{spread:.3f} against {predicted:.3f}, {percent(difference)}",
        f"≤ {100 * limit:.0f} %{why}",
        abs(difference) <= limit,
        f"spicetwin characterise dpi_synapse_decay --samples {samples} --seed {SEED} -o chips.nc",
    )
    pictures = []
    for name, label, unit, values, prediction in (
        ("tau", "Decay time τ_syn", "s", tau, predicted),
        ("increment", "Increment of one spike", "A", increment, None),
    ):
        figure = lognormal_histogram(
            values,
            float(np.exp(np.mean(np.log(values)))),
            float(np.std(np.log(values), ddof=1)),
            Axis(label, unit),
            predicted_sigma_ln=prediction,
            title=f"{values.size} chips, {context.process.name}, tt, 27 °C",
        )
        pictures.append(
            context.figure(
                f"montecarlo-{name}",
                figure,
                f"Histogram of {label} over {values.size} chips with the fitted log-normal density",
                f"{label} over {values.size} drawn chips. Solid: log-normal fitted to the samples."
                + (" Dashed: spread propagated by hand, same median." if prediction else ""),
            )
        )
    text = (
        "Every transistor of a chip gets a threshold shift and a mobility factor by Pelgrom's law, drawn from"
        " the seed and the chip's number alone. Decay follows the leak mirror: a threshold difference"
        " of its two transistors multiplies the current by exp(κ ΔV_T / U_T), so that σ(ln τ) ="
        " √2 √((κ σ_VT / U_T)² + σ_μ²).",
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            values.size,
            float(np.exp(np.mean(np.log(values)))) / scale,
            float(np.std(np.log(values), ddof=1)),
            *(float(q) / scale for q in np.quantile(values, (0.025, 0.975))),
        )
        for name, values, scale in (("τ_syn (ms)", tau, 1e-3), ("increment (pA)", increment, 1e-12))
    )
    columns = ("Observable", "Chips", "Median", "σ(ln)", "2.5 %", "97.5 %")
    return Section(
        "montecarlo",
        "Mismatch",
        text=text,
        checks=(check,),
        figures=tuple(pictures),
        tables=(Table("Spread over chips", columns, rows),),
    )


def propagated_tau(context: RunContext) -> float:
    """Standard deviation of ln tau by hand: threshold and mobility of the leak mirror's two transistors."""
    dut = DpiSynapse()
    size = (dut.w_tau, dut.l_tau)
    leak = devices(context, "leak_tt", "p", size, (1e-12, 1e-10), ("tt",))["tt"]
    pelgrom = context.process.pelgrom
    threshold = leak.kappa * pelgrom.sigma_vt("p", *size) / THERMAL
    return math.sqrt(2) * math.hypot(threshold, pelgrom.sigma_mu("p", *size))


def _finite(values: FloatArray) -> FloatArray:
    """Values of the points that succeeded, as one row."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]
