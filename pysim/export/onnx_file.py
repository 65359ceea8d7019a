"""ONNX model of a minGRU network: products over the whole sequence, then a Scan over time in every layer.

All in float64 and in the order of the twin's own sums, so that gates and outputs are the twin's bit for bit. Input
``x`` (samples, steps, rows), 0 or 1, or levels in [0, 1] for an analog first layer, there the same for all rows:
(samples, steps, 1). Outputs ``y`` (samples, steps, columns), ``h`` (samples, columns) of the last layer, and
``scores`` where there is a readout. What it computes is the mathematical network, without effects of a chip.
"""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.exporter import At, Conformance, Exporter, Source, tool, version_of
from pysim.export.stimulus import mingru_inputs
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork

#: Version of the operators: Scan and all element-wise operators in float64.
OPSET = 17
_IR = 8
TOLERANCE = 1e-6


class Graph:
    """Nodes and constants of a model under construction."""

    def __init__(self, onnx: Any) -> None:
        """Nothing yet."""
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Any) -> str:
        """A tensor; float64 unless it is of whole numbers."""
        array = np.asarray(values)
        array = array.astype(np.int64) if array.dtype.kind in "iu" else array.astype(np.float64)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one output."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output


def content(source: Source, at: At) -> bytes:
    """ONNX file."""
    del at
    return bytes(model_of(cast(MinGruNetwork, source)).SerializeToString())


def model_of(network: MinGruNetwork) -> Any:
    """ONNX model of a network."""
    onnx = tool("onnx", "onnx")
    graph = Graph(onnx)
    signal = "x"
    for k, layer in enumerate(network.layers):
        signal = _layer(graph, layer, f"layer{k}", signal)
    last = f"layer{len(network.layers) - 1}"
    graph.node("Identity", [signal], "y")
    graph.node("Identity", [f"{last}.final"], "h")
    double = onnx.TensorProto.DOUBLE
    columns = network.layers[-1].columns
    first = 1 if network.layers[0].analog else network.layers[0].rows
    outputs = [("y", ["samples", "steps", columns]), ("h", ["samples", columns])]
    if network.readout is not None:
        _readout(graph, network, last)
        outputs.append(("scores", ["samples", network.readout.weight.shape[1]]))
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "minGRU",
            [onnx.helper.make_tensor_value_info("x", double, ["samples", "steps", first])],
            [onnx.helper.make_tensor_value_info(name, double, shape) for name, shape in outputs],
            graph.constants,
        ),
        producer_name="spicetwin",
        producer_version=version_of("spicetwin"),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR,
    )
    onnx.helper.set_model_props(model, {"summary": json.dumps(dict(network.summary))})
    onnx.checker.check_model(model, full_check=True)
    return model


def _layer(graph: Graph, layer: MinGruLayer, name: str, signal: str) -> str:
    """Nodes of one core; the outputs' name."""
    share = 1.0 / (3 * layer.rows)

    def sums(which: str, levels: NDArray[np.int64]) -> str:
        if layer.analog:
            total = graph.constant(f"{name}.total_{which}", levels.sum(axis=0).astype(np.float64))
            return graph.node("Mul", [signal, total], f"{name}.sum_{which}")
        matrix = graph.constant(f"{name}.levels_{which}", levels.astype(np.float64))
        return graph.node("MatMul", [signal, matrix], f"{name}.sum_{which}")

    # One factor a column: onnxruntime folds a scalar factor into the product, in single precision.
    each = np.ones(layer.columns)
    factor = graph.constant(f"{name}.share", share * each)
    scaled_h = graph.node("Mul", [sums("h", layer.levels_h), factor], f"{name}.mean_h")
    a = graph.node("Add", [scaled_h, graph.constant(f"{name}.b_h", layer.b_h)], f"{name}.a")
    gain = graph.constant(f"{name}.gain", share * layer.gate_gain * each)
    zero = graph.constant(f"{name}.zero", layer.gate_gain * layer.b_z + layer.gate_zero)
    scaled_z = graph.node("Mul", [sums("z", layer.levels_z), gain], f"{name}.mean_z")
    scale = graph.node("Add", [scaled_z, zero], f"{name}.scale")
    whole = graph.node("Floor", [scale], f"{name}.whole")
    low, top = graph.constant(f"{name}.low", 0.0), graph.constant(f"{name}.top", float(layer.top))
    code = graph.node("Clip", [whole, low, top], f"{name}.code")
    z = graph.node("Mul", [code, graph.constant(f"{name}.unit", 2.0**-layer.bits)], f"{name}.z")
    states = _scan(graph, layer, name, a, z)
    above = graph.node("Greater", [states, graph.constant(f"{name}.theta", layer.theta)], f"{name}.above")
    return graph.node("Cast", [above], f"{name}.y", to=graph.onnx.TensorProto.DOUBLE)


