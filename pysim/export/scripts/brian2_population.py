"""Population of DPI neurons with DPI synapses in Brian2: every current in amperes.

Membrane, y = ln(x / I_gain) of its current x; ``active`` is the part of a step behind the refractory time:

    tau dy/dt = I_share/I_tau - (1 + I_shunt/I_tau) (1 + leak_slope (y - y_threshold)) + I_fb/I_tau + I_floor/x

Synapse, z = ln(x / I_floor); ``on`` is the part of a step in which its pulse lasts:

    tau dz/dt = on max(r / (1 + u), floor) + (1 - on) exp(-z/kappa) - 1,   u = (x / I_gain)^m
    I = I_spec ln^2(1 + sqrt(x / I_spec))

All sources of a projection drive the one circuit of a neuron; a spike during a pulse extends it. Crossings are found
between the ends of a step (variable ``at``), and the refractory time counts from them. Events lie on steps.

    python FILE INPUTS.npz SPIKES.npz

runs for the time in the array ``duration`` (s) and writes the arrays neuron and time (s). As a module:
``monitor, network = build(load())``, then ``network.run(...)``.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import brian2
import numpy as np

#: NPZ file in base64.
DATA = ""

MEMBRANE = """
dy/dt = active * ((i_share - (i_tau + i_shunt) * (1 + leak_slope * (yb - y_threshold)) + i_fb) / i_tau
                  + floor_ratio * exp(-yb)) / tau : 1
yb = clip(y, -600, y_threshold + 0.5) : 1
active = clip((t + dt - held) / dt, 0, 1) : 1 (constant over dt)
i_in = i_constant + EXCITATORY : amp
i_eff = i_in * (i_in / i_gain + 1e-300) ** (input_exponent - 1) : amp
ratio = exp(slope_ratio * yb) : 1
i_share = i_eff / (1 + ratio * exp(-root_pair * (sqrt(i_eff * ratio / (1 + ratio)) - sqrt(i_eff / (1 + ratio))))) : amp
i_shunt = INHIBITORY : amp
i_fb = FEEDBACK : amp
at : second
held : second
y_before : 1
"""
SYNAPSE = """
dz_NAME/dt = (on_NAME * clip(r_NAME / (1 + u_NAME), int(z_NAME <= 0), 1e30)
              + (1 - on_NAME) * exp(-z_NAME / kappa_NAME) - 1) / tau_NAME : 1
u_NAME = exp(slope_ratio_NAME * (z_NAME + log(i_floor_NAME / i_gain_NAME))) : 1
on_NAME = clip((until_NAME - t) / dt, 0, 1) : 1 (constant over dt)
i_NAME = i_spec_NAME * log(1 + sqrt(i_floor_NAME * exp(z_NAME) / i_spec_NAME)) ** 2 : amp
until_NAME : second
"""
FEEDBACK = {
    "none": "0 * amp",
    "sigmoid": "fb_0 / (1 + exp(-(i_gain * exp(yb) - fb_1) / fb_2))",
    "power": "fb_0 * exp(fb_1 * (yb + log(i_gain / fb_0)))",
}
RESET = """
at = t + dt * (y_threshold - y_before) / (y - y_before)
held = at + t_refractory
y = y_reset
"""


def load() -> dict[str, Any]:
    """Arrays of the population; ``about``: its projections and feedback."""
    with np.load(io.BytesIO(base64.b64decode(DATA)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def build(data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Monitor of the spikes (their times in ``at``) and network."""
    about = json.loads(str(data["about"]))
    dt = about["dt"] * brian2.second
    blocks = about["projections"] + ([{"name": "own", "inhibitory": True}] if about["adaptation"] else [])
    sums = {
        side: " + ".join(f"i_s{k}" for k, b in enumerate(blocks) if b["inhibitory"] == side) or "0 * amp"
        for side in (False, True)
    }
    text = MEMBRANE.replace("EXCITATORY", sums[False]).replace("INHIBITORY", sums[True])
    text = text.replace("FEEDBACK", FEEDBACK[about["feedback"]])
    text += "".join(SYNAPSE.replace("NAME", f"s{k}") for k in range(len(blocks)))
    text += "\n".join(f"{name} : {unit}" for name, unit in about["units"].items())
    last = f"s{len(blocks) - 1}"
    reset = RESET + (f"until_{last} = t + dt + t_pulse_{last}\n" if about["adaptation"] else "")
    neurons = brian2.NeuronGroup(
        len(data["tau"]), text, threshold="y >= y_threshold", reset=reset, method="rk4", dt=dt
    )
    neurons.run_regularly("y_before = y", dt=dt, when="start")
    for name in about["units"]:
        setattr(neurons, name + "_", data[name])
    neurons.y = "y_reset"
    parts = [neurons]
    for k, projection in enumerate(about["projections"]):
        parts += connected(data, neurons, k, projection, dt)
    monitor = brian2.SpikeMonitor(neurons, variables=["at"], when="after_resets")
    return monitor, brian2.Network(*parts, monitor)


def connected(
    data: Mapping[str, Any], neurons: Any, k: int, projection: Mapping[str, Any], dt: Any
) -> list[Any]:
    """Source and synapses of projection ``k``."""
    source, arrival = neurons, projection["delay"] * brian2.second
    parts = []
    if not projection["recurrent"]:
        # What arrives in a step acts from its end on: a step earlier is in time.
        step = np.maximum(
            np.rint((data[f"events/{k}/time"] + projection["delay"]) / float(dt / brian2.second)) - 1, 0
        )
        channel = data[f"events/{k}/source"].astype(int)
        # One spike of a source a step is all that a generator takes, and all that the circuit sees.
        step, channel = np.unique(np.stack([step, channel]), axis=1)
        source = brian2.SpikeGeneratorGroup(projection["count"], channel.astype(int), step * dt, dt=dt)
        arrival = 0 * brian2.second
        parts.append(source)
    synapses = brian2.Synapses(source, neurons, on_pre=f"until_s{k}_post = t + dt + t_pulse_s{k}_post", dt=dt)
    synapses.connect(i=data[f"connect/{k}/source"].astype(int), j=data[f"connect/{k}/target"].astype(int))
    # A crossing lies half a step behind the begin of its step on average.
    synapses.delay = np.maximum(np.rint(arrival / dt - 0.5), 0) * dt
    return [*parts, synapses]


def main(inputs: str, spikes: str) -> None:
    """Run for the duration that a file names."""
    brian2.prefs.codegen.target = "numpy"
    with np.load(inputs, allow_pickle=False) as given:
        duration = float(given["duration"])
    monitor, network = build(load())
    network.run(duration * brian2.second)
    np.savez(spikes, neuron=np.asarray(monitor.i), time=np.asarray(monitor.at / brian2.second))


if __name__ == "__main__":
    main(*sys.argv[1:])
