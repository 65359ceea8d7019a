"""The ideal network is the mathematical one, by either backend and in any pieces."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np
import pytest
from mingru_cases import chip, layer, network

from pysim.mingru import EnergyCost, MinGruChip, MinGruLayer, MinGruNetwork, MinGruRun, Readout, ideal_chip


def exact(of: MinGruLayer, x: list[list[Any]]) -> tuple[list[Any], list[Any], list[Any]]:
    """Codes, states and outputs of one sample in rational arithmetic: the equations, without rounding."""
    third, step = Fraction(1, 3), Fraction(of.bias_step)
    h = [Fraction(0)] * of.columns
    codes, states, outputs = [], [], []
    for inputs in x:
        k = []
        for j in range(of.columns):
            u_h, u_z = (
                sum((2 * int(w[i, j]) - 3) * third * Fraction(v) for i, v in enumerate(inputs)) / of.rows
                for w in (of.weight_h, of.weight_z)
            )
            a_h = u_h + step * int(np.asarray(of.bias_h)[j])
            a_z = u_z + step * int(np.asarray(of.bias_z)[j])
            scale = of.top * (Fraction(of.slope) * a_z / 2 + Fraction(1, 2) + Fraction(of.offset)) + Fraction(
                1, 2
            )
            k.append(min(max(floor(scale), 0), of.top))
            z = Fraction(k[-1], 2**of.bits)
            h[j] = (1 - z) * h[j] + z * a_h
        codes.append(k)
        states.append([float(v) for v in h])
        outputs.append(
            [int(v > step * Fraction(t)) for v, t in zip(h, np.asarray(of.threshold), strict=True)]
        )
    return codes, states, outputs


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_two_layers_compute_what_rational_arithmetic_gives(backend: Any) -> None:
    net = network(16, 8, 5, bits=3)
    x = np.random.default_rng(3).random((2, 12, 16))
    found = net.run(x, backend=backend, record=True)
    assert found.trace is not None
    for sample in range(2):
        given: list[list[Any]] = x[sample].tolist()
        for of, trace in zip(net.layers, found.trace, strict=True):
            codes, states, outputs = exact(of, given)
            np.testing.assert_array_equal(trace.codes[sample], codes)
            np.testing.assert_allclose(trace.states[sample], states, rtol=0, atol=1e-14)
            np.testing.assert_array_equal(trace.outputs[sample], outputs)
            given = outputs
        np.testing.assert_array_equal(found.outputs[sample], given)
    assert len(np.unique(found.trace[0].codes)) > 4
    assert 0.1 < found.mean_output.mean() < 0.9


def assert_same(a: MinGruRun, b: MinGruRun, atol: float = 0.0) -> None:
    np.testing.assert_array_equal(a.words, b.words)
    for p, q in zip(a.states, b.states, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=atol)
    for p, q in zip((*a.ones, *a.gates), (*b.ones, *b.gates), strict=True):
        np.testing.assert_array_equal(p, q)
    np.testing.assert_allclose(a.energy, b.energy, rtol=1e-14)
    np.testing.assert_allclose(a.mean_state, b.mean_state, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "bits", "analog"),
    [((64, 64, 64), 6, True), ((64, 70, 9), 1, False), ((128, 128, 3), 6, False), ((16, 16, 16), 4, True)],
)
def test_compiled_network_equals_the_definition_bit_for_bit(
    sizes: tuple[int, ...], bits: int, analog: bool
) -> None:
    net = network(*sizes, bits=bits, analog=analog)
    rng = np.random.default_rng(4)
    x = rng.random((5, 90)) if analog else rng.integers(0, 2, (5, 90, sizes[0]))
    a, b = (net.run(x, backend=backend, record=True) for backend in ("numpy", "numba"))
    assert_same(a, b)
    assert a.trace is not None
    assert b.trace is not None
    for p, q in zip(a.trace, b.trace, strict=True):
        np.testing.assert_array_equal(p.codes, q.codes)
        np.testing.assert_array_equal(p.states, q.states)
        np.testing.assert_array_equal(p.outputs, q.outputs)


def test_analog_levels_per_row_agree_between_backends() -> None:
    net = network(64, 20, bits=6)
    x = np.random.default_rng(5).random((4, 40, 64))
    assert_same(*(net.run(x, backend=backend) for backend in ("numpy", "numba")), atol=1e-13)


def test_a_signal_on_all_rows_is_that_signal_on_every_row() -> None:
    net = network(64, 20, bits=6)
    x = np.random.default_rng(6).random((4, 40))
    assert_same(net.run(x), net.run(np.repeat(x[..., None], 64, axis=2)), atol=1e-13)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("noise", [None, 0.0, 1.0])
def test_results_do_not_depend_on_how_a_batch_is_split(backend: Any, noise: float | None) -> None:
    net = network(64, 64, 64)
    drawn = None if noise is None else chip(net, noise=noise)
    x = np.random.default_rng(7).random((7, 50))
    whole = net.run(x, drawn, backend=backend, seed=9)
    parts = [net.run(x[a:b], drawn, backend=backend, seed=9, first=a) for a, b in pairwise((0, 1, 4, 7))]
    np.testing.assert_array_equal(whole.words, np.concatenate([p.words for p in parts]))
    for k in range(2):
        np.testing.assert_array_equal(whole.states[k], np.concatenate([p.states[k] for p in parts]))


def test_a_chip_without_effects_computes_the_mathematical_network() -> None:
    net = network(64, 64, 10)
    x = np.random.default_rng(8).random((4, 100))
    plain, chipped = net.run(x, record=True), net.run(x, ideal_chip(net.layers), record=True)
    assert plain.trace is not None
    assert chipped.trace is not None
    for p, q in zip(plain.trace, chipped.trace, strict=True):
        np.testing.assert_array_equal(p.codes, q.codes)
        np.testing.assert_array_equal(p.outputs, q.outputs)
        # Effective weights lie on a grid of 2^-30, so states differ by that.
        np.testing.assert_allclose(p.states, q.states, rtol=0, atol=2e-8)


def test_counts_and_energy_are_those_of_the_trace() -> None:
    net = network(64, 64, 128, bits=5, analog=False)
    x = np.random.default_rng(9).integers(0, 2, (3, 30, 64))
    cost = EnergyCost(column=3.0, row=5.0, swap=7.0)
    run = net.run(x, MinGruChip(ideal_chip(net.layers).cores, cost), record=True)
    assert run.trace is not None
    first, second = run.trace
    np.testing.assert_array_equal(run.outputs, second.outputs)
    np.testing.assert_array_equal(run.ones[0], first.outputs.sum(axis=1))
    codes = [t.codes.astype(int).sum(axis=(1, 2)) for t in run.trace]
    expected = (64 + 128) * 30 * 3.0 + 5.0 * (64 * x.sum(axis=(1, 2)) + 128 * run.ones[0].sum(axis=1))
    # Each unit of a 5-bit code swaps two of the 64 rows.
    np.testing.assert_allclose(run.energy, expected + 7.0 * 2 * (codes[0] + codes[1]))


@pytest.mark.parametrize("feature", ["mean_output", "mean_state", "last_state"])
def test_readout_is_a_matrix_on_its_feature(feature: str) -> None:
    rng = np.random.default_rng(10)
    weight, bias = rng.normal(size=(12, 3)), rng.normal(size=3)
    net = MinGruNetwork((layer(64, 12, analog=True),), Readout(weight, bias, feature))
    run = net.run(rng.random((6, 25)), record=True)
    assert run.trace is not None
    trace = run.trace[0]
    of = {
        "mean_output": trace.outputs.mean(axis=1),
        "mean_state": trace.states.mean(axis=1),
        "last_state": trace.states[:, -1],
    }[feature]
    assert run.scores is not None
    np.testing.assert_allclose(run.scores, of @ weight + bias, atol=1e-12)
    np.testing.assert_array_equal(run.classes, (of @ weight + bias).argmax(axis=1))
