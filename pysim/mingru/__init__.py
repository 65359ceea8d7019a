"""Switched-capacitor minGRU cores: ideal or as drawn chips, in NumPy and compiled."""

from pysim.mingru.archive import Readout
from pysim.mingru.chip import MinGruChip, ideal_chip
from pysim.mingru.effects import GROUPS, CoreEffects
from pysim.mingru.energy import EnergyCost
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork
from pysim.mingru.run import LayerTrace, MinGruRun

__all__ = [
    "GROUPS",
    "CoreEffects",
    "EnergyCost",
    "LayerTrace",
    "MinGruChip",
    "MinGruLayer",
    "MinGruNetwork",
    "MinGruRun",
    "Readout",
    "ideal_chip",
]
