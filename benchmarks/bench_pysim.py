"""Speed of the behavioural simulator: compiled kernels against the NumPy definition, measured side by side.

Run ``python benchmarks/bench_pysim.py``; prints one JSON object. ``ratio`` is NumPy time over numba time for
the same spikes; ``real_time`` is simulated neuron-seconds per second of wall time with numba.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from pysim.network import Network, Projection, poisson
from pysim.neurons.dpi import DpiNeuron, SigmoidFeedback
from pysim.synapses.dpi import Backend, DpiSynapse

DURATION = 0.5


def population(chips: int, neurons: int) -> Network:
    """Chips with log-normal mismatch under Poisson input of 16 sources at 50 Hz a neuron."""
    rng = np.random.default_rng(1)
    shape = (chips, neurons)
    soma = DpiNeuron(
        tau=20e-3 * np.exp(0.2 * rng.standard_normal(shape)),
        i_tau=5e-12,
        i_gain=20e-12,
        i_threshold=2e-9,
        i_reset=1e-12,
        t_refractory=2e-3,
        feedback=SigmoidFeedback(i_feedback=20e-12, i_feedback_threshold=1e-9, i_feedback_norm=0.2e-9),
    )
    synapse = DpiSynapse(
        tau=10e-3 * np.exp(0.2 * rng.standard_normal(shape)),
        i_gain=20e-12,
        i_weight=20e-9,
        i_tau=5e-12,
        t_pulse=10e-6,
    )
    source = poisson(64, 50.0, DURATION, rng)
    wires = rng.random((neurons, 64)) < 0.25
    return Network(soma, (Projection("drive", synapse, wires, source),))


def seconds(network: Network, backend: Backend, repeats: int) -> float:
    """Best wall time of a few runs, the cross-check of the integration error included."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        network.run(DURATION, backend=backend)
        best = min(best, time.perf_counter() - start)
    return float(best)


def run() -> Iterator[dict[str, Any]]:
    """Ratio to the definition, simulated time per second, and the integration error that comes with it."""
    few, many = population(2, 16), population(40, 16)
    few.run(0.01)  # compile
    compiled, definition = seconds(few, "numba", 3), seconds(few, "numpy", 1)
    large = seconds(many, "numba", 2)
    yield {"quantity": "NumPy definition / numba kernel", "value": definition / compiled, "unit": ""}
    yield {"quantity": "simulated neuron time / wall time", "value": many.size * DURATION / large, "unit": ""}
    shift = few.run(DURATION).error.spike_shift
    yield {
        "quantity": "largest spike shift / interval",
        "value": shift,
        "unit": "",
        "target": "<= 0.001",
        "met": shift <= 1e-3,
    }


if __name__ == "__main__":
    for row in run():
        print(row)
