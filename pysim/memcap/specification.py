"""Description of a run of a recurrent memcapacitive network on drawn chips in TOML; see examples/chips_memcap.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.table import TABLES
from pysim.errors import ModelError
from pysim.memcap.bank import ROUTINES, MembraneModel
from pysim.memcap.chip import COMPENSATIONS, Deployment, TrainedNetwork
from pysim.memcap.draw import SOURCES
from pysim.specification import Specification

FAMILY = "memcap"
TASKS = ("multiscale_xor", "fsdd")
#: Name of the model of hand estimates, in place of a calibrated table.
ASSUMED = "assumed"

_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
_SHARE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["family", "network", "table", "task"],
    "properties": {
        "family": {"enum": [FAMILY]},
        "network": _TEXT,
        "table": _TEXT,
        "task": {"enum": list(TASKS)},
        "data": _TEXT,
        "samples": _COUNT,
        "chips": _COUNT,
        "seed": {"type": "integer", "minimum": 0},
        "sources": {"type": "array", "items": {"enum": list(SOURCES)}, "uniqueItems": True},
        "units": {"type": "number", "minimum": 1},
        "routine": {"enum": list(ROUTINES)},
        "compensation": {"enum": list(COMPENSATIONS)},
        "sigma_weight": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "tolerance": _SHARE,
    },
}


@dataclass(frozen=True)
class MemcapExperiment:
    """A trained network, how it is brought onto chips, and the task.

    Attributes
    ----------
    network, deployment, task
        What runs, on what chips, and the name of the task.
    data
        Folder of the task's files.
    samples
        Test samples of the XOR task.
    chips, seed
        Number of chips and seed of the ensemble.
    table
        Reference of the table, for the record.
    """

    network: TrainedNetwork
    deployment: Deployment
    task: str
    data: Path | None
    samples: int
    chips: int
    seed: int
    table: str

    @classmethod
    def read(cls, path: Path, networks: Path, tables: Path | str = TABLES) -> MemcapExperiment:
        """Read a description; ``networks`` is where networks given by name lie.

        Raises
        ------
        ModelError
            Naming the file, the line, what is wrong and what is accepted.
        TableError
            For an unknown table.
        """
        s = Specification.read(path, SCHEMA)
        units = float(s.value("units", 8.0))
        if s.document["table"] == ASSUMED:
            membrane, reference = MembraneModel(most=units), ASSUMED
        else:
            table = s.table(tables)
            membrane, reference = MembraneModel.calibrated(table, units), table.reference
        data = s.value("data", None)
        network = _network(s, networks)
        try:
            membrane.check(network.tau)
        except ModelError as error:
            raise s.error(["units"] if "units" in s.document else ["network"], str(error)) from error
        return cls(
            network,
            Deployment(
                membrane=membrane,
                routine=s.value("routine", ROUTINES[0]),
                compensation=s.value("compensation", COMPENSATIONS[-1]),
                sigma_weight=float(s.value("sigma_weight", 0.05)),
                sources=tuple(s.value("sources", list(SOURCES))),
                tolerance=float(s.value("tolerance", 0.05)),
            ),
            s.document["task"],
            None if data is None else s.path.parent / data,
            s.value("samples", 1000),
            s.value("chips", 50),
            s.value("seed", 0),
            reference,
        )


def describes_memcap(path: Path | str) -> bool:
    """Whether a TOML file describes a run of a memcapacitive network; unreadable files do not."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8")).get("family") == FAMILY
    except (OSError, ValueError):
        return False


def _network(s: Specification, networks: Path) -> TrainedNetwork:
    given = s.document["network"]
    if given.endswith(".npz"):
        return TrainedNetwork.load(s.path.parent / given)
    known = {path.stem: path for path in sorted(networks.glob("memcap_*.npz"))}
    if given not in known:
        accepted = ", ".join([*known, "a path ending in .npz"])
        raise s.error(["network"], f"{given!r} is no network; accepted: {accepted}")
    return TrainedNetwork.load(known[given])
