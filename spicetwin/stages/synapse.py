"""DPI synapse: time constant over decades, temperature, floor, and every observable against hand analysis."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from calibration.fit import Dataset, FitResult, fit, law_model, law_parameters
from calibration.laws import get_law
from calibration.laws.dpi import tau
from circuits.characterisation import Characterisation
from circuits.deck import FloatArray
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_synapse import SynapseDecay, SynapsePair, SynapseTrain, SynapseTurnOn
from circuits.families.dpi_synapse_static import SynapseNoise, SynapseRest
from circuits.plan import Plan
from circuits.testbench import Testbench
from spicetwin.output import engineering
from spicetwin.report.content import curves, observables_table
from spicetwin.report.document import Cell, Check, Figure, Section, Table
from spicetwin.report.figures import observable_by_corner
from spicetwin.report.style import Axis
from spicetwin.stages.context import ROOM, TEMPERATURES, RunContext, value_at
from spicetwin.stages.hand import hand_table
from spicetwin.stages.synapse_hand import hand_rows
from spicetwin.stages.synapse_turn_on import turn_on

#: Leak currents over which the time constant is shown (A), and how many.
RANGE, POINTS, QUICK_POINTS = (50e-15, 500e-12), 13, 5

#: Accepted: deviation of tau from its law; of the decay from an exponential (ln I); of the drift, per kelvin.
TAU_LIMIT, EXPONENTIAL_LIMIT, DRIFT_LIMIT = 0.06, 0.02, 2e-4

COMMAND = "spicetwin characterise dpi_synapse_decay --sweep i_tau=50fA:500pA:log:13 --corners all -o tau.nc"


def synapse(context: RunContext) -> Section:
    """Characterise the synapse and lay it beside its closed forms."""
    corners = context.process.corners
    grid = np.geomspace(*RANGE, QUICK_POINTS if context.quick else POINTS)
    sweep = Plan(SynapseDecay(), context.process, sweeps={"i_tau": tuple(grid)}, corners=corners)
    decades = context.characterise("synapse_tau", sweep)
    law = _tau_law(decades, corners)
    heat = _temperatures(context)
    benches: Mapping[str, Testbench] = {
        "decay": SynapseDecay(),
        "turn_on": SynapseTurnOn(),
        "train": SynapseTrain(),
        "pair": SynapsePair(),
        "noise": SynapseNoise(),
    }
    found = {
        name: context.characterise(f"synapse_{name}", Plan(bench, context.process, corners=corners))
        for name, bench in benches.items()
    }
    rows = hand_rows(context, found)
    rise, rise_figure = turn_on(context, value_at(found["decay"], "tau_syn", corner="tt"))
    return Section(
        "synapse",
        "DPI synapse",
        text=(
            "A spike opens the weight transistor for an extended pulse; the output current rises and decays"
            " exponentially with τ = C U_T / (κ I_τ). A bias current sets τ over four decades.",
            "Hand analysis uses gate sweeps of single transistors at the same corner; nothing is fitted to"
            " what it predicts. Formulas with m = 1 neglect that the pair's slope factor is 11 % above the"
            " output transistor's, which is why the increment comes out low.",
        ),
        checks=(*_tau_checks(decades, law, corners), rise, _drift_check(heat)),
        figures=(_tau_figure(context, decades, law), rise_figure, *_heat_figures(context, heat)),
        tables=(
            hand_table("Hand analysis against simulation, 27 °C", rows, corners),
            _law_table(law),
            _heat_table(heat, corners),
            *(_observables(result) for result in found.values()),
        ),
    )


def _tau_law(decades: Characterisation, corners: tuple[str, ...]) -> dict[str, FitResult]:
    """Fit of tau = C U_T / (kappa (I_tau + I_leak)) by corner, with the capacitor's drawn value."""
    law = get_law("dpi_tau")

    def model(values: Mapping[str, float], dataset: Dataset) -> FloatArray:
        return law_model(values, dataset, law=law)

    start = law_parameters(law, c_syn=DpiSynapse().c_syn, kappa=0.75, i_leak=1e-16)
    start["c_syn"] = dataclasses.replace(start["c_syn"], vary=False)
    fits = {}
    for corner in corners:
        tau = decades.observable("tau_syn").sel(corner=corner).values.ravel()
        good = np.isfinite(tau)
        x = {"i_tau": decades.dataset["i_tau"].values[good], "temperature": np.full(good.sum(), ROOM)}
        fits[corner] = fit(model, [Dataset(corner, x, tau[good], likelihood="lognormal")], start)
    return fits


def _tau_checks(
    decades: Characterisation, law: Mapping[str, FitResult], corners: tuple[str, ...]
) -> tuple[Check, ...]:
    """The law over all decades and corners, and the shape of the decay."""
    worst = 0.0
    for one in law.values():
        part = one.datasets[0]
        worst = max(worst, float(np.max(np.abs(part.dataset.y / part.prediction - 1))))
    span = math.log10(RANGE[1] / RANGE[0])
    shape = float(np.nanmax(decades.observable("ln_residual").values))
    return (
        Check(
            f"τ = C U_T / (κ (I_τ + I_leak)) over {span:.0f} decades of I_τ, {len(corners)} corners",
            f"{100 * worst:.1f} %",
            f"≤ {100 * TAU_LIMIT:.0f} %",
            worst <= TAU_LIMIT,
            COMMAND,
        ),
        Check(
            "The decay is exponential at every level of I_τ, every corner",
            f"{100 * shape:.2f} % largest deviation",
            f"≤ {100 * EXPONENTIAL_LIMIT:.0f} %",
            shape <= EXPONENTIAL_LIMIT,
            COMMAND,
        ),
    )


