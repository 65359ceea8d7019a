"""Small networks of every circuit family, and of all of them."""

from __future__ import annotations

import numpy as np

from calibration.table import CalibrationTable, load, resolve
from pysim import mingru
from pysim.delays.draw import assumed_table
from pysim.delays.events import Events
from pysim.delays.soma import SpikingSoma
from pysim.mingru import MinGruLayer, MinGruNetwork
from pysim.system import (
    DelayedSpikes,
    DpiPopulation,
    DpiProjection,
    MemcapSpikes,
    MinGruStack,
    Signal,
    SystemNetwork,
    counting,
)

SYNAPSE = {"i_tau": 5e-12, "i_gain": 10e-12, "i_weight": 8e-9, "i_pulse": 3e-9}
NEURON = {"i_tau": 5e-12, "i_gain": 100e-12, "i_threshold": 1e-9, "i_refractory": 400e-12}


def core(rows: int = 8, columns: int = 8, seed: int = 0) -> MinGruNetwork:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (2, rows, columns))
    return MinGruNetwork((MinGruLayer(weight_h=codes[0], weight_z=codes[1], bits=3),))


def mingru_table() -> CalibrationTable:
    """The assumed entries without the size of the core that they were estimated for."""
    import dataclasses

    table = mingru.assumed_table()
    entries = {n: dataclasses.replace(e, reference=None) for n, e in table.entries.items()}
    return dataclasses.replace(table, entries=entries)


def dpi_table() -> CalibrationTable:
    return load(resolve("dpi_generic130@1.1.0"))


def delays(inputs: int = 8, neurons: int = 6, seed: int = 0) -> DelayedSpikes:
    rng = np.random.default_rng(seed)
    return DelayedSpikes(rng.normal(0.1, 0.1, (inputs, neurons)), 5e-3, 20e-3, SpikingSoma())


def integrators(inputs: int = 6, neurons: int = 4, seed: int = 0) -> MemcapSpikes:
    rng = np.random.default_rng(seed)
    return MemcapSpikes(rng.normal(0.2, 0.2, (inputs, neurons)), np.full(neurons, 8.5e-3))


def population(inputs: int = 4, neurons: int = 8) -> DpiPopulation:
    rng = np.random.default_rng(3)
    connection = rng.random((neurons, inputs)) < 0.7
    return DpiPopulation(NEURON, (DpiProjection("drive", connection, SYNAPSE),), tolerance=1e-3)


def spikes(channels: int = 8, samples: int = 4, steps: int = 60, seed: int = 0) -> Signal:
    rng = np.random.default_rng(seed)
    return Signal(events=Events.from_dense(rng.random((samples, steps, channels)) < 0.2))


def mixed() -> tuple[SystemNetwork, tuple[CalibrationTable | None, ...]]:
    """DPI neurons, a minGRU core, synapses with delays, memcapacitive integrators."""
    layers = (population(), MinGruStack(core()), delays(), integrators())
    tables = (dpi_table(), mingru_table(), assumed_table(), None)
    return SystemNetwork(layers, counting(4), ("encoder", "core", "delays", "integrators")), tables
