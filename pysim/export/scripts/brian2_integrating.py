"""Delay layer of integrating somata in Brian2, in amperes; the published model of dendritic delays.

    I_mem <- max(0, exp(-dt / tau_m) I_mem + sum of the weights that arrive in the step)

An event of input i reaches the synapse (i, j) delay(i, j) steps later. The answer of a neuron is its largest I_mem.

    python FILE EVENTS.npz PEAKS.npz

runs the events of one NPZ file (arrays sample, step, channel; number of samples and steps) and writes the array
``peak`` (samples, neurons), in units of the weights. As a module: ``neurons, network = build(load(), step, channel)``,
then ``network.run(...)``, then ``neurons.peak``.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping
from typing import Any

import brian2
import numpy as np

#: NPZ file in base64.
DATA = ""
#: Current of a weight of 1 (A); only ratios of currents matter.
I_UNIT = 1e-9

MEMBRANE = """
i_mem : amp
arriving : amp
peak : amp
"""
STEP = """
i_mem = clip(keep * i_mem + arriving, 0 * amp, 1e6 * amp)
peak = clip(peak, i_mem, 1e6 * amp)
arriving = 0 * amp
"""


def load() -> dict[str, Any]:
    """Arrays of the layer."""
    with np.load(io.BytesIO(base64.b64decode(DATA)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def build(data: Mapping[str, Any], step: Any, channel: Any) -> tuple[Any, Any]:
    """Neurons and network, driven by events of ``channel`` in ``step``."""
    dt = float(data["dt"]) * brian2.second
    keep = float(np.exp(-float(data["dt"]) / float(data["tau_membrane"])))
    neurons = brian2.NeuronGroup(int(data["neurons"]), MEMBRANE, namespace={"keep": keep}, dt=dt)
    # Behind the synapses: what arrives in a step counts in it.
    neurons.run_regularly(STEP, dt=dt, when="end")
    inputs = brian2.SpikeGeneratorGroup(int(data["inputs"]), channel, step * dt, dt=dt)
    synapses = brian2.Synapses(inputs, neurons, "w : amp", on_pre="arriving_post += w", dt=dt)
    synapses.connect(i=data["source"].astype(int), j=data["target"].astype(int))
    synapses.w = data["weight"][0] * float(data["grid"]) * I_UNIT * brian2.amp
    synapses.delay = data["delay"] * dt
    return neurons, brian2.Network(neurons, inputs, synapses)


def main(events: str, peaks: str) -> None:
    """Run every sample of a file of events."""
    brian2.prefs.codegen.target = "numpy"
    data = load()
    found = []
    with np.load(events, allow_pickle=False) as given:
        for sample in range(int(given["samples"])):
            mine = given["sample"] == sample
            neurons, network = build(data, given["step"][mine], given["channel"][mine])
            network.run(int(given["steps"]) * float(data["dt"]) * brian2.second)
            found.append(np.asarray(neurons.peak / (I_UNIT * brian2.amp)))
    np.savez(peaks, peak=np.stack(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
