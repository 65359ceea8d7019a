"""What an interval found, as JSON values and as lines of text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.interval import Interval
from spicetwin.system.build import System


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes
    ----------
    system
        What ran.
    interval
        What it gave.
    typical
        Numbers of the typical chip, in the order of the metric's names.
    """

    system: System
    interval: Interval
    typical: tuple[float, ...]

    def mean(self, name: str) -> float | None:
        """Mean over chips of a number; ``None`` where a table does not have it."""
        value = float(self.interval.of(name).mean())
        return None if value < 0.0 else value

    @property
    def confusion(self) -> NDArray[np.float64]:
        """Share of decisions (columns) for each true class (rows), mean over chips; rows sum to 1."""
        size = self.system.metric.classes
        counts = self.interval.values[:, -(size**2) :].sum(axis=0).reshape(size, size)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))

    @property
    def sampling_error(self) -> float:
        """Most that the finite number of test samples can add to the error of the mean: sqrt(p (1 - p) / n)."""
        p, n = self.interval.mean.mean, len(self.system.metric.labels)
        return math.sqrt(p * (1.0 - p) / n)


def neurobench(result: Result) -> dict[str, Any]:
    """Metrics under NeuroBench's names (Yik et al. 2025, doi:10.1038/s41467-025-56739-4).

    ``footprint`` in bytes of all stored or programmed parameters; ``connection_sparsity`` the share of absent
    connections; ``activation_sparsity`` that of outputs of 0 over neurons, steps and samples; ``synaptic_operations``
    per sample: ``Effective_MACs`` where inputs are levels, ``Effective_ACs`` where they are bits, absent weights and
    inputs of 0 not counted, ``Dense`` all connections in every step. Energy is per sample, of the layers whose table
    has one; others are named.
    """
    network, signal = result.system.metric.network, result.system.metric.signal
    sizes = [layer.footprint for layer in network.layers]
    connections = sum(s.connections for s in sizes)
    neurons = np.array([layer.outputs for layer in network.layers])
    active = np.array([result.interval.of(f"active.{name}").mean() for name in network.names])
    kinds = {"Effective_MACs": 0.0, "Effective_ACs": 0.0}
    for layer, name in zip(network.layers, network.names, strict=True):
        kinds["Effective_MACs" if layer.analog else "Effective_ACs"] += float(
            result.interval.of(f"operations.{name}").mean()
        )
    energies = {name: result.mean(f"energy.{name}") for name in network.names}
    known = [energy for energy in energies.values() if energy is not None]
    return {
        "footprint": sum(s.bits for s in sizes) / 8.0,
        "connection_sparsity": sum(s.absent for s in sizes) / connections,
        "activation_sparsity": float(1.0 - (active * neurons).sum() / neurons.sum()),
        "synaptic_operations": {**kinds, "Dense": float(connections * signal.steps)},
        "energy_per_inference_j": sum(known) if known else None,
        "layers_without_energy": [name for name, energy in energies.items() if energy is None],
    }


def summary(result: Result) -> dict[str, Any]:
    """Figures of a run."""
    i, s = result.interval, result.system
    m = i.mean
    numbers = ("mean", "low", "high", "half_width", "sd", "p2_5", "median", "p97_5")
    return {
        "task": s.task.name,
        "samples": len(s.metric.labels),
        "tables": [None if t is None else t.reference for t in s.metric.network.tables(s.metric.tables)],
        "chips": len(i.chips),
        "failed": [{"chip": chip, "reason": reason} for chip, reason in i.failed],
        "stopped_early": i.stopped,
        "runs": i.runs,
        "sources": list(s.design.sources),
        "temperature_k": list(s.design.temperature),
        "time_s": list(s.design.time),
        "typical_accuracy": result.typical[0],
        "accuracy": {name: _finite(getattr(m, name)) for name in numbers} | {"n": m.n},
        "sampling_error_at_most": result.sampling_error,
        "shares": [
            {k: v if k == "source" else _finite(v) for k, v in vars(share).items()} for share in i.shares
        ],
        "neurobench": neurobench(result),
    }


def text(result: Result) -> str:
    """The same in a few lines."""
    s = summary(result)
    a, n = s["accuracy"], s["neurobench"]
    tables = ", ".join(sorted({t or "assumed devices" for t in s["tables"]}))
    lines = [f"{s['chips']} chips of {tables}; {s['task']}, {s['samples']} test samples"]
    if s["failed"]:
        lines.append(f"{len(s['failed'])} chips were lost: {s['failed'][0]['reason']}")
    between = (
        ""
        if a["low"] is None
        else f" (95 % interval of the mean {_percent(a['low'])} to {_percent(a['high'])})"
    )
    stop = ", stopped early" if s["stopped_early"] else ""
    lines += [
        f"accuracy {_percent(a['mean'])}{between}{stop}",
        f"95 % of chips {_percent(a['p2_5'])} to {_percent(a['p97_5'])}; typical chip without spread "
        f"{_percent(s['typical_accuracy'])}",
        f"the finite test set adds at most a standard error of {100 * s['sampling_error_at_most']:.2f} points",
    ]
    if s["shares"]:
        lines.append("share of the chips' variance: alone, and with interactions (95 % intervals)")
        lines += [
            f"  {share['source']:<12}{_share(share, 'first'):<30}{_share(share, 'total')}"
            for share in s["shares"]
        ]
    ops = n["synaptic_operations"]
    lines.append(
        f"footprint {n['footprint']:.0f} bytes, connection sparsity {n['connection_sparsity']:.3f}, activation "
        f"sparsity {n['activation_sparsity']:.3f}"
    )
    lines.append(
        f"synaptic operations a sample: {ops['Effective_MACs']:.4g} MAC, {ops['Effective_ACs']:.4g} AC, dense "
        f"{ops['Dense']:.4g}"
    )
    if n["energy_per_inference_j"] is not None:
        lines.append(f"energy {n['energy_per_inference_j']:.3g} J an inference, as the tables have it")
    if n["layers_without_energy"]:
        lines.append(f"no energy in the table of: {', '.join(n['layers_without_energy'])}")
    return "\n".join(lines)


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _share(share: dict[str, Any], name: str) -> str:
    value, low, high = (share[k] for k in (name, f"{name}_low", f"{name}_high"))
    return "too few chips" if value is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
