"""Drawing of chips: frozen instances of a circuit block out of a calibration table, sources of spread kept
apart.

``fit``: one draw of the law parameters from their covariance, shared by the whole ensemble (it is our
ignorance, not the chips'). ``die``: one per chip. ``within_die``: one per instance. Entry names and laws:
docs/tables.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import CalibrationTable, Entry, Variation
from pysim.errors import ModelError
from pysim.neurons.dpi import (
    DpiNeuron,
    Feedback,
    NoFeedback,
    PowerFeedback,
    SigmoidFeedback,
    TableFeedback,
)
from pysim.seeds import seed_of
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]

SOURCES = ("fit", "die", "within_die")

SYNAPSE_REQUIRED = ("tau", "i_gain", "i_weight", "i_tau", "t_pulse")
SYNAPSE_OPTIONAL = ("slope_ratio", "kappa", "i_floor", "i_spec")
NEURON_REQUIRED = ("tau", "i_tau", "i_gain", "i_threshold", "i_reset", "t_refractory")
NEURON_OPTIONAL = ("slope_ratio", "input_exponent", "i_spec", "i_spec_pair", "leak_slope", "i_floor")
FEEDBACK = ("i_feedback", "i_feedback_threshold", "i_feedback_norm", "feedback_exponent")
CHARACTERISTIC = "i_feedback_characteristic"
GRID_POINTS = 257


@dataclass(frozen=True)
class Chip:
    """A frozen draw of one block on every instance of every chip.

    Attributes
    ----------
    id
        Digest of everything that determines the draw: equal ids, equal values.
    block
        First part of the entry names, ``synapse`` or ``neuron``.
    table, table_digest, seed, sources, at
        What it was drawn from, and the inputs (bias currents in A, temperature in K).
    shape
        (chips, instances).
    values
        Drawn quantities by parameter name, read-only arrays of ``shape``.
    characteristic
        Grid of ln(I_m) and the feedback current on it, where the table has one.
    """

    id: str
    block: str
    table: str
    table_digest: str
    seed: int
    sources: tuple[str, ...]
    at: Mapping[str, float]
    shape: tuple[int, int]
    values: Mapping[str, FloatArray]
    characteristic: tuple[FloatArray, FloatArray] | None = None

    def synapse(self) -> DpiSynapse:
        """DPI synapses with the drawn parameters.

        Raises
        ------
        ModelError
            When the table lacks a required entry.
        """
        return DpiSynapse(**self._fields(SYNAPSE_REQUIRED, SYNAPSE_OPTIONAL))

    def neuron(self) -> DpiNeuron:
        """DPI neurons with the drawn parameters and the feedback law the table has entries for.

        Raises
        ------
        ModelError
            When the table lacks a required entry, or holds half a feedback law.
        """
        fields: dict[str, Any] = dict(self._fields(NEURON_REQUIRED, NEURON_OPTIONAL))
        return DpiNeuron(**fields, feedback=self._feedback())

    def _fields(self, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, FloatArray]:
        missing = [f"{self.block}.{n}" for n in required if n not in self.values]
        if missing:
            raise ModelError(f"table {self.table} lacks the entries {', '.join(missing)}")
        return {n: self.values[n] for n in (*required, *optional) if n in self.values}

    def _feedback(self) -> Feedback:
        have = [n for n in FEEDBACK if n in self.values]
        if self.characteristic is not None:
            grid, current = self.characteristic
            return TableFeedback(ln_current=grid, current=current, scale=self.values[CHARACTERISTIC])
        if not have:
            return NoFeedback()
        v = self.values
        if have == ["i_feedback", "feedback_exponent"]:
            return PowerFeedback(i_feedback=v["i_feedback"], feedback_exponent=v["feedback_exponent"])
        if have == ["i_feedback", "i_feedback_threshold", "i_feedback_norm"]:
            return SigmoidFeedback(
                i_feedback=v["i_feedback"],
                i_feedback_threshold=v["i_feedback_threshold"],
                i_feedback_norm=v["i_feedback_norm"],
            )
        raise ModelError(
            f"table {self.table}: {', '.join('neuron.' + n for n in have)} make no feedback law; accepted: "
            "i_feedback with feedback_exponent, or i_feedback with i_feedback_threshold and i_feedback_norm"
        )


def draw(
    table: CalibrationTable,
    shape: tuple[int, int],
    seed: int,
    sources: tuple[str, ...] = SOURCES,
    *,
    block: str = "synapse",
    label: str = "",
    at: Mapping[str, float] | None = None,
    extrapolate: bool = False,
) -> Chip:
    """Draw a block on ``shape`` = (chips, instances).

    Every source and factor has its own random stream, keyed by the seed and its name: leaving a source out
    changes no other draw, and more chips extend the ensemble without changing the first ones.

    Parameters
    ----------
    table
        Calibration table with entries ``<block>.<parameter>``.
    seed
        Seed of the ensemble.
    sources
        Sources of spread to draw, out of ``fit``, ``die``, ``within_die``; empty: the typical chip.
    block, label
        First part of the entry names, and which of several such blocks on the chip this is: blocks of
        different label have their own instances but share the fit and the die.
    at
        Inputs of the laws: bias currents (A), ``temperature`` (K).
    extrapolate
        Evaluate laws outside their fitted domain.

    Raises
    ------
    ModelError
        For an unknown source or block, or a failed entry.
    OutOfDomain
        For inputs outside the fitted box.
    """
    unknown = [s for s in sources if s not in SOURCES]
    if unknown:
        raise ModelError(f"source {unknown[0]!r} cannot be drawn; accepted: {', '.join(SOURCES)}")
    if len(shape) != 2 or min(shape) < 1 or seed < 0:
        raise ModelError(
            f"shape {shape} and seed {seed}: accepted are (chips, instances) of at least 1, seed >= 0"
        )
    inputs = dict(at or {})
    entries = {n.removeprefix(f"{block}."): e for n, e in table.entries.items() if n.startswith(f"{block}.")}
    if not entries:
        raise ModelError(f"table {table.reference} has no entries {block}.*")
    accepted = {name for e in entries.values() for name in e.box} | {"temperature", "i_tau"}
    strange = sorted(set(inputs) - accepted)
    if strange:
        raise ModelError(f"{block}: input {strange[0]!r} is unknown; accepted: {', '.join(sorted(accepted))}")
    values: dict[str, FloatArray] = {}
    characteristic = None
    for name, entry in entries.items():
        if entry.verdict == "FAILED":
            raise ModelError(
                f"entry {entry.name} of table {table.reference} is a failed fit and cannot be drawn"
            )
        if name == CHARACTERISTIC:
            characteristic = _characteristic(entry, inputs, seed, sources)
            values[name] = _spread(entry, np.ones(shape), f"{block}/{label}", shape, seed, sources)
            continue
        typical = np.broadcast_to(_typical(entry, inputs, seed, sources, extrapolate), shape)
        values[name] = _spread(entry, typical, f"{block}/{label}", shape, seed, sources)
    if "i_tau" not in values and "i_tau" in inputs:
        # No entry for the leak of the block: the bias itself, an ideal mirror.
        values["i_tau"] = np.full(shape, inputs["i_tau"])
    for array in values.values():
        array.setflags(write=False)
    key = json.dumps(
        [table.digest, block, label, shape, seed, sorted(sources), sorted(inputs.items()), extrapolate],
        allow_nan=False,
    )
    identity = hashlib.sha256(key.encode()).hexdigest()[:16]
    return Chip(
        identity,
        block,
        table.reference,
        table.digest,
        seed,
        tuple(sources),
        inputs,
        shape,
        values,
        characteristic,
    )


def _generator(seed: int, *names: str) -> np.random.Generator:
    """Random stream of this seed and these names, the first of which is the source."""
    key = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng(
        np.random.SeedSequence([seed_of(seed, names[0]), *np.frombuffer(key, dtype=np.uint32).tolist()])
    )


def _typical(
    entry: Entry,
    inputs: Mapping[str, ArrayLike],
    seed: int,
    sources: tuple[str, ...],
    extrapolate: bool,
) -> FloatArray:
    """Value of the law, with parameters drawn from the fit covariance where that source is asked for."""
    at = entry.inputs(inputs)
    if not extrapolate:
        entry.check_domain(at)
    parameters = entry.sample(_generator(seed, "fit", entry.name)) if "fit" in sources else None
    value = entry.evaluate(at, parameters)
    if not np.isfinite(value).all() or (entry.scale == "log" and (value <= 0).any()):
        raise ModelError(f"{entry.name}: the law has no valid value at {dict(at)}")
    return value


def _spread(
    entry: Entry, typical: FloatArray, place: str, shape: tuple[int, int], seed: int, sources: tuple[str, ...]
) -> FloatArray:
    """``typical`` with the die and within-die terms of the entry applied."""
    logarithm, shift = np.zeros(shape), np.zeros(shape)
    for term in entry.variation:
        if term.source in sources:
            target = logarithm if term.distribution == "lognormal" else shift
            target += term.sigma * _normal(term, entry, place, shape, seed)
    return np.asarray(typical * np.exp(logarithm) + shift)


def _normal(term: Variation, entry: Entry, place: str, shape: tuple[int, int], seed: int) -> FloatArray:
    """Standard normal numbers of the term's factor: per chip (die) or per instance (within_die)."""
    factor = f"factor:{term.factor}" if term.factor else f"entry:{entry.name}"
    if term.source == "die":
        return _generator(seed, "die", factor).standard_normal((shape[0], 1))
    return _generator(seed, "within_die", place, factor).standard_normal(shape)


def _characteristic(
    entry: Entry, inputs: Mapping[str, ArrayLike], seed: int, sources: tuple[str, ...]
) -> tuple[FloatArray, FloatArray]:
    """Feedback current over the membrane currents of the entry's domain."""
    if "i_membrane" not in entry.box:
        raise ModelError(f"{entry.name} needs the input i_membrane (A)")
    box = entry.box["i_membrane"]
    grid = np.linspace(np.log(box.low), np.log(box.high), GRID_POINTS)
    at = {**inputs, "i_membrane": np.exp(grid)}
    return grid, _typical(entry, at, seed, sources, extrapolate=False)
