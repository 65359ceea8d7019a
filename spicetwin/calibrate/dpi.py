"""Calibration of the DPI family: simulate, fit the three blocks, attach their spread, make the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibration.entry import Entry, Variation
from calibration.fit import FitResult
from calibration.table import CalibrationTable, Provenance
from circuits.families.dpi import DpiNeuron, DpiSynapse
from circuits.families.dpi_neuron import NeuronSpiking
from circuits.families.dpi_synapse import SynapseDecay
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.pool import Outcome, Pool
from circuits.process import get_process
from circuits.testbench import Conditions, Testbench
from spicetwin.calibrate import adaptation, neuron, spread, synapse
from spicetwin.calibrate.block import T_REF, entries
from spicetwin.calibrate.design import Box, corners_and_fill
from spicetwin.calibrate.neuron_fit import fit_neuron
from spicetwin.calibrate.neuron_trace import NeuronRequest, NeuronTrace, simulate_neuron
from spicetwin.calibrate.synapse_trace import SynapseTrace, calibration_request, simulate_synapse

#: Bias points per block: full and quick.
POINTS: Mapping[str, tuple[int, int]] = {
    "synapse": (64, 24),
    "neuron": (48, 20),
    "adapting": (48, 16),
    "adaptation": (16, 8),
}

#: Seeds of the designs.
SEEDS: Mapping[str, int] = {"synapse": 1, "neuron": 3, "adapting": 4, "adaptation": 5}


@dataclass(frozen=True)
class Calibration:
    """What the calibration of a process produced: traces, fits, table, and the points that failed."""

    process: str
    synapse_traces: tuple[SynapseTrace, ...]
    neuron_traces: tuple[NeuronTrace, ...]
    adaptation_traces: tuple[NeuronTrace, ...]
    fits: Mapping[str, FitResult]
    failures: tuple[tuple[str, Mapping[str, float], str], ...]
    table: CalibrationTable


def calibrate(
    pool: Pool, process: str, version: str, created: str, provenance: Provenance, *, quick: bool = False
) -> Calibration:
    """Run the whole calibration of the DPI family on one process.

    Raises
    ------
    SimulationError
        When more than a quarter of a block's points fail.
    """
    points = {block: n[1] if quick else n[0] for block, n in POINTS.items()}
    requests: dict[str, Sequence[Any]] = {
        "synapse": [
            calibration_request(_without(p, "temperature"), Conditions(temperature=p["temperature"]), process)
            for p in corners_and_fill(synapse.BOX, points["synapse"], SEEDS["synapse"])
        ],
        "neuron": [
            neuron.calibration_request(p, process)
            for p in corners_and_fill(
                {**neuron.BOX, "overdrive": neuron.OVERDRIVE}, points["neuron"], SEEDS["neuron"]
            )
        ],
        "adapting": [
            _adapting_request(p, process)
            for p in corners_and_fill(adapting_box(), points["adapting"], SEEDS["adapting"])
        ],
        "adaptation": [
            adaptation.calibration_request(p, process)
            for p in corners_and_fill(adaptation.BOX, points["adaptation"], SEEDS["adaptation"])
        ],
    }
    failures: list[tuple[str, Mapping[str, float], str]] = []
    s_traces = _collect("synapse", pool.map(simulate_synapse, requests["synapse"]), failures)
    alone = _collect("neuron", pool.map(simulate_neuron, requests["neuron"]), failures)
    trains = _collect("adapting", pool.map(simulate_neuron, requests["adapting"]), failures)
    n_traces = [*alone, *trains]
    a_traces = _collect("adaptation", pool.map(simulate_neuron, requests["adaptation"]), failures)
    widths = synapse.fit_pulse_width(s_traces)
    fits = {
        "pulse": widths,
        "synapse": synapse.fit_traces(s_traces, {k: p.value for k, p in widths.parameters.items()}),
        "neuron": fit_neuron(n_traces),
        "adaptation": adaptation.fit_adaptation([*a_traces, *trains]),
    }
    table = CalibrationTable(
        name=f"dpi_{process}",
        version=version,
        created=created,
        entries=_entries(pool, process, fits),
        provenance=provenance,
        description=f"DPI synapse, neuron and adaptation on {process}, fitted to ngspice transients",
        licence="Apache-2.0",
        references=("Bartolozzi and Indiveri 2007, doi:10.1162/neco.2007.19.10.2581",),
    )
    return Calibration(
        process, tuple(s_traces), tuple(n_traces), tuple(a_traces), fits, tuple(failures), table
    )


def parameters(fits: Mapping[str, FitResult], block: str) -> dict[str, float]:
    """Fit parameters of a block by name, the pulse width's included."""
    own = {name: p.value for name, p in fits[block].parameters.items()}
    return {**{n: p.value for n, p in fits["pulse"].parameters.items()}, **own} if block == "synapse" else own


