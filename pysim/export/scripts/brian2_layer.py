"""Spiking delay layer in Brian2: equations in amperes, one delay a synapse.

    tau_m dI_mem/dt = -I_mem + sum over k of I_k,    tau_k dI_k/dt = -I_k,    spike where I_mem >= I_threshold

An event of input i reaches the synapse (i, j) delay(i, j) steps later and raises I_k by the synapse's weight on it.
The threshold is looked at once a step, at its end: the step is part of the model.

    python FILE EVENTS.npz SPIKES.npz

runs the events of one NPZ file (arrays sample, step, channel; number of samples and steps) and writes another (sample,
step, neuron). As a module: ``monitor, network = build(load(), step, channel)``, then ``network.run(...)``.
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
#: Current of a threshold of 1 (A); only ratios of currents matter.
I_UNIT = 1e-9


def load() -> dict[str, Any]:
    """Arrays of the layer."""
    with np.load(io.BytesIO(base64.b64decode(DATA)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def build(data: Mapping[str, Any], step: Any, channel: Any) -> tuple[Any, Any]:
    """Monitor of the spikes and network, driven by events of ``channel`` in ``step``."""
    dt = float(data["dt"]) * brian2.second
    names = [f"i_{k}" for k in range(len(data["tau"]))]
    unit = I_UNIT * brian2.amp
    constants: dict[str, Any] = {
        "i_threshold": float(data["threshold"]) * unit,
        "i_reset": float(data["reset"]) * unit,
        "tau_membrane": float(data["tau_membrane"]) * brian2.second,
        "tau_0": float(data["tau"][0]) * brian2.second,
    }
    one = len(names) == 1
    neurons = brian2.NeuronGroup(
        int(data["neurons"]),
        "di_mem/dt = (i_0 - i_mem) / tau_membrane : amp\ndi_0/dt = -i_0 / tau_0 : amp"
        if one
        else "\n".join(f"{name} : amp" for name in ["i_mem", *names]),
        threshold="i_mem >= i_threshold",
        reset="i_mem = i_reset",
        method="exact" if one else None,
        namespace=constants,
        dt=dt,
    )
    if not one:
        # The same equations by their propagators: a symbolic solution of nine of them takes minutes.
        neurons.run_regularly(propagators(data, names), dt=dt, when="groups")
    inputs = brian2.SpikeGeneratorGroup(int(data["inputs"]), channel, step * dt, dt=dt)
    weights = "\n".join(f"w_{name} : amp" for name in names)
    arrive = "\n".join(f"{name}_post += w_{name}" for name in names)
    synapses = brian2.Synapses(inputs, neurons, weights, on_pre=arrive, dt=dt)
    synapses.connect(i=data["source"].astype(int), j=data["target"].astype(int))
    for name, codes in zip(names, data["weight"], strict=True):
        setattr(synapses, f"w_{name}", codes * float(data["grid"]) * unit)
    synapses.delay = data["delay"] * dt
    monitor = brian2.SpikeMonitor(neurons)
    return monitor, brian2.Network(neurons, inputs, synapses, monitor)


def propagators(data: Mapping[str, Any], names: list[str]) -> str:
    """Exact step of the membrane and its currents, as code."""
    dt, tau_m, tau = float(data["dt"]), float(data["tau_membrane"]), np.asarray(data["tau"], np.float64)
    x = dt * (1.0 / tau_m - 1.0 / tau)
    safe = np.where(x == 0.0, 1.0, x)
    gain = dt / tau_m * np.exp(-dt / tau_m) * np.where(x == 0.0, 1.0, np.expm1(safe) / safe)
    terms = [f"{float(np.exp(-dt / tau_m))!r} * i_mem"]
    terms += [f"{g!r} * {name}" for g, name in zip(gain.tolist(), names, strict=True)]
    lines = [f"i_mem = {' + '.join(terms)}"]
    lines += [f"{name} = {d!r} * {name}" for name, d in zip(names, np.exp(-dt / tau).tolist(), strict=True)]
    return "\n".join(lines)


def main(events: str, spikes: str) -> None:
    """Run every sample of a file of events."""
    brian2.prefs.codegen.target = "numpy"
    data = load()
    found = []
    with np.load(events, allow_pickle=False) as given:
        for sample in range(int(given["samples"])):
            mine = given["sample"] == sample
            monitor, network = build(data, given["step"][mine], given["channel"][mine])
            network.run(int(given["steps"]) * float(data["dt"]) * brian2.second)
            when = np.rint(np.asarray(monitor.t / brian2.second) / float(data["dt"])).astype(int)
            neuron = np.asarray(monitor.i)
            found.append(np.stack([np.full(when.shape, sample), when, neuron]))
    sample_of, when, neuron = np.concatenate(found, axis=1)
    np.savez(spikes, sample=sample_of, step=when, neuron=neuron)


if __name__ == "__main__":
    main(*sys.argv[1:])