def _tau_figure(context: RunContext, decades: Characterisation, law: Mapping[str, FitResult]) -> Figure:
    """Time constant against leak current."""
    values = law["tt"].values()
    x = np.geomspace(*RANGE, 100)
    y = tau(x, ROOM, values["c_syn"], values["kappa"], values["i_leak"])
    picture = observable_by_corner(
        Axis("Leak current I_τ", "A", log=True),
        Axis("Decay time τ", "s", log=True),
        curves(decades, "tau_syn", "i_tau"),
        law=(x, y),
    )
    return context.figure(
        "synapse-tau",
        picture,
        "Decay time against leak current on logarithmic axes, five corners on one straight line",
        "Decay time against I_τ at 27 °C. Grey band: C U_T / (κ (I_τ + I_leak)) fitted at tt."
        " Lower panel: each corner over tt.",
    )


def _law_table(law: Mapping[str, FitResult]) -> Table:
    """Fitted slope factor and leakage by corner."""
    rows = []
    for corner, found in law.items():
        known = "kappa" in found.covariance_names
        low, high = found.interval("kappa") if known else (math.nan, math.nan)
        leak = found["i_leak"].value / 1e-15
        rows.append((corner, found["kappa"].value, low, high, leak))
    columns = ("Corner", "κ", "95 % from", "to", "I_leak (fA)")
    return Table("Law of the decay time, fitted by corner (C_syn = 1.5 pF)", columns, tuple(rows))


def _temperatures(context: RunContext) -> tuple[Characterisation, Characterisation]:
    """Decay and rest over temperature, all corners."""
    corners = context.process.corners
    decay, rest = (
        context.characterise(
            f"synapse_{name}_temperature",
            Plan(bench, context.process, corners=corners, temperatures=TEMPERATURES),
        )
        for name, bench in (("decay", SynapseDecay()), ("rest", SynapseRest()))
    )
    return decay, rest


def _drift_check(heat: tuple[Characterisation, Characterisation]) -> Check:
    """A current-biased synapse drifts with U_T: 1/T."""
    cold, _, hot = TEMPERATURES
    ends = [value_at(heat[0], "tau_syn", corner="tt", temperature=t) for t in (cold, hot)]
    drift = math.log(ends[1] / ends[0]) / (hot - cold)
    expected = math.log(hot / cold) / (hot - cold)
    return Check(
        "Drift of τ from −20 to 85 °C is that of U_T (current bias), tt",
        f"{100 * drift:.3f} %/K against {100 * expected:.3f} %/K",
        f"within {100 * DRIFT_LIMIT:.2g} %/K",
        abs(drift - expected) <= DRIFT_LIMIT,
        "spicetwin characterise dpi_synapse_decay --temperatures=-20,27,85 -o drift.nc",
    )


def _heat_figures(context: RunContext, heat: tuple[Characterisation, Characterisation]) -> tuple[Figure, ...]:
    """Decay time and floor against temperature."""
    drift, floor = (
        observable_by_corner(Axis("Temperature", "°C"), y, _celsius(curves(result, name, "temperature")))
        for y, result, name in (
            (Axis("Decay time τ at I_τ = 5 pA", "s"), heat[0], "tau_syn"),
            (Axis("Output floor", "A", log=True), heat[1], "i_floor"),
        )
    )
    return (
        context.figure(
            "synapse-temperature",
            drift,
            "Decay time against temperature, rising slowly and almost equal at all corners",
            "Decay time against temperature: with current bias only U_T drifts, 0.3 % a kelvin.",
        ),
        context.figure(
            "synapse-floor",
            floor,
            "Output floor against temperature, rising by orders of magnitude, corners far apart",
            "Output floor at rest: the off-current of the output transistor, which sets the smallest signal."
            " It is a p transistor: ff coincides with sf, ss with fs.",
        ),
    )


def _heat_table(heat: tuple[Characterisation, Characterisation], corners: tuple[str, ...]) -> Table:
    """Decay time, its drift, and the floor over temperature by corner."""
    cold, _, hot = TEMPERATURES
    rows: list[tuple[Cell, ...]] = []
    for corner in corners:
        times = [value_at(heat[0], "tau_syn", corner=corner, temperature=t) for t in TEMPERATURES]
        floors = [value_at(heat[1], "i_floor", corner=corner, temperature=t) for t in TEMPERATURES]
        drift = 100 * math.log(times[-1] / times[0]) / (hot - cold)
        shown = (engineering(floor, "A", digits=3) for floor in floors)
        rows.append((corner, *(t / 1e-3 for t in times), drift, *shown))
    columns = ("Corner", "τ, −20 °C (ms)", "27 °C", "85 °C", "Drift (%/K)", "Floor, −20 °C", "27 °C", "85 °C")
    return Table("Decay time and floor over temperature, I_τ = 5 pA", columns, tuple(rows))


def _celsius(
    found: Mapping[str, tuple[FloatArray, FloatArray]],
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Curves over kelvin as curves over degrees Celsius."""
    return {label: (kelvin - 273.15, values) for label, (kelvin, values) in found.items()}


def _observables(result: Characterisation) -> Table:
    """Every observable of a testbench by corner, closed."""
    return dataclasses.replace(observables_table(result), folded=True)
