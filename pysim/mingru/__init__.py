"""Switched-capacitor minGRU cores: ideal or as drawn chips, in NumPy and compiled."""

from pysim.mingru.archive import Readout
from pysim.mingru.chip import MinGruChip, ideal_chip
from pysim.mingru.draw import SOURCES, assumed_table, draw
from pysim.mingru.effects import GROUPS, CoreEffects
from pysim.mingru.energy import EnergyCost
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork
from pysim.mingru.run import LayerTrace, MinGruRun

__all__ = [
    "GROUPS",
    "SOURCES",
    "CoreEffects",
    "EnergyCost",
    "LayerTrace",
    "MinGruChip",
    "MinGruLayer",
    "MinGruNetwork",
    "MinGruRun",
    "Readout",
    "assumed_table",
    "draw",
    "ideal_chip",
]
