"""Instances of a recurrent DPI network: every synapse and neuron with its own drawn parameters.

Two statistics: a calibration table with the entries ``synapse.*`` and ``neuron.*`` of the DPI circuits, and the spread
of time constants that the public code of arXiv:2202.05094's first author fits to Monte-Carlo simulations of circuits in
130 nm: deviation of ln tau 0.32188 for synapses, 0.43424 + 11.85345 tau for neurons (tau in s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from calibration.table import CalibrationTable
from pysim import chip as drawing
from pysim.errors import ModelError
from pysim.mingru.streams import digest, stream

FloatArray = NDArray[np.float64]

T_REFERENCE = 300.15
SIGMA_SYNAPSE = 0.32187836
SIGMA_NEURON, SIGMA_NEURON_SLOPE = 0.4342391, 11.85344581

#: Bias currents of the circuits beside those that set the time constants (A): middle of the table's domain.
BIASES: Mapping[str, Mapping[str, float]] = {
    "synapse": {"i_gain": 20e-12, "i_weight": 20e-9, "i_pulse": 3e-9},
    "neuron": {"i_gain": 100e-12, "i_threshold": 1e-9, "i_refractory": 400e-12},
}
#: Entries that a table must have, by block.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "synapse": ("tau", "i_tau", "i_gain", "i_weight", "t_pulse"),
    "neuron": ("tau", "i_tau", "i_gain", "i_threshold"),
}


@dataclass(frozen=True, kw_only=True)
class Design:
    """Sizes and typical time constants (s) of a network.

    Attributes
    ----------
    inputs, neurons, outputs
        Numbers.
    tau_input, tau_recurrent, tau_output
        Of the synapses from inputs to neurons, from neurons to neurons, and from neurons to outputs.
    tau_membrane, tau_readout
        Of the neurons and of the outputs.

    Raises
    ------
    ModelError
        For a size below 1 or a time that is not positive.
    """

    inputs: int
    neurons: int
    outputs: int
    tau_input: float
    tau_recurrent: float
    tau_output: float
    tau_membrane: float
    tau_readout: float

    def __post_init__(self) -> None:
        """Check."""
        for name in ("inputs", "neurons", "outputs"):
            if getattr(self, name) < 1:
                raise ModelError(f"recurrent network: {name} = {getattr(self, name)}; accepted: 1 or more")
        for name in ("tau_input", "tau_recurrent", "tau_output", "tau_membrane", "tau_readout"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise ModelError(f"recurrent network: {name} = {getattr(self, name)!r} s; accepted: > 0")

    def projections(self) -> tuple[tuple[str, slice, slice, float], ...]:
        """Name, sources, targets and time constant of every kind of synapse."""
        inputs, neurons = slice(0, self.inputs), slice(0, self.neurons)
        own, outputs = slice(self.inputs, None), slice(self.neurons, None)
        return (
            ("input", inputs, neurons, self.tau_input),
            ("recurrent", own, neurons, self.tau_recurrent),
            ("output", own, outputs, self.tau_output),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Sources and targets."""
        return self.inputs + self.neurons, self.neurons + self.outputs

    def connected(self) -> NDArray[np.bool_]:
        """Which synapses there are: no input drives an output, no neuron itself."""
        mask = np.zeros(self.shape, np.bool_)
        for _, rows, columns, _ in self.projections():
            mask[rows, columns] = True
        mask[self.inputs + np.arange(self.neurons), np.arange(self.neurons)] = False
        return mask


