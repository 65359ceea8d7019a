"""NIR graph of a spiking delay layer: synapses binned by delay, time constants of their own as exponentials.

    Input -> Delay(d) -> Linear(weights of delay d) -> CubaLIF -> Output                       one tau_synapse
    Input -> Delay(d) -> Linear -> LI(K taus a neuron) -> Linear(sum) -> LIF -> Output         one per synapse

one branch for each delay that occurs. Units are seconds; a spike is a Dirac, so that w_in = tau_syn (or r = tau of the
LI) makes an event raise the current by its weight. NIR has no step: the twin's is in the metadata, with the rule of
its threshold. Simulators that read NIR by forward Euler will not give the twin's spikes; see docs/exports.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import IntegratingSoma, SpikingSoma
from pysim.export.exporter import At, Conformance, Exporter, ExportError, Source, tool, version_of
from pysim.export.source import ACCEPTED, LARGEST
from pysim.export.stimulus import delay_events
from pysim.mingru.network import MinGruNetwork

FloatArray = NDArray[np.float64]

FORMAT = "delay-layer/1"
_READ = ("Input", "Output", "Delay", "Linear", "CubaLIF")


def content(source: Source, at: At) -> bytes:
    """HDF5 file.

    Raises
    ------
    ExportError
        For what NIR has no node for.
    """
    del at
    layer = cast(DelayLayer, source)
    _refuse(layer)
    nir = tool("nir", "nir")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.nir"
        nir.write(path, _graph(nir, layer))
        return path.read_bytes()


def _refuse(layer: DelayLayer) -> None:
    if isinstance(layer.soma, IntegratingSoma):
        raise ExportError(
            "nir cannot hold an integrating soma: its voltage stops at 0 and its answer is a maximum; use npz, or a "
            "layer of spiking somata"
        )
    if layer.weights.ndim != 2:
        raise ExportError(
            "nir cannot hold several synapses between an input and a neuron; use npz, or one layer each"
        )


def _graph(nir: Any, layer: DelayLayer) -> Any:
    soma = cast(SpikingSoma, layer.soma)
    ones = np.ones(layer.neurons)
    own = isinstance(layer.tau_synapse, np.ndarray)
    nodes: dict[str, Any] = {"input": nir.Input(np.array([layer.inputs]))}
    edges: list[tuple[str, str]] = []
    membrane = {
        "r": ones,
        "v_leak": 0.0 * ones,
        "v_threshold": soma.threshold * ones,
        "v_reset": soma.reset * ones,
    }
    if own:
        basis = layer.basis
        count = len(basis.tau)
        tau = np.repeat(basis.tau, layer.neurons)
        weights = np.concatenate(list(basis.weights), axis=1)
        nodes["currents"] = nir.LI(tau=tau, r=tau, v_leak=0.0 * tau)
        nodes["sum"] = nir.Linear(np.tile(np.eye(layer.neurons, dtype=np.float32), (1, count)))
        nodes["soma"] = nir.LIF(tau=soma.tau_membrane * ones, **membrane)
        edges += [("currents", "sum"), ("sum", "soma")]
        target, copies = "currents", count
    else:
        taus = float(np.asarray(layer.tau_synapse)) * ones
        nodes["soma"] = nir.CubaLIF(tau_syn=taus, tau_mem=soma.tau_membrane * ones, w_in=taus, **membrane)
        weights, target, copies = layer.weights, "soma", 1
    kind = np.float32 if np.array_equal(weights.astype(np.float32), weights) else np.float64
    delays = np.tile(layer.delays, (1, copies))
    for d in np.unique(layer.delays).tolist():
        nodes[f"delay_{d}"] = nir.Delay(np.full(layer.inputs, d * layer.dt))
        nodes[f"weights_{d}"] = nir.Linear(np.where(delays == d, weights, 0.0).T.astype(kind))
        edges += [("input", f"delay_{d}"), (f"delay_{d}", f"weights_{d}"), (f"weights_{d}", target)]
    nodes["output"] = nir.Output(np.array([layer.neurons]))
    edges.append(("soma", "output"))
    about = {
        "format": FORMAT,
        "dt": layer.dt,
        "located": int(soma.located),
        "threshold_rule": "V >= threshold at the end of a step"
        if not soma.located
        else "V crosses the threshold",
        "table": layer.origin,
        "kernel_error": layer.basis.error if own else 0.0,
        "written_by": f"spicetwin {version_of('spicetwin')}",
    }
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"spicetwin": about})


def read_layer(file: Path | str) -> DelayLayer:
    """Delay layer of a NIR file, of the subset that is exported with one ``tau_synapse``.

    Synapses of weight 0 come back with delay 0.

    Raises
    ------
    ExportError
        Naming the node, or the format, that is not read.
    """
    nir = tool("nir", "nir")
    _check_archive(Path(file))
    try:
        graph = nir.read(file)
    except (OSError, KeyError, ValueError, AssertionError, TypeError) as error:
        raise ExportError(f"{file}: no NIR file that nir {version_of('nir')} reads: {error}") from error
    about = graph.metadata.get("spicetwin", {})
    form = _text(about.get("format"))
    if form != FORMAT:
        kind, _, version = form.partition("/")
        newer = kind == FORMAT.partition("/")[0] and version.isdecimal() and int(version) > 1
        hint = " is newer than this release reads; upgrade spicetwin, or" if newer else " in the metadata;"
        raise ExportError(f"{file}: format {form!r}{hint} accepted: {FORMAT!r}")
    for name, node in graph.nodes.items():
        if type(node).__name__ not in _READ:
            raise ExportError(
                f"{file}: node {name!r} of type {type(node).__name__}; accepted: {', '.join(_READ)}; layers with "
                "time constants of their own are read back from npz"
            )
    return _layer(graph, about)


def _check_archive(path: Path) -> None:
    """Refuse an HDF5 file that refers to other files, or unpacks to too much."""
    h5py = tool("h5py", "h5py")
    total = 0

    def walk(group: Any) -> None:
        nonlocal total
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ExportError(f"{path}: member {name!r} refers to another place; {ACCEPTED}")
            item = group[name]
            if isinstance(item, h5py.Group):
                walk(item)
                continue
            if item.external or item.is_virtual:
                raise ExportError(f"{path}: array {name!r} lies in another file; {ACCEPTED}")
            total += int(item.size or 0) * item.dtype.itemsize
            if total > LARGEST:
                raise ExportError(f"{path}: unpacks to more than {LARGEST} bytes; accepted: at most that")

    try:
        with h5py.File(path, "r") as file:
            walk(file)
    except (OSError, KeyError, RecursionError) as error:
        raise ExportError(f"{path}: no NIR file: {error}") from error


def _layer(graph: Any, about: dict[str, Any]) -> DelayLayer:
    dt = float(about["dt"])
    soma = graph.nodes["soma"]
    first = next(n for n in graph.nodes if n.startswith("weights_"))
    shape = graph.nodes[first].weight.T.shape
    weights, delays = np.zeros(shape), np.zeros(shape, np.uint16)
    for name, node in graph.nodes.items():
        if type(node).__name__ != "Delay":
            continue
        step = round(float(node.delay[0]) / dt)
        some = graph.nodes[f"weights_{name.removeprefix('delay_')}"].weight.T.astype(np.float64)
        weights += some
        delays[some != 0.0] = step
    return DelayLayer(
        weights=weights,
        delays=delays,
        soma=SpikingSoma(
            tau_membrane=float(soma.tau_mem[0]),
            threshold=float(soma.v_threshold[0]),
            reset=float(soma.v_reset[0]),
            located=bool(about["located"]),
        ),
        dt=dt,
        tau_synapse=float(soma.tau_syn[0]),
        origin=_text(about.get("table", "")),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Read by nir: equal spikes of the layer read back, or equal kernels where each synapse has its own."""
    del at
    layer = cast(DelayLayer, source)
    nir = tool("nir", "nir")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.nir"
        path.write_bytes(data)
        if isinstance(layer.tau_synapse, np.ndarray):
            metric, value = "weights and time constants that differ", _kernels(layer, nir.read(path))
            stimulus = "every branch"
        else:
            events = delay_events(layer)
            runs = [run_layer(n, events).spikes for n in (layer, read_layer(path))]
            spikes = [run.dense() for run in runs if run is not None]
            metric, value = "spikes that differ", float(np.count_nonzero(spikes[0] != spikes[1]))
            stimulus = f"{len(events)} random events, {int(spikes[0].sum())} spikes"
    return (
        Conformance(
            tool="nir, run by spicetwin",
            version=version_of("nir"),
            stimulus=stimulus,
            metric=metric,
            value=value,
            tolerance=0.0,
        ),
    )