def _scan(graph: Graph, layer: MinGruLayer, name: str, a: str, z: str) -> str:
    """Recurrence h <- h + z (a - h) over time; the states' name."""
    make = graph.onnx.helper
    double = graph.onnx.TensorProto.DOUBLE

    def info(value: str) -> Any:
        return make.make_tensor_value_info(value, double, ["samples", layer.columns])

    body = make.make_graph(
        [
            make.make_node("Sub", ["a", "h"], ["gap"]),
            make.make_node("Mul", ["gap", "z"], ["step"]),
            make.make_node("Add", ["h", "step"], ["next"]),
            make.make_node("Identity", ["next"], ["state"]),
        ],
        f"{name}.step",
        [info("h"), info("a"), info("z")],
        [info("next"), info("state")],
    )
    axis = graph.constant(f"{name}.axis", np.array([1]))
    first = graph.node("ReduceSum", [a, axis], f"{name}.first", keepdims=0)
    start = graph.node("Mul", [first, graph.constant(f"{name}.none", 0.0)], f"{name}.start")
    graph.nodes.append(
        make.make_node(
            "Scan",
            [start, a, z],
            [f"{name}.final", f"{name}.states"],
            num_scan_inputs=2,
            scan_input_axes=[1, 1],
            scan_output_axes=[1],
            body=body,
        )
    )
    return f"{name}.states"


def _readout(graph: Graph, network: MinGruNetwork, last: str) -> None:
    """Scores of the readout."""
    readout = network.readout
    if readout is None:
        return
    feature = f"{last}.final"
    if readout.feature != "last_state":
        over = f"{last}.y" if readout.feature == "mean_output" else f"{last}.states"
        feature = graph.node("ReduceMean", [over], "feature", axes=[1], keepdims=0)
    product = graph.node("MatMul", [feature, graph.constant("readout.weight", readout.weight)], "product")
    graph.node("Add", [product, graph.constant("readout.bias", readout.bias)], "scores")


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Run in onnxruntime on random inputs: outputs, last states and scores of the twin."""
    del at
    network = cast(MinGruNetwork, source)
    runtime = tool("onnxruntime", "onnxruntime")
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs = mingru_inputs(network)
    fed = inputs[:, :, :1] if network.layers[0].analog else inputs
    answers = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"x": fed}), strict=True))
    return compared(network, inputs, answers, "onnxruntime", version_of("onnxruntime"))


def compared(
    network: MinGruNetwork, inputs: NDArray[np.float64], answers: dict[str, Any], name: str, version: str
) -> tuple[Conformance, ...]:
    """Outputs ``y``, last states ``h`` and ``scores`` of another tool against the twin."""
    first = network.layers[0].analog
    run = network.run(inputs[:, :, 0] if first else inputs, backend="numpy", record=True)
    if run.trace is None:
        raise ValueError("a recorded run has a trace")
    wanted: dict[str, Any] = {"y": run.trace[-1].outputs, "h": run.states[-1], "scores": run.scores}
    stimulus = f"{inputs.shape[0]} random samples of {inputs.shape[1]} steps"
    return tuple(
        Conformance(
            tool=name,
            version=version,
            stimulus=stimulus,
            metric=f"largest difference of {key}",
            value=float(np.max(np.abs(np.asarray(answers[key], dtype=np.float64) - value))),
            tolerance=TOLERANCE,
        )
        for key, value in wanted.items()
        if value is not None
    )


EXPORTER = Exporter(
    name="onnx",
    suffix=".onnx",
    title="ONNX model of a minGRU network, Scan over time",
    holds=(MinGruNetwork,),
    content=content,
    check=check,
    instead={
        CalibrationTable: "a table is no network; use npz, csv or c for its look-up tables",
        DelayLayer: "spikes with delays are events, not tensors; use npz or nir",
    },
)
