"""Calibration table of a delay cell: entries of the fits with their spread, and the assumed memory."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from calibration.entry import Entry, Parameter, Variation
from calibration.fit import FitResult
from calibration.table import CalibrationTable, Provenance
from circuits.deck import Simulator
from circuits.families.denram_branch import DenramBranch
from circuits.families.denram_cell import VARIANTS, DelayCell
from circuits.families.denram_delay import DelaySpike
from circuits.families.denram_derived import DelayRearm
from circuits.families.denram_static import DelayLeakage, DelayTrip
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Pool
from circuits.process import Process, get_process
from circuits.testbench import Conditions, Testbench
from spicetwin.calibrate import denram_weight
from spicetwin.calibrate.block import T_REF, entries
from spicetwin.calibrate.denram import (
    BOXES,
    DEFAULT,
    POINTS,
    SEED,
    VariantCalibration,
    calibrate_variant,
    quantities,
)
from spicetwin.calibrate.design import Box, Range
from spicetwin.calibrate.origin import netlist_digests, simulated_provenance
from spicetwin.calibrate.spread import CORNER_SIGMAS, die, log_sigma

#: Memory of the tables; nothing measured gives these resistances, and the spread is that of the published model.
ASSUMED_SIGMA, ASSUMED_CYCLE, ASSUMED_SINH = 0.4, 0.1, 0.3

#: Relative spread of a capacitor of 1 fF; falls as 1/sqrt(C). Assumed.
A_C = 0.01

#: Slope of ln I against the gate voltage times U_T, for the spread of currents; assumed.
KAPPA = 0.72

#: Transistors that set the current of the pulse, and the one that leaks.
PULSE_MIRRORS = ("p.pb", "p.pm", "p.nb", "p.d")
LEAKING: Mapping[str, str] = {
    "decay_schmitt": "core.tp",
    "charge_comparator": "core.rst",
    "charge_schmitt": "core.rst",
}


def table_name(variant: str, process: str) -> str:
    """``denram_<process>`` for the default variant, ``denram_<variant>_<process>`` for the others."""
    return f"denram_{process}" if variant == DEFAULT else f"denram_{variant}_{process}"


@dataclasses.dataclass(frozen=True)
class DelayCalibration:
    """Calibration of a variant with the weight cell's fit (default variant only) and its table."""

    variant: VariantCalibration
    weight: FitResult | None
    table: CalibrationTable

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict of every fit."""
        return {name: str(fit.verdict) for name, fit in self._fits().items()}

    @property
    def reasons(self) -> dict[str, str]:
        """What is wrong with every fit."""
        return {name: "; ".join(fit.reasons) for name, fit in self._fits().items()}

    def _fits(self) -> dict[str, FitResult]:
        own = {"element": self.variant.fit}
        return own if self.weight is None else {**own, "weight": self.weight}


def calibrate_delays(
    pool: Pool,
    process: str,
    version: str,
    created: str,
    *,
    variant: str = DEFAULT,
    dpi: CalibrationTable | None = None,
    memory: CalibrationTable | None = None,
    quick: bool = False,
) -> DelayCalibration:
    """Calibrate a variant on a process; with a table of the DPI family the weight cell too.

    ``memory``: a table whose ``denram.*`` entries take the place of the assumed memory; its data files count as
    sources.

    Raises
    ------
    SimulationError
        When too little could be simulated.
    """
    done = calibrate_variant(pool, variant, process, quick=quick)
    found = _entries(pool, process, done)
    weight = None
    if dpi is not None:
        p = {name: fitted.value for name, fitted in done.fit.parameters.items()}
        weight = denram_weight.fit_weight(
            pool,
            process,
            dpi,
            element_fields(variant, p, process),
            lambda temperature: pulse_width(p, process, temperature),
            quick=quick,
        )
        box = {"conductance": denram_weight.CONDUCTANCE, "temperature": denram_weight.TEMPERATURE}
        found |= entries("denram", denram_weight.QUANTITIES, {"": weight}, box, _reference(variant, process))
    provenance = _provenance(pool, process, variant, dpi, quick=quick)
    if memory is not None:
        found |= {name: entry for name, entry in memory.entries.items() if name.startswith("denram.")}
        provenance = dataclasses.replace(provenance, sources=memory.provenance.sources)
    kind = VARIANTS[variant]
    table = CalibrationTable(
        name=table_name(variant, process),
        version=version,
        created=created,
        entries=found,
        provenance=provenance,
        description=(
            f"Delay cell {kind.name} on {process}, fitted to ngspice transients; the memory's resistance is assumed, "
            + ("its sinh and spread are measured" if memory is not None else "and so are its sinh and spread")
        ),
        licence="Apache-2.0",
    )
    return DelayCalibration(done, weight, table)


def element_fields(variant: str, parameters: Mapping[str, float], process: str) -> dict[str, float]:
    """Fields of the typical element at the default memory and levels of a variant."""
    cell, laws = VARIANTS[variant](), quantities(variant)
    supply = get_process(process).supply
    trip = supply if variant.endswith("schmitt") else cell.v_th

    def value(name: str, level: float = cell.v_set) -> float:
        at = {"level": level, "temperature": T_REF}
        return laws[name].value(parameters, at) if name in laws else 0.0

    return {
        "resistance": cell.r_read,
        "v_sinh": cell.v_sinh,
        "capacitance": value("c_delay"),
        "v_start": value("v_start"),
        "v_trip": value("v_trip", trip),
        **{name: value(name) for name in ("i_leak", "g_leak", "t_stage", "lag")},
    }


def pulse_width(parameters: Mapping[str, float], process: str, temperature: float) -> float:
    """Width of the output pulse at the process's supply and a temperature (s)."""
    at = {"supply": get_process(process).supply, "temperature": temperature}
    return quantities(DEFAULT)["t_pulse"].value(parameters, at)


