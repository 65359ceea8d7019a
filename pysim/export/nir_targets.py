"""NIR graphs in the normal form of one importer, so that its step gives the twin's spikes.

NIR states differential equations and importers step them by rules of their own, none of which reads a Delay node. A
normal form names the equations whose step, as the importer takes it, is the twin's exact one:

    Input (a block of channels for each delay that occurs) -> Linear -> CubaLIF -> Output

    twin        V <- keep V + gain I,   spike where V >= threshold,   I <- decay I + arriving
    importer    I <- (1 - h/tau_syn) I + w_in (h/tau_syn) x,   V <- (1 - h/tau_mem) V + r (h/tau_mem) I

with step h: tau = h / (1 - keep or decay), r = tau_mem / h, w_in = tau_syn / h and weights times ``gain``. Importers
use the current of the present step, the twin that of the last one, so every delay is a step longer. Block b of the
inputs takes the events ``delays[b]`` steps late; delays, step and the layer's own time constants are in the metadata.
The equations of such a file stand for its importer alone: the plain ``nir`` format states those of the layer.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.delays.soma import SpikingSoma, coupling
from pysim.export.exporter import At, Conformance, Exporter, ExportError, Source, tool, version_of
from pysim.export.receiver import run_program, version_there
from pysim.export.spikes import unmatched
from pysim.export.synapse_list import dense_spikes, event_arrays, refuse_soma, spiking_run
from pysim.mingru.network import MinGruNetwork

FORMAT = "delay-layer-step/1"
#: Share of spikes that may miss the step of the twin's.
TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Target:
    """An importer.

    Attributes
    ----------
    name, package, module
        Name of the target, of its distribution, and of its module.
    step
        Step (s) that it takes, whatever the file says; ``None``: any, given to it by the caller.
    resets
        It resets to the file's ``v_reset``; else to 0 only.
    decay_first
        Decays by exp(-h / tau) itself, and lets the current decay before the membrane sees it.
    """

    name: str
    package: str
    module: str
    step: float | None = None
    resets: bool = False
    decay_first: bool = False


SNNTORCH = Target(name="snntorch", package="snntorch", module="snntorch", step=1e-4)
NORSE = Target(name="norse", package="norse", module="norse")
SPIKINGJELLY = Target(name="spikingjelly", package="spikingjelly", module="spikingjelly", resets=True)
ROCKPOOL = Target(name="rockpool", package="rockpool", module="rockpool", decay_first=True)


def file_of(layer: DelayLayer, target: Target) -> bytes:
    """HDF5 file of a layer for an importer.

    Raises
    ------
    ExportError
        For what its nodes cannot express, with the nearest format.
    """
    nir = tool("nir", "nir")
    soma = _refuse(layer, target)
    step = target.step or layer.dt
    tau = float(np.asarray(layer.tau_synapse))
    keep, decay = math.exp(-layer.dt / soma.tau_membrane), math.exp(-layer.dt / tau)
    scale = float(coupling(layer.dt, soma.tau_membrane, tau))
    tau_mem, tau_syn = step / (1.0 - keep), step / (1.0 - decay)
    r, w_in = tau_mem / step, tau_syn / step
    if target.decay_first:
        tau_mem, tau_syn, scale = soma.tau_membrane, tau, scale / decay
        r, w_in = tau_mem / step - 1.0, 1.0
    delays = np.unique(layer.delays)
    weights = [np.where(layer.delays == d, layer.weights, 0.0).T for d in delays]
    ones = np.ones(layer.neurons)
    nodes = {
        "input": nir.Input(np.array([len(delays) * layer.inputs])),
        "linear": nir.Linear((scale * np.concatenate(weights, axis=1)).astype(np.float32)),
        "soma": nir.CubaLIF(
            tau_syn=tau_syn * ones,
            tau_mem=tau_mem * ones,
            r=r * ones,
            v_leak=0.0 * ones,
            v_threshold=soma.threshold * ones,
            v_reset=soma.reset * ones,
            w_in=w_in * ones,
        ),
        "output": nir.Output(np.array([layer.neurons])),
    }
    about = {
        "format": FORMAT,
        "target": target.name,
        "dt": layer.dt,
        "importer_dt": step,
        "delays": delays.astype(np.int64) + 1,
        "inputs": layer.inputs,
        "tau_membrane": soma.tau_membrane,
        "tau_synapse": tau,
        "table": layer.origin,
        "written_by": f"spicetwin {version_of('spicetwin')}",
    }
    edges = [("input", "linear"), ("linear", "soma"), ("soma", "output")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.nir"
        nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges, metadata={"spicetwin": about}))
        return path.read_bytes()


def _refuse(layer: DelayLayer, target: Target) -> SpikingSoma:
    soma = refuse_soma(layer, f"nir-{target.name}")
    if isinstance(layer.tau_synapse, np.ndarray):
        raise ExportError(
            f"nir-{target.name} cannot hold time constants of each synapse's own: its importer reads no LI node for "
            "the branches; use nir without a target, brian2 or nest"
        )
    if layer.weights.ndim != 2:
        raise ExportError(
            f"nir-{target.name} cannot hold several synapses between an input and a neuron; use npz, brian2 or nest"
        )
    if soma.reset != 0.0 and not target.resets:
        raise ExportError(
            f"nir-{target.name} cannot hold a reset to {soma.reset:g}: its importer resets to 0; use nir-spikingjelly, "
            "brian2 or nest"
        )
    return soma


def check_target(layer: DelayLayer, data: bytes, target: Target) -> tuple[Conformance, ...]:
    """Import the file and step it: share of spikes that are not in the step of the twin's.

    Raises
    ------
    ToolMissing
        Without the importer.
    ExportError
        When the importer refuses the file.
    """
    version = version_there(target.package, target.module)
    for package in ("nir", "nirtorch"):
        version_there(package, package)
    events, twin = spiking_run(layer)
    program = files("pysim.export").joinpath("scripts", "nir_run.py").read_bytes()
    found = dense_spikes(run_program(program, event_arrays(events), ("layer.nir", data)), twin.shape)
    return (
        Conformance(
            tool=target.package,
            version=version,
            stimulus=f"{len(events)} random events, {int(twin.sum())} spikes, dt {target.step or layer.dt:g} s",
            metric="share of spikes not in the step of the twin's",
            value=unmatched(twin, found),
            tolerance=TOLERANCE,
        ),
    )


def _exporter(target: Target, unsupported: str = "") -> Exporter:
    def content(source: Source, at: At) -> bytes:
        del at
        return file_of(cast(DelayLayer, source), target)

    def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
        del at
        return check_target(cast(DelayLayer, source), data, target)

    return Exporter(
        name=f"nir-{target.name}",
        suffix=".nir",
        title=f"NIR graph in the normal form of {target.name}",
        holds=(DelayLayer,),
        content=content,
        check=check,
        instead={
            CalibrationTable: "NIR holds networks; use spice for behavioural blocks, npz or csv for look-up tables",
            MinGruNetwork: "NIR has no product of two signals, no quantiser and no clocked state; use onnx",
        },
        unsupported=unsupported,
    )


#: Exporters by target.
TARGETS = {
    "snntorch": _exporter(SNNTORCH),
    "norse": _exporter(NORSE),
    "spikingjelly": _exporter(SPIKINGJELLY),
    "rockpool": _exporter(
        ROCKPOOL,
        "rockpool 3.1.0 subtracts the threshold where the layer resets, whatever the file says: 51 to 84 % "
        "of a check's spikes are in the twin's step; use nir-norse, nir-snntorch or nir-spikingjelly",
    ),
}
