"""Each effect does what its equation says, can be switched off alone, and is the same in both backends."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from mingru_cases import chip, effects, layer, network

from pysim.errors import ModelError
from pysim.mingru import GROUPS, CoreEffects, MinGruChip, MinGruLayer, MinGruNetwork, ideal_chip
from pysim.mingru.effects import dac_weight, swap_share
from pysim.mingru.reference import converted


def gate_at(code: float, columns: int = 64, bias_h: int = 0) -> MinGruNetwork:
    """One layer whose gate stands at ``code`` as long as all inputs are 0."""
    zeros = np.zeros((64, columns), dtype=np.uint8)
    offset = code / 63 - 0.5
    return MinGruNetwork((MinGruLayer(weight_h=zeros, weight_z=zeros, bias_h=bias_h, offset=offset),))


def alone(net: MinGruNetwork, **values: Any) -> MinGruChip:
    core = dataclasses.replace(ideal_chip(net.layers).cores[0], **values)
    return MinGruChip((core,))


def quiet(samples: int, steps: int) -> np.ndarray:
    return np.zeros((samples, steps, 64), dtype=np.uint8)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("sizes", [(64, 64, 64), (128, 70, 9)])
def test_compiled_chips_equal_the_definition(sizes: tuple[int, ...], noise: float) -> None:
    net = network(*sizes, bits=6 if sizes[1] == 64 else 1)
    drawn = chip(net, seed=1, noise=noise)
    x = np.random.default_rng(2).random((4, 80))
    a, b = (net.run(x, drawn, backend=backend, record=True, seed=3) for backend in ("numpy", "numba"))
    assert a.trace is not None
    assert b.trace is not None
    for p, q in zip(a.trace, b.trace, strict=True):
        np.testing.assert_array_equal(p.codes, q.codes)
        np.testing.assert_array_equal(p.outputs, q.outputs)
        np.testing.assert_allclose(p.states, q.states, rtol=0, atol=1e-9)
        assert 0.02 < p.outputs.mean() < 0.98


@pytest.mark.parametrize("group", GROUPS)
def test_each_effect_alone_changes_states_or_outputs_and_without_it_nothing(group: str) -> None:
    net = network(64, 64, analog=False)
    drawn = chip(net, seed=4, noise=10.0)
    x = np.random.default_rng(5).integers(0, 2, (4, 60, 64))
    ideal = net.run(x, ideal_chip(net.layers))
    single = drawn.only(group)
    for backend in ("numpy", "numba"):
        run = net.run(x, single, backend=backend)
        changed = (run.words != ideal.words).any() or (run.states[0] != ideal.states[0]).any()
        assert changed, backend
    off = net.run(x, single.without(group))
    np.testing.assert_array_equal(off.words, ideal.words)
    np.testing.assert_array_equal(off.states[0], ideal.states[0])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("code", [1, 4, 16, 32, 63])
def test_state_noise_settles_at_kt_over_nc_for_every_gate(code: int, backend: Any) -> None:
    # kT / (N C) for 64 rows of 20 fF at 300 K in units of V_FS / 2 = 0.4 V.
    variance = 1.380649e-23 * 300.0 / (64 * 20e-15) / 0.4**2
    net = gate_at(code)
    drawn = alone(net, state_noise=math.sqrt(variance))
    samples, steps = (256, 240) if code == 1 else (256, 70)
    h = net.run(quiet(samples, steps), drawn, backend=backend, seed=6).states[0]
    # 16384 independent states: their variance is known to 1.1 %.
    assert h.var() == pytest.approx(variance, rel=0.05)
    assert abs(h.mean()) < 4 * math.sqrt(variance / h.size)


def test_noise_is_another_with_another_seed_and_none_at_a_shut_gate() -> None:
    net = gate_at(20)
    drawn = alone(net, state_noise=0.01)
    a, b = (net.run(quiet(2, 20), drawn, seed=seed).states[0] for seed in (0, 1))
    assert (a != b).all()
    shut = gate_at(0)
    assert not shut.run(quiet(2, 20), alone(shut, state_noise=0.01)).states[0].any()


@pytest.mark.parametrize("distance", [-1.0, 0.0, 0.5])
def test_comparator_noise_gives_the_error_function(distance: float) -> None:
    net = gate_at(0)
    drawn = alone(net, comparator_noise=0.02, comparator_offset=-0.02 * distance)
    ones = net.run(quiet(200, 50), drawn, seed=7).mean_output.mean()
    expected = 0.5 * (1 + math.erf(distance / math.sqrt(2)))
    assert ones == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(200 * 50 * 64))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_shut_gate_leaks_exponentially_and_takes_the_base_injection(backend: Any) -> None:
    net = gate_at(0)
    r, level, base = 0.99, -0.3, 1e-3
    h = net.run(quiet(1, 40), alone(net, leak_level=level, retention=r), backend=backend).states[0]
    np.testing.assert_allclose(h, level * (1 - r**40), rtol=1e-12)
    h = net.run(quiet(1, 40), alone(net, injection_base=base), backend=backend).states[0]
    np.testing.assert_allclose(h, 40 * base, rtol=1e-12)


def test_swap_gain_and_injection_shift_step_and_rest_of_the_state() -> None:
    bias, k = 16, 24
    net = gate_at(k, bias_h=bias)
    a, z = bias / 128, k / 64
    kappa, swap, state = 0.9, 0.02, -0.05
    drawn = alone(net, swap_gain=kappa, injection_swap=swap, injection_state=state)
    one = net.run(quiet(1, 1), drawn).states[0]
    np.testing.assert_allclose(one, kappa * z * a + z * swap, rtol=1e-12)
    rest = net.run(quiet(1, 600), drawn).states[0]
    np.testing.assert_allclose(rest, (kappa * a + swap) / (kappa - state), rtol=1e-9)


def test_line_memory_is_a_filter_of_the_candidate() -> None:
    net = gate_at(63, bias_h=16)
    m = 0.2
    drawn = alone(net, memory_h=m, bias_gain_h=1 - m)
    run = net.run(quiet(1, 6), drawn, record=True)
    line, h, expected = 0.0, 0.0, []
    for _ in range(6):
        line = (1 - m) * 16 / 128 + m * line
        h += 63 / 64 * (line - h)
        expected.append(h)
    assert run.trace is not None
    np.testing.assert_allclose(run.trace[0].states[0, :, 0], expected, rtol=1e-12)


def test_mismatched_rows_weigh_by_their_capacitor() -> None:
    of = layer(64, 64)
    core = effects(of, np.random.default_rng(8)).only("mismatch")
    c = 1 + core.array("capacitor_h")
    expected = (2.0 * of.weight_h - 3) / 3 * c / c.sum(axis=0)
    np.testing.assert_allclose(core.matrix(of, "h"), expected, rtol=0, atol=1e-9)
    # Exact sums in any order: every weight is a whole number of steps, and 31 bits hold every sum.
    steps = core.matrix(of, "h") / core.grid(of)
    np.testing.assert_array_equal(steps, np.round(steps))
    assert np.abs(steps).sum(axis=0).max() < 2**31


def test_swapped_shares_add_up_to_all_rows_but_the_last_unit() -> None:
    c = 0.03 * np.random.default_rng(9).standard_normal((128, 5))
    share = swap_share(c, 6)
    total = (1 + c).sum(axis=0)
    # 128 rows, 6 bits: units of two rows; bit 0 moves rows 0 and 1, the last two never move.
    np.testing.assert_allclose(share[:, 0], (1 + c[:2]).sum(axis=0) / total)
    np.testing.assert_allclose(share[:, 5], (1 + c[62:126]).sum(axis=0) / total)
    np.testing.assert_allclose(share.sum(axis=1), 1 - (1 + c[126:]).sum(axis=0) / total)
    np.testing.assert_allclose(swap_share(np.zeros((64, 1)), 6)[0], 2.0 ** np.arange(-6, 0))


def test_sharing_after_a_swap_conserves_charge() -> None:
    rng = np.random.default_rng(10)
    c = 0.05 * rng.standard_normal((64, 64))
    rho, bias = 0.04, 20
    for k in (1, 22, 63):
        net = gate_at(k, bias_h=bias)
        # Deviations enter twice: through the shares of the swapped groups and through 1 / (1 + rho).
        total = (1 + c).sum(axis=0)
        drawn = alone(net, swap_share=swap_share(c, 6), swap_gain=1 / (1 + rho * 64 / total))
        a, b = net.run(quiet(1, 1), drawn).states[0][0], net.run(quiet(1, 2), drawn).states[0][0]
        moved = swap_share(c, 6) @ ((k >> np.arange(6)) & 1) * total
        kept = total - moved + rho * 64
        np.testing.assert_allclose(b * (moved + kept), moved * bias / 128 + kept * a, rtol=1e-6)


def test_converter_is_a_successive_approximation_even_where_thresholds_cross() -> None:
    rng = np.random.default_rng(11)
    deviation = dac_weight(0.3 * rng.standard_normal((64, 7)) * np.append(2.0 ** (-np.arange(6) / 2), 1.0))
    inl = rng.uniform(-2, 2, (64, 63))
    core = CoreEffects(rows=64, columns=64, bits=6, gate_weight=deviation, gate_inl=inl)
    threshold = [[0.0] * 64 for _ in range(64)]
    for j in range(64):
        for c in range(1, 64):
            levels = [2.0**b * (1 + deviation[j, b]) for b in range(6) if c >> b & 1]
            threshold[j][c] = sum(reversed(levels)) + inl[j, c - 1]
    assert any(threshold[j][c] > threshold[j][c + 1] for j in range(64) for c in range(1, 63))
    scale = rng.uniform(-3, 68, (50, 64))
    codes, z = converted(scale, core)
    for n in range(50):
        for j in range(64):
            code = 0
            for b in reversed(range(6)):
                code += (1 << b) if scale[n, j] >= threshold[j][code + (1 << b)] else 0
            assert codes[n, j] == code
    np.testing.assert_allclose(z, codes / 64)
    net = MinGruNetwork((layer(64, 64, analog=True),))
    x = rng.random((3, 30))
    a, b = (net.run(x, MinGruChip((core,)), backend=n) for n in ("numpy", "numba"))
    np.testing.assert_array_equal(a.gates[0], b.gates[0])
    np.testing.assert_array_equal(a.words, b.words)


def test_an_ideal_dac_has_no_deviation_and_a_heavy_top_bit_steals_from_the_others() -> None:
    assert not dac_weight(np.zeros((1, 7))).any()
    weight = dac_weight(np.array([[0, 0, 0, 0, 0, 0.1, 0.0]]))[0]
    np.testing.assert_allclose(weight[5], 1.1 * 64 / 67.2 - 1)
    np.testing.assert_allclose(weight[:5], 64 / 67.2 - 1)


def test_values_outside_their_range_are_refused() -> None:
    core = CoreEffects(rows=64, columns=4, bits=6)
    with pytest.raises(ModelError, match=r"gain_h of shape \(3,\); accepted: \(4,\)"):
        dataclasses.replace(core, gain_h=np.ones(3))
    with pytest.raises(ModelError, match="retention"):
        dataclasses.replace(core, retention=1.1)
    with pytest.raises(ModelError, match=r"offset_h .* not finite"):
        dataclasses.replace(core, offset_h=np.nan)
    with pytest.raises(ModelError, match="effect 'gains' is unknown; accepted: gain,"):
        core.without("gains")
