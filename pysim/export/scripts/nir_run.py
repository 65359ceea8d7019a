"""Spikes of a NIR file in the normal form of an importer, run by that importer.

    python nir_run.py EVENTS.npz SPIKES.npz LAYER.nir

The graph's metadata under ``spicetwin`` name the target, the importer's step (s) and the delays. Its inputs are blocks
of channels: block b of the layer's inputs takes their events ``delays[b]`` steps late. Events are arrays sample, step,
channel with the numbers of samples and steps; spikes are arrays sample, step, neuron.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch


def text(value: Any) -> str:
    """Text of the metadata."""
    return value.decode() if isinstance(value, bytes) else str(value)


def stepper(graph: Any, target: str, dt: float) -> Any:
    """Function from inputs of a step and state to spikes and state."""
    if target == "snntorch":
        import snntorch
        from snntorch.import_nir import import_from_nir

        module = import_from_nir(graph)
        for part in module.modules():
            if isinstance(part, snntorch.SpikingNeuron):
                part.reset_mem()
        return lambda x, state: module(x, state)
    if target == "norse":
        from norse.torch import from_nir

        return from_nir(graph, dt=dt)
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(graph, dt=dt)


def batched(graph: Any) -> Any:
    """Function from all inputs (samples, steps, channels) to spikes, for Rockpool."""
    from rockpool.nn.modules.torch.nir import from_nir

    module = from_nir(graph)
    return lambda x: module(x)


def main(events: str, spikes: str, file: str) -> None:
    """Run all samples of a file of events at once."""
    graph = nir.read(file)
    about = graph.metadata["spicetwin"]
    target, dt = text(about["target"]), float(about["importer_dt"])
    delays = np.asarray(about["delays"]).astype(int)
    with np.load(events, allow_pickle=False) as given:
        samples, steps = int(given["samples"]), int(given["steps"])
        sample, step, channel = given["sample"], given["step"], given["channel"]
    inputs = int(np.asarray(about["inputs"]))
    x = np.zeros((steps, samples, len(delays) * inputs), np.float32)
    for block, delay in enumerate(delays.tolist()):
        inside = step + delay < steps
        # Two events of an input in one step count twice.
        np.add.at(x, (step[inside] + delay, sample[inside], block * inputs + channel[inside]), 1.0)
    signal = torch.from_numpy(x)
    with torch.no_grad():
        if target == "rockpool":
            out, _ = batched(graph)(signal.transpose(0, 1))
            found = out.transpose(0, 1).numpy()
        else:
            advance, state, rows = stepper(graph, target, dt), None, []
            for now in signal:
                z, state = advance(now, state)
                rows.append(z[0] if isinstance(z, tuple) else z)
            found = torch.stack(rows).numpy()
    when, of, neuron = np.nonzero(found > 0.5)
    np.savez(spikes, sample=of, step=when, neuron=neuron)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    # Importers print what they find; only errors are of interest.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        main(*sys.argv[1:])