@dataclass(frozen=True, kw_only=True)
class RecurrentChip:
    """A frozen instance.

    Attributes
    ----------
    id
        Digest of everything that determines the draw.
    inputs, neurons, outputs
        Numbers.
    tau_synapse
        (sources, targets), s.
    strength
        q: rise of the membrane right behind a spike of weight 1, in typical thresholds per second,
        (sources, targets); 0 where there is no synapse.
    tau_membrane
        (targets,), s.
    threshold
        In typical thresholds, (neurons,).

    Raises
    ------
    ModelError
        For arrays of a wrong shape, or values outside their range.
    """

    id: str
    inputs: int
    neurons: int
    outputs: int
    tau_synapse: FloatArray
    strength: FloatArray
    tau_membrane: FloatArray
    threshold: FloatArray

    def __post_init__(self) -> None:
        """Check and freeze."""
        shapes = {
            "tau_synapse": self.shape,
            "strength": self.shape,
            "tau_membrane": self.shape[1:],
            "threshold": (self.neurons,),
        }
        for name, shape in shapes.items():
            array = np.asarray(getattr(self, name), dtype=np.float64)
            low_ok = (array >= 0.0) if name == "strength" else (array > 0.0)
            if array.shape != shape or not (low_ok & np.isfinite(array)).all():
                raise ModelError(
                    f"recurrent chip: {name} of shape {array.shape}; accepted: positive numbers, {shape}"
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def shape(self) -> tuple[int, int]:
        """Sources and targets."""
        return self.inputs + self.neurons, self.neurons + self.outputs


def typical(design: Design) -> RecurrentChip:
    """The instance without any spread, which a design assumes."""
    tau = _typical_tau(design)
    return _chip(
        digest("typical", repr(design)), design, tau, 1.0 / tau, _membranes(design), np.ones(design.neurons)
    )


def draw_published(design: Design, seed: int) -> RecurrentChip:
    """Time constants with the published spread; all else is typical.

    A leak that differs changes the time constant alone: what a spike's charge does at first stays.
    """
    tau = _typical_tau(design)
    typical_membranes = _membranes(design)
    synapse = tau * np.exp(SIGMA_SYNAPSE * stream(seed, "published", "synapse").standard_normal(tau.shape))
    sigma = SIGMA_NEURON + SIGMA_NEURON_SLOPE * typical_membranes
    membrane = typical_membranes * np.exp(
        sigma * stream(seed, "published", "neuron").standard_normal(sigma.shape)
    )
    identity = digest("published", repr(design), seed)
    return _chip(identity, design, synapse, 1.0 / tau, membrane, np.ones(design.neurons))


class TableDraw:
    """Chips of one design out of one table; what all chips share is worked out once."""

    def __init__(
        self,
        table: CalibrationTable,
        design: Design,
        *,
        sources: tuple[str, ...] = drawing.SOURCES,
        temperature: float = T_REFERENCE,
    ) -> None:
        """Find the leak currents that give the design's time constants at 300.15 K.

        Raises
        ------
        ModelError
            When the table lacks an entry, or cannot give a time constant; the message names both.
        """
        for block, names in NEEDED.items():
            for name in names:
                if f"{block}.{name}" not in table.entries:
                    raise ModelError(
                        f"table {table.reference} lacks the entry {block}.{name} of a recurrent network "
                        "('spicetwin table build' makes one)"
                    )
        self.table, self.design = table, design
        self.sources, self.temperature = sources, temperature
        self._leak = {name: self._bias("synapse", tau) for name, _, _, tau in design.projections()}
        self._leak |= {n: self._bias("neuron", getattr(design, n)) for n in ("tau_membrane", "tau_readout")}
        still = self._parts(0, ())
        self._reference = [rise for _, rise in still[0]]
        self._threshold = still[2]

    def chip(self, seed: int) -> RecurrentChip:
        """The chip ``seed``.

        Raises
        ------
        OutOfDomain
            For a temperature outside the table's range.
        """
        synapses, membrane, threshold = self._parts(seed, self.sources)
        tau, strength = _typical_tau(self.design), np.zeros(self.design.shape)
        for (_, rows, columns, wanted), (drawn, rise), reference in zip(
            self.design.projections(), synapses, self._reference, strict=True
        ):
            tau[rows, columns] = drawn
            strength[rows, columns] = rise / reference / wanted
        identity = digest(self.table.digest, repr(self.design), seed, sorted(self.sources), self.temperature)
        return _chip(identity, self.design, tau, strength, membrane, threshold / self._threshold)

    def _parts(
        self, seed: int, sources: tuple[str, ...]
    ) -> tuple[list[tuple[FloatArray, FloatArray]], FloatArray, FloatArray]:
        """Time constants and rise of the synapses, membrane time constants, thresholds (A)."""
        d = self.design
        hidden = self._values("neuron", "neurons", d.neurons, self._leak["tau_membrane"], seed, sources)
        out = self._values("neuron", "outputs", d.outputs, self._leak["tau_readout"], seed, sources)
        # alpha / tau: what an input current adds to the membrane current per second.
        gain = [v["i_gain"] / (v["i_tau"] * v["tau"]) for v in (hidden, out)]
        synapses = []
        for name, rows, columns, _ in d.projections():
            size = (len(range(d.shape[0])[rows]), len(range(d.shape[1])[columns]))
            v = self._values("synapse", name, size[0] * size[1], self._leak[name], seed, sources)
            amplitude = v["i_gain"] * v["i_weight"] / v["i_tau"] * -np.expm1(-v["t_pulse"] / v["tau"])
            rise = amplitude.reshape(size) * gain[name == "output"]
            synapses.append((v["tau"].reshape(size), rise))
        return synapses, np.concatenate([hidden["tau"], out["tau"]]), hidden["i_threshold"]

    def _values(
        self, block: str, label: str, count: int, leak: float, seed: int, sources: tuple[str, ...]
    ) -> Mapping[str, FloatArray]:
        found = drawing.draw(
            self.table, (1, count), seed, sources, block=block, label=label,
            at={**BIASES[block], "i_tau": leak, "temperature": self.temperature},
        )  # fmt: skip
        return {n: found.values[n][0] for n in NEEDED[block]}

    def _bias(self, block: str, tau: float) -> float:
        """Leak current (A) that gives a time constant (s)."""
        entry = self.table.entries[f"{block}.tau"]
        box = entry.box["i_tau"]

        def off(ln_current: float) -> float:
            inputs = {"i_tau": np.exp(ln_current), "temperature": T_REFERENCE}
            return float(np.log(entry.evaluate(entry.inputs(inputs)) / tau))

        ends = np.log([box.low, box.high])
        if off(ends[0]) * off(ends[1]) > 0.0:
            reached = sorted(tau * np.exp([off(end) for end in ends]))
            raise ModelError(
                f"table {self.table.reference}: {block}.tau of {tau:.4g} s; accepted: {reached[0]:.4g} to "
                f"{reached[1]:.4g} s, which the fitted range of i_tau gives"
            )
        root: Callable[..., float] = brentq
        return float(np.exp(root(off, *ends, xtol=1e-12)))


def _chip(
    identity: str,
    design: Design,
    tau: FloatArray,
    strength: FloatArray,
    membrane: FloatArray,
    threshold: FloatArray,
) -> RecurrentChip:
    there = design.connected()
    return RecurrentChip(
        id=identity,
        inputs=design.inputs,
        neurons=design.neurons,
        outputs=design.outputs,
        tau_synapse=tau,
        strength=np.where(there, strength, 0.0),
        tau_membrane=membrane,
        threshold=threshold,
    )


def _typical_tau(design: Design) -> FloatArray:
    """Time constants of the synapses, (sources, targets); where there is none, that of the inputs' (unused)."""
    tau = np.full(design.shape, design.tau_input)
    for _, rows, columns, value in design.projections():
        tau[rows, columns] = value
    return tau


def _membranes(design: Design) -> FloatArray:
    return np.repeat([design.tau_membrane, design.tau_readout], [design.neurons, design.outputs])