def _reference(variant: str, process: str) -> dict[str, float | str]:
    """Conditions of the entries, and what an input is where it is not given."""
    cell, box = VARIANTS[variant](), BOXES[variant]
    supply = get_process(process).supply
    return {
        "circuit": cell.name,
        "topology": cell.topology,
        "corner": "tt",
        "supply": supply,
        "temperature": T_REF,
        "v_set": supply if variant.endswith("schmitt") else cell.v_set,
        "v_th": cell.v_th,
        "r_read_low": box["r_read"].low,
        "r_read_high": box["r_read"].high,
    }


def _entries(pool: Pool, process: str, done: VariantCalibration) -> dict[str, Entry]:
    """Entries of the element with their spread, of the memory and of the re-arm time."""
    variant, box = done.variant, BOXES[done.variant]
    reference = _reference(variant, process)
    supply = get_process(process).supply
    level: Box = {"level": Range(supply, supply, "V", log=False), "supply": Range(supply, supply, "V"), **box}
    if variant.endswith("schmitt"):
        level = {**level, "supply": box["v_set"]}
    found: dict[str, Entry] = {}
    trip = "v_set" if variant.endswith("schmitt") else "v_th"
    for name, quantity in quantities(variant).items():
        rail = trip if name == "v_trip" else "v_set"
        own = {**level, "level": box[rail]}
        ((key, entry),) = entries("denram", {name: quantity}, {"": done.fit}, own, reference).items()
        found[key] = _renamed(entry, rail)
    found |= _memory(variant, reference)
    spreads = _spreads(pool, process, variant)
    found = {
        key: dataclasses.replace(entry, variation=(*entry.variation, *spreads.get(entry.quantity, ())))
        for key, entry in found.items()
    }
    if variant.startswith("charge"):
        rearm = _one(pool, DelayRearm(dut=VARIANTS[variant](), halvings=7.0), process, supply)["t_rearm"]
        found["denram.t_rearm"] = _constant("t_rearm", "s", rearm, "linear", reference)
    return found


def _renamed(entry: Entry, rail: str) -> Entry:
    """The entry with its law's ``level`` under the name of the rail; levels and leakage may have either sign."""
    if entry.quantity in ("v_start", "v_trip", "i_leak", "g_leak", "t_stage"):
        entry = dataclasses.replace(entry, scale="linear")
    domain, reference = dict(entry.domain or {}), dict(entry.reference or {})
    if "level" not in domain:
        return entry
    domain = {rail if name == "level" else name: box for name, box in domain.items()}
    return dataclasses.replace(entry, domain=domain, arguments={rail: "level"}, reference=reference)


def _constant(name: str, unit: str, value: float, scale: Any, reference: Mapping[str, float | str]) -> Entry:
    return Entry(
        name,
        unit,
        "constant",
        {"value": Parameter(value, unit, vary=False)},
        scale=scale,
        reference=dict(reference),
    )


def _memory(variant: str, reference: Mapping[str, float | str]) -> dict[str, Entry]:
    """The assumed memory: resistance with the published model's spread, and its sinh."""
    tag = {**reference, "tag": "assumed"}
    r_hrs = _constant("r_hrs", "Ohm", assumed_resistance(variant), "log", tag)
    between = math.sqrt(ASSUMED_SIGMA**2 - ASSUMED_CYCLE**2)
    spread = (
        Variation("within_die", "lognormal", between, kind="published statistic"),
        Variation("cycle", "lognormal", ASSUMED_CYCLE, kind="virtual"),
    )
    return {
        "denram.r_hrs": dataclasses.replace(r_hrs, variation=spread),
        "denram.sinh_v": _constant("sinh_v", "V", ASSUMED_SINH, "log", tag),
    }


def assumed_resistance(variant: str) -> float:
    """Median memory of a variant's table (ohm); assumed. Smaller for a charge, in the middle of its fitted range."""
    resistance = VARIANTS[variant]().r_read
    return resistance if variant.startswith("decay") else resistance / 5.0


