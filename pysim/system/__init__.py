"""Networks of layers of several circuit families, drawn as frozen chips."""

from pysim.system.delay_layer import DelayedSpikes
from pysim.system.dpi_layer import DpiPopulation, DpiProjection
from pysim.system.layer import SOURCES, Conditions, LayerRun
from pysim.system.memcap_layer import MemcapSpikes
from pysim.system.mingru_layer import MinGruStack
from pysim.system.network import NetworkRun, SystemChip, SystemNetwork
from pysim.system.readout import LinearReadout, counting, ridge
from pysim.system.recurrent_layer import RecurrentPopulation
from pysim.system.signal import Signal

__all__ = [
    "SOURCES",
    "Conditions",
    "DelayedSpikes",
    "DpiPopulation",
    "DpiProjection",
    "LayerRun",
    "LinearReadout",
    "MemcapSpikes",
    "MinGruStack",
    "NetworkRun",
    "RecurrentPopulation",
    "Signal",
    "SystemChip",
    "SystemNetwork",
    "counting",
    "ridge",
]
