"""DPI populations on one drawn chip as named arrays with units, the form that simulators of equations take."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.export.exporter import At, ExportError
from pysim.network import Network
from pysim.neurons.dpi import DpiNeuron, NoFeedback, PowerFeedback, SigmoidFeedback, TableFeedback
from pysim.synapses.dpi import DpiSynapse

Arrays = dict[str, NDArray[Any]]

#: Weak inversion at every level: a specific current that bends nothing (A).
_NO_BEND = 1.0
#: Steps in the shortest pulse and refractory time, and in the shortest time constant.
_PULSE, _TAU = 10, 200
_SYNAPSE = {
    "i_gain": "amp",
    "t_pulse": "second",
    "slope_ratio": "1",
    "kappa": "1",
    "i_floor": "amp",
    "tau": "second",
}
_FEEDBACK: dict[type, tuple[str, tuple[str, ...]]] = {
    NoFeedback: ("none", ()),
    SigmoidFeedback: ("sigmoid", ("amp", "amp", "amp")),
    PowerFeedback: ("power", ("amp", "1")),
}


def chip_of(at: At, chips: int) -> int:
    """Number of the chip to export: input ``chip``, 0 when not given.

    Raises
    ------
    ExportError
        For another input, or a chip that was not drawn.
    """
    strange = sorted(set(at) - {"chip"})
    if strange:
        raise ExportError(f"a DPI population has no input {strange[0]!r}; accepted: chip")
    chip = at.get("chip", 0.0)
    if chip != int(chip) or not 0 <= chip < chips:
        raise ExportError(f"chip = {chip:g}; accepted: 0 to {chips - 1}")
    return int(chip)


def one_chip(network: Network, chip: int) -> Network:
    """The network of one of its chips alone."""
    part = slice(chip, chip + 1)
    neuron = network.neuron
    own = ("feedback", "adaptation")
    fields: dict[str, Any] = {
        f.name: neuron.array(f.name)[part] for f in dataclasses.fields(neuron) if f.name not in own
    }
    adaptation = None if neuron.adaptation is None else neuron.adaptation.part(part)
    projections = tuple(dataclasses.replace(p, synapse=p.synapse.part(part)) for p in network.projections)
    feedback = neuron.feedback
    rows = [np.broadcast_to(np.asarray(r, np.float64), neuron.shape)[part] for r in feedback.rows()]
    if isinstance(feedback, SigmoidFeedback):
        feedback = SigmoidFeedback(i_feedback=rows[0], i_feedback_threshold=rows[1], i_feedback_norm=rows[2])
    if isinstance(feedback, PowerFeedback):
        feedback = PowerFeedback(i_feedback=rows[0], feedback_exponent=rows[1])
    if isinstance(feedback, TableFeedback):
        feedback = dataclasses.replace(feedback, scale=rows[0])
    alone = dataclasses.replace(neuron, **fields, feedback=feedback, adaptation=adaptation)
    i_in = np.broadcast_to(np.asarray(network.i_in, np.float64), neuron.shape)[part]
    return Network(alone, projections, i_in)


def on_grid(network: Network, step: float) -> Network:
    """The network with its external spikes moved so that they arrive on multiples of ``step`` (s), the first at one."""
    projections = []
    for p in network.projections:
        if p.source is not None:
            arrival = np.maximum(np.rint((p.source.time + p.delay) / step), 1.0) * step
            source = dataclasses.replace(p.source, time=np.maximum(arrival - p.delay, 0.0))
            p = dataclasses.replace(p, source=source)
        projections.append(p)
    return dataclasses.replace(network, projections=tuple(projections))


def step_of(network: Network) -> float:
    """Step (s) that resolves pulses, refractory times and time constants: 1, 2 or 5 of a power of ten."""
    times = [
        float(network.neuron.array("tau").min()) / _TAU,
        float(network.neuron.array("t_refractory").min()) / _PULSE,
    ]
    own = network.neuron.adaptation
    for synapse in [p.synapse for p in network.projections] + ([] if own is None else [own]):
        times += [float(synapse.array("tau").min()) / _TAU, float(synapse.array("t_pulse").min()) / _PULSE]
    times += [p.delay for p in network.projections if p.source is None]
    decade = 10.0 ** math.floor(math.log10(min(times)))
    return next(k * decade for k in (5.0, 2.0, 1.0) if k * decade <= min(times) * (1 + 1e-12))


def population_arrays(network: Network) -> Arrays:
    """Arrays of a network of one chip; ``about`` (JSON) tells step, units, projections and feedback.

    Raises
    ------
    ExportError
        For a feedback that is a sampled characteristic.
    """
    neuron = network.neuron
    if type(neuron.feedback) not in _FEEDBACK:
        raise ExportError(
            "brian2 cannot hold a feedback that is a sampled characteristic; use a table with a fitted feedback, or "
            "'spicetwin simulate'"
        )
    arrays, units = _membrane(neuron)
    feedback, feedback_units = _FEEDBACK[type(neuron.feedback)]
    for k, unit in enumerate(feedback_units):
        arrays[f"fb_{k}"], units[f"fb_{k}"] = neuron.parameters()[8 + k].reshape(neuron.shape)[0], unit
    arrays["i_constant"] = np.broadcast_to(np.asarray(network.i_in, np.float64), neuron.shape)[0]
    units["i_constant"] = "amp"
    synapses = [p.synapse for p in network.projections]
    if neuron.adaptation is not None:
        synapses.append(neuron.adaptation)
    for k, synapse in enumerate(synapses):
        own, own_units = _synapse(synapse, f"s{k}")
        arrays |= own
        units |= own_units
    about: dict[str, Any] = {"dt": step_of(network), "units": units, "feedback": feedback, "projections": []}
    about["adaptation"] = neuron.adaptation is not None
    for k, p in enumerate(network.projections):
        target, source = np.nonzero(p.connection)
        arrays[f"connect/{k}/source"], arrays[f"connect/{k}/target"] = source, target
        one: dict[str, Any] = {"name": p.name, "inhibitory": p.inhibitory, "delay": p.delay}
        if p.source is not None:
            arrays[f"events/{k}/source"], arrays[f"events/{k}/time"] = p.source.source, p.source.time
            one["count"] = p.source.count
        about["projections"].append({**one, "recurrent": p.source is None})
    arrays["about"] = np.array(json.dumps(about))
    return arrays


def _membrane(neuron: DpiNeuron) -> tuple[Arrays, dict[str, str]]:
    rows = neuron.parameters().reshape(-1, *neuron.shape)[:, 0]
    names = {
        "tau": (0, "second"),
        "i_tau": (1, "amp"),
        "i_gain": (2, "amp"),
        "slope_ratio": (3, "1"),
        "y_threshold": (4, "1"),
        "y_reset": (5, "1"),
        "t_refractory": (6, "second"),
        "floor_ratio": (7, "1"),
        "leak_slope": (11, "1"),
        "root_pair": (12, "amp ** -0.5"),
        "input_exponent": (13, "1"),
    }
    return {n: rows[k] for n, (k, _) in names.items()}, {n: unit for n, (_, unit) in names.items()}


def _synapse(synapse: DpiSynapse, label: str) -> tuple[Arrays, dict[str, str]]:
    spec = synapse.array("i_spec")
    arrays = {f"{n}_{label}": synapse.array(n)[0] for n in _SYNAPSE}
    arrays[f"r_{label}"] = synapse.r[0]
    arrays[f"i_spec_{label}"] = np.where(np.isfinite(spec), spec, _NO_BEND)[0]
    units = {f"{n}_{label}": unit for n, unit in _SYNAPSE.items()}
    return arrays, {**units, f"r_{label}": "1", f"i_spec_{label}": "amp"}