def _spreads(pool: Pool, process: str, variant: str) -> dict[str, tuple[Variation, ...]]:
    """Mismatch by Pelgrom's law and corners as dies, by quantity."""
    technology, cell = get_process(process), VARIANTS[variant]()
    corners = _corners(pool, process, variant)
    trips = {c: v["v_trip"] for c, v in corners.items()}
    widest = max(abs(v - trips["tt"]) for v in trips.values())
    capacitor = A_C * math.sqrt(1e-15 / cell.c_delay)
    found: dict[str, tuple[Variation, ...]] = {
        "c_delay": (Variation("within_die", "lognormal", capacitor, kind="virtual"),),
        "v_trip": (
            Variation("die", "normal", widest / CORNER_SIGMAS, n=len(trips) - 1, kind="virtual"),
            Variation("within_die", "normal", trip_sigma(cell, technology), kind="virtual"),
        ),
    }
    for name, transistors in (("t_pulse", PULSE_MIRRORS), ("i_leak", (LEAKING.get(variant, ""),))):
        if transistors == ("",):
            continue
        ratios = {c: abs(v[name] / corners["tt"][name]) for c, v in corners.items() if c != "tt"}
        sigma = log_sigma(transistors, cell, technology, KAPPA, T_REF)
        within = Variation("within_die", "lognormal", sigma, kind="virtual")
        found[name] = (die(ratios), within)
    return found


def trip_sigma(cell: DelayCell, process: Process) -> float:
    """Standard deviation of the trip level by Pelgrom's law (V).

    Comparator: pair and mirror in weak inversion, sqrt(2 (s_p^2 + s_n^2)). Schmitt trigger: by the square law, half of
    the threshold of the transistor that conducts at the trip and of its feedback transistor.
    """
    geometries = cell.geometries()

    def sigma(name: str) -> float:
        polarity, width, length = geometries[f"th.{name}"]
        return process.pelgrom.sigma_vt(polarity, width, length)

    if cell.stage == "comparator":
        return math.sqrt(sigma("a") ** 2 + sigma("b") ** 2 + sigma("c") ** 2 + sigma("d") ** 2)
    side = "p" if cell.topology == "decay" else "n"
    return 0.5 * math.hypot(sigma(f"{side}1"), sigma(f"{side}3"))


def _corners(pool: Pool, process: str, variant: str) -> dict[str, dict[str, float]]:
    """Trip level, pulse and leakage at every corner."""
    technology = get_process(process)
    items = [(VARIANTS[variant](), process, corner) for corner in technology.corners]
    found: dict[str, dict[str, float]] = {}
    for outcome in pool.map(_corner, items):
        if outcome.value is None:
            raise SimulationError(f"{variant} at {outcome.item[2]}: {outcome.error}")
        found[outcome.item[2]] = outcome.value
    return found


def _corner(simulator: Simulator, item: tuple[DelayCell, str, str]) -> dict[str, float]:
    """Observables of one corner; called in a worker."""
    cell, name, corner = item
    process, conditions = get_process(name), Conditions(corner=corner)
    trips = DelayTrip(dut=cell).run(simulator, process, conditions)
    return {
        "v_trip": trips["v_minus" if cell.topology == "decay" else "v_plus"],
        "t_pulse": DelaySpike(dut=cell, tail=0.3).run(simulator, process, conditions)["t_pulse"],
        "i_leak": DelayLeakage(dut=cell).run(simulator, process, conditions)["i_trip"],
    }


def _one(pool: Pool, bench: Testbench, process: str, supply: float) -> dict[str, float]:
    """Observables of one testbench."""
    (outcome,) = pool.map(_observe, [(bench, process, supply)])
    if outcome.value is None:
        raise SimulationError(f"{bench.name}: {outcome.error}")
    return outcome.value


def _observe(simulator: Simulator, item: tuple[Testbench, str, float]) -> dict[str, float]:
    """Observables of a testbench at a supply; called in a worker."""
    bench, process, supply = item
    return bench.run(simulator, get_process(process), Conditions(supply=supply))


def _provenance(
    pool: Pool, process: str, variant: str, dpi: CalibrationTable | None, *, quick: bool
) -> Provenance:
    """Netlists, cards, simulator, design, package."""
    cell = VARIANTS[variant]()
    netlists = netlist_digests(
        [*cell.netlist_files(), *(DenramBranch().netlist_files() if dpi is not None else ())]
    )
    plan = {
        "points": POINTS[1 if quick else 0],
        "seed": SEED,
        "box": {name: [r.low, r.high, r.unit] for name, r in BOXES[variant].items()},
        "dpi_table": "" if dpi is None else dpi.reference,
    }
    described = json.dumps([cell.values(), netlists], sort_keys=True)
    return simulated_provenance(pool, process, [cell], netlists, described, plan, SEED)
