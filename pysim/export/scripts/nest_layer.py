"""Spiking delay layer in NEST.

iaf_psc_exp, or iaf_psc_exp_multisynapse where synapses have time constants of their own:
both integrate tau_m dV/dt = -V + R I, tau_k dI_k/dt = -I_k exactly and look at the threshold at the end of a step, as
the layer does. R is 1 GOhm, so that 1 pA stands for 1 mV. NEST's shortest delay is one step: all delays are one step
longer, and spikes are told one step earlier.

    python FILE EVENTS.npz SPIKES.npz

runs the events of one NPZ file (arrays sample, step, channel; number of samples and steps) and writes another (sample,
step, neuron). As a module: ``recorder, inputs = build(load())``.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping
from typing import Any

import nest
import numpy as np

#: NPZ file in base64.
DATA = ""
#: Membrane: R = tau_m / C = 1 GOhm.
_PF_PER_MS = 1.0
_MS = 1e3
#: Steps before the first event, and what delays are longer by.
_LEAD, _LONGER = 1, 1


def load() -> dict[str, Any]:
    """Arrays of the layer."""
    with np.load(io.BytesIO(base64.b64decode(DATA)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def build(data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Recorder of the spikes, and a generator for every input; the kernel is reset before."""
    nest.ResetKernel()
    dt = float(data["dt"]) * _MS
    nest.resolution = dt
    tau = float(data["tau_membrane"]) * _MS
    taus = [float(t) * _MS for t in data["tau"]]
    membrane: dict[str, Any] = {
        "tau_m": tau,
        "C_m": tau * _PF_PER_MS,
        "E_L": 0.0,
        "V_m": 0.0,
        "V_reset": float(data["reset"]),
        "V_th": float(data["threshold"]),
        "t_ref": 0.0,
    }
    if len(taus) == 1:
        model = "iaf_psc_exp"
        membrane |= {"tau_syn_ex": taus[0], "tau_syn_in": taus[0]}
    else:
        model = "iaf_psc_exp_multisynapse"
        membrane |= {"tau_syn": taus}
    neurons = nest.Create(model, int(data["neurons"]), params=membrane)
    generators = nest.Create("spike_generator", int(data["inputs"]))
    inputs = nest.Create("parrot_neuron", int(data["inputs"]))
    nest.Connect(generators, inputs, "one_to_one", {"delay": dt})
    source = np.asarray(inputs.tolist())[data["source"]]
    target = np.asarray(neurons.tolist())[data["target"]]
    delay = np.round((data["delay"] + float(_LONGER)) * dt, 6)
    for k, codes in enumerate(data["weight"]):
        synapse = {"synapse_model": "static_synapse", "weight": codes * float(data["grid"]), "delay": delay}
        if len(taus) > 1:
            synapse["receptor_type"] = np.full(len(codes), k + 1)
        nest.Connect(source, target, "one_to_one", synapse)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    return recorder, generators


def main(events: str, spikes: str) -> None:
    """Run every sample of a file of events."""
    nest.set_verbosity("M_ERROR")
    data = load()
    dt = float(data["dt"]) * _MS
    found = []
    with np.load(events, allow_pickle=False) as given:
        for sample in range(int(given["samples"])):
            recorder, generators = build(data)
            first = nest.GetStatus(generators, "global_id")[0]
            for channel in np.unique(given["channel"][given["sample"] == sample]).tolist():
                mine = (given["sample"] == sample) & (given["channel"] == channel)
                times = np.round((given["step"][mine] + _LEAD) * dt, 6)
                nest.SetStatus(nest.NodeCollection([first + channel]), {"spike_times": times})
            # A generator's spike reaches its parrot one step later.
            shift = _LEAD + 1 + _LONGER
            nest.Simulate((int(given["steps"]) + shift) * dt)
            seen = recorder.events
            when = np.rint(np.asarray(seen["times"]) / dt).astype(int) - shift
            neuron = np.asarray(seen["senders"]) - 1
            found.append(np.stack([np.full(when.shape, sample), when, neuron]))
    sample_of, when, neuron = np.concatenate(found, axis=1)
    np.savez(spikes, sample=sample_of, step=when, neuron=neuron)


if __name__ == "__main__":
    main(*sys.argv[1:])
