"""Inputs on which a network and its exported copy are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.soma import SpikingSoma
from pysim.mingru.network import MinGruNetwork

SAMPLES, STEPS, SEED = 4, 40, 20


def mingru_inputs(network: MinGruNetwork) -> NDArray[np.float64]:
    """Random inputs (samples, steps, rows): bits, or levels for an analog first layer."""
    rng = np.random.default_rng(SEED)
    first = network.layers[0]
    shape = (SAMPLES, STEPS, first.rows)
    if not first.analog:
        return np.asarray(rng.integers(0, 2, shape), dtype=np.float64)
    # One level for all rows, as networks with one analog signal have it; multiples of 1/256, as pixels are, so that
    # sums do not depend on their order.
    levels = rng.integers(0, 257, (SAMPLES, STEPS, 1)) / 256.0
    return np.broadcast_to(levels, shape).copy()


def delay_events(layer: DelayLayer, factor: float = 1.0) -> Events:
    """Poisson-like events, as dense as a tenth of the neurons' threshold in every step on average, at most 5 %.

    ``factor`` makes them denser, at most 50 %.
    """
    rng = np.random.default_rng(SEED)
    threshold = layer.soma.threshold if isinstance(layer.soma, SpikingSoma) else 1.0
    strength = float(
        np.abs(layer.weights).sum(axis=tuple(k for k in range(layer.weights.ndim) if k != 1)).mean()
    )
    density = min(0.05, 0.1 * threshold / max(strength, 1e-300)) if strength else 0.05
    steps = 4 * STEPS + int(layer.delays.max())
    return Events.from_dense(
        rng.random((SAMPLES, steps, layer.inputs)) < min(factor * max(density, 0.005), 0.5)
    )
