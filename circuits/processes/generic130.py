"""generic130: the project's own 130-nm-class BSIM4 pair, the default process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

from circuits.process import Geometry, Pelgrom, Process
from circuits.processes.library import section

PELGROM = Pelgrom(
    a_vt_n=5.0e-9, a_vt_p=6.3e-9, a_mu_n=1.0e-8, a_mu_p=1.0e-8, source="assumed: thresholds as in sky130"
)


@dataclass(frozen=True)
class Generic130(Process):
    """Generic 1.8 V pair from ``netlists/models/generic130.lib``: smooth in W and L, no foundry data."""

    name: str = "generic130"
    description: str = "generic 130-nm-class 1.8 V BSIM4 pair, the project's own (not a foundry model)"
    supply: float = 1.8
    supply_range: tuple[float, float] = (0.8, 1.98)
    corners: tuple[str, ...] = ("tt", "ff", "ss", "sf", "fs")
    min_length: float = 0.5e-6
    min_width: float = 0.5e-6
    pelgrom: Pelgrom = PELGROM

    def _cards(self, corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
        """One pair of cards serves every geometry."""
        return _section(corner)


@lru_cache
def _section(corner: str) -> tuple[str, ...]:
    with as_file(files("netlists").joinpath("models/generic130.lib")) as path:
        return section(path, corner)
