"""Provenance of a calibration: netlists, cards, simulator, design, package."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from calibration.table import Provenance
from circuits.families.dpi import DpiNeuron, DpiSynapse
from circuits.ngspice.pool import Pool
from spicetwin.calibrate import adaptation, neuron, synapse
from spicetwin.calibrate.dpi import POINTS, SEEDS, adapting_box
from spicetwin.calibrate.origin import netlist_digests, simulated_provenance


def now() -> str:
    """UTC time as tables hold it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def provenance(pool: Pool, process: str, *, quick: bool) -> Provenance:
    """Provenance of a calibration of the DPI family on ``process``."""
    circuits = (DpiSynapse(), DpiNeuron())
    netlists = netlist_digests(c.netlist for c in circuits)
    boxes = {
        "synapse": synapse.BOX,
        "neuron": {**neuron.BOX, "overdrive": neuron.OVERDRIVE},
        "adapting": adapting_box(),
        "adaptation": adaptation.BOX,
    }
    plan = {
        block: {
            "points": POINTS[block][1 if quick else 0],
            "seed": SEEDS[block],
            "box": {name: [r.low, r.high, r.unit] for name, r in box.items()},
        }
        for block, box in boxes.items()
    }
    described = json.dumps([c.values() for c in circuits], sort_keys=True) + json.dumps(
        netlists, sort_keys=True
    )
    return simulated_provenance(pool, process, circuits, netlists, described, plan, SEEDS["synapse"])