def _kernels(layer: DelayLayer, graph: Any) -> float:
    """Numbers in which the branches of a graph differ from the layer's exponentials."""
    basis = layer.basis
    found = np.zeros((len(basis.tau) * layer.neurons, layer.inputs))
    differing = 0
    wanted = np.concatenate(list(basis.weights), axis=1).T
    delays = np.tile(layer.delays, (1, len(basis.tau))).T
    for name, node in graph.nodes.items():
        if type(node).__name__ == "Delay":
            some = graph.nodes[f"weights_{name.removeprefix('delay_')}"].weight
            step = round(float(node.delay[0]) / layer.dt)
            differing += int(np.count_nonzero((some != 0.0) & (delays != step)))
            found += some
    differing += int(np.count_nonzero(found != wanted))
    differing += int(np.count_nonzero(graph.nodes["currents"].tau != np.repeat(basis.tau, layer.neurons)))
    return float(differing)


EXPORTER = Exporter(
    name="nir",
    suffix=".nir",
    title="NIR graph of a spiking delay layer, synapses binned by delay",
    holds=(DelayLayer,),
    content=content,
    check=check,
    instead={
        CalibrationTable: "NIR holds networks; use spice for behavioural blocks, npz or csv for look-up tables",
        MinGruNetwork: "NIR has no product of two signals, no quantiser and no clocked state; use onnx",
    },
)