def adapting_box() -> Box:
    """Biases of neuron and adaptation together; those of the adaptation under the circuit's names."""
    own = {circuit: adaptation.BOX[name] for name, circuit in adaptation.CIRCUIT_NAMES.items()}
    return {**neuron.BOX, **own, "overdrive": neuron.ADAPTING_OVERDRIVE}


def _adapting_request(point: Mapping[str, float], process: str) -> NeuronRequest:
    slow = {name: point[name] for name in adaptation.CIRCUIT_NAMES.values()}
    return neuron.calibration_request({k: v for k, v in point.items() if k not in slow}, process, slow)


def _without(point: Mapping[str, float], name: str) -> dict[str, float]:
    return {k: v for k, v in point.items() if k != name}


def _collect(
    block: str,
    outcomes: Sequence[Outcome[Any, Any]],
    failures: list[tuple[str, Mapping[str, float], str]],
) -> list[Any]:
    good = [o.value for o in outcomes if o.error is None]
    failures += [(block, o.item.biases, str(o.error)) for o in outcomes if o.error is not None]
    if len(good) < 0.75 * len(outcomes):
        first = next(str(o.error) for o in outcomes if o.error is not None)
        raise SimulationError(
            f"{block}: {len(outcomes) - len(good)} of {len(outcomes)} bias points failed: {first}"
        )
    return good


def _entries(pool: Pool, process: str, fits: Mapping[str, FitResult]) -> dict[str, Entry]:
    """Entries of the three blocks with their spread."""
    technology = get_process(process)
    reference: dict[str, float | str] = {
        "corner": "tt",
        "supply": technology.supply,
        "temperature": T_REF,
    }
    corners = corner_ratios(pool, process)
    blocks: tuple[tuple[str, Any, Mapping[str, FitResult], Box, Mapping[str, spread.Pair], Any], ...] = (
        (
            "synapse",
            synapse.QUANTITIES,
            {"": fits["synapse"], "t_pulse": fits["pulse"]},
            synapse.BOX,
            spread.SYNAPSE,
            DpiSynapse(),
        ),
        ("neuron", neuron.QUANTITIES, {"": fits["neuron"]}, neuron.BOX, spread.NEURON, DpiNeuron()),
        (
            "adaptation",
            adaptation.QUANTITIES,
            {"": fits["adaptation"]},
            adaptation.BOX,
            spread.ADAPTATION,
            DpiNeuron(),
        ),
    )
    result: dict[str, Entry] = {}
    for block, quantities, results, box, pairs, circuit in blocks:
        kappa = results[""].parameters["kappa"].value
        mismatch = spread.within_die(pairs, circuit, technology, kappa, T_REF)
        for name, entry in entries(block, quantities, results, box, reference).items():
            terms: list[Variation] = []
            short = name.removeprefix(f"{block}.")
            if name in corners:
                terms.append(spread.die(corners[name]))
            if short in mismatch:
                terms.append(mismatch[short])
            result[name] = replace(entry, variation=tuple(terms))
    return result


def corner_ratios(pool: Pool, process: str) -> dict[str, dict[str, float]]:
    """Quantity -> corner -> value over that at tt, at the default biases."""
    corners = get_process(process).corners
    benches: tuple[tuple[Testbench, Mapping[str, str]], ...] = (
        (
            SynapseDecay(),
            {
                "synapse.tau": "tau_syn",
                "synapse.t_pulse": "t_pulse",
                "synapse.i_floor": "i_floor",
                "synapse.i_weight": "di_spike",
            },
        ),
        (NeuronSpiking(t_run=0.05), {"neuron.i_threshold": "i_threshold"}),
    )
    ratios: dict[str, dict[str, float]] = {}
    for bench, names in benches:
        items = [(bench, process, Conditions(corner=corner)) for corner in corners]
        found = {o.item[2].corner: o.value for o in pool.map(_observe, items) if o.value is not None}
        if "tt" not in found:
            raise SimulationError(f"{bench.name}: the nominal corner failed")
        for quantity, observable in names.items():
            ratios[quantity] = {
                c: float(v[observable] / found["tt"][observable]) for c, v in found.items() if c != "tt"
            }
    return {q: r for q, r in ratios.items() if r and all(np.isfinite(v) and v > 0 for v in r.values())}


def _observe(simulator: Any, item: tuple[Testbench, str, Conditions]) -> dict[str, float]:
    """Observables of one point; called in a worker."""
    bench, process, conditions = item
    return bench.run(simulator, get_process(process), conditions)
