"""Provenance of a calibration: netlists, cards, simulator, design, package."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib.resources import files

from calibration.table import Provenance
from circuits.families.dpi import DpiNeuron, DpiSynapse
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from spicetwin.calibrate import adaptation, neuron, synapse
from spicetwin.calibrate.dpi import POINTS, SEEDS, adapting_box
from spicetwin.calibrate.origin import with_package


def now() -> str:
    """UTC time as tables hold it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def provenance(pool: Pool, process: str, *, quick: bool) -> Provenance:
    """Provenance of a calibration of the DPI family on ``process``."""
    technology = get_process(process)
    circuits = (DpiSynapse(), DpiNeuron())
    geometries = [g for circuit in circuits for g in circuit.geometries().values()]
    netlists = {
        c.netlist: hashlib.sha256(files("netlists").joinpath(c.netlist).read_bytes()).hexdigest()
        for c in circuits
    }
    values = json.dumps([c.values() for c in circuits], sort_keys=True)
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
    return with_package(
        Provenance(
            kind="virtual",
            circuit_digest=hashlib.sha256(
                (values + json.dumps(netlists, sort_keys=True)).encode()
            ).hexdigest(),
            netlist_sha256=netlists,
            model_cards_sha256={c: technology.digest(c, geometries) for c in technology.corners},
            process=process,
            simulator="ngspice",
            simulator_version=pool.simulator,
            plan=json.dumps(plan, sort_keys=True),
            seed=SEEDS["synapse"],
        )
    )
