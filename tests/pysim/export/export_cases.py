"""Tables and networks that the tests of the formats share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.table import CalibrationTable, Entry, Interval, Parameter, Provenance
from pysim.delays.layer import DelayLayer
from pysim.delays.soma import SpikingSoma
from pysim.mingru.network import MinGruNetwork

ROOT = Path(__file__).parents[3]


def digits() -> MinGruNetwork:
    """The shipped network on digits: analog first layer, readout."""
    return MinGruNetwork.load(ROOT / "spicetwin" / "networks" / "mingru_digits.npz")


def delay_layer(inputs: int = 20, neurons: int = 9, *, own_tau: bool = False, seed: int = 3) -> DelayLayer:
    """Spiking layer with a delay per synapse and weights of both signs."""
    rng = np.random.default_rng(seed)
    shape = (inputs, neurons)
    tau = rng.lognormal(np.log(1e-2), 0.2, shape) if own_tau else 5e-3
    return DelayLayer(
        weights=rng.normal(4.0, 6.0, shape),
        delays=rng.integers(0, 13, shape).astype(np.uint16),
        soma=SpikingSoma(tau_membrane=15e-3, threshold=1.25, reset=0.125),
        tau_synapse=tau,
    )


def small_table(low: float = 1e-12, high: float = 1e-10) -> CalibrationTable:
    """A constant and a power law of one input."""
    power = {
        "scale": Parameter(3e-3, "s", stderr=1e-4),
        "x_ref": Parameter(1e-11, "A", vary=False),
        "exponent": Parameter(-0.9, "1"),
    }
    entries = {
        "block.tau": Entry(
            "time constant",
            "s",
            "power_law",
            power,
            domain={"current": Interval(low, high, "A")},
            arguments={"current": "x"},
            scale="log",
        ),
        "block.gain": Entry("gain", "1", "constant", {"value": Parameter(-0.25, "1")}),
    }
    return CalibrationTable(
        "small", "1.0.0", "2026-11-21T00:00:00Z", entries, Provenance("virtual", plan="a test"), "Small."
    )
