"""An ideal core with the references of a layer computes that layer, ties and all."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.circuit import ParameterError
from circuits.families.mingru_column import IdealMingruColumn
from circuits.families.mingru_layer import line_gain, map_layer, swap_gain
from circuits.families.mingru_run import run_core
from circuits.ngspice.pool import Pool


def layer(
    weights: tuple[np.ndarray, np.ndarray],
    biases: tuple[np.ndarray, np.ndarray],
    x: np.ndarray,
    **knobs: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States in units of V_FS/2, gate codes and outputs, with integer arithmetic where ties are decided."""
    rows, top, steps = x.shape[1], int(knobs["top"]), int(knobs["top"]) + 1
    a_h, a_z = (
        x @ (2 * w - 3) / (3 * rows) + b * knobs["bias_step"] for w, b in zip(weights, biases, strict=True)
    )
    k = np.floor(top * (knobs["slope"] * a_z / 2 + 0.5 + knobs["offset"]) + 0.5 + 1e-9)
    k = np.clip(k, 0, top).astype(int)
    h, states = np.zeros(weights[0].shape[1]), []
    for codes, candidate in zip(k, a_h, strict=True):
        h = h + codes / steps * (candidate - h)
        states.append(h)
    found = np.array(states)
    return found, k, (found > knobs["threshold"] + 1e-12).astype(int)


@pytest.mark.parametrize("rows", [8, 64])
def test_an_ideal_core_is_the_layer_with_identical_codes_and_outputs(rows: int, pool: Pool) -> None:
    rng = np.random.default_rng(rows)
    columns, steps = 2, 4
    weights = rng.integers(0, 4, (rows, columns)), rng.integers(0, 4, (rows, columns))
    biases = rng.integers(-9, 9, columns), np.array([0, 5])
    inputs = rng.integers(0, 2, (steps, rows))
    inputs[0] = 0  # black: the gate input of column 0 is exactly zero, a tie, and so is its state
    biases[0][0] = 0
    base = IdealMingruColumn(rows=float(rows), c_wire=0.0)
    knobs = {"slope": 4.0, "offset": 0.0, "bias_step": 1 / 128}
    mapped = map_layer(base, **knobs)
    core = run_core(mapped.column, weights, biases, inputs, theta=mapped.theta(0.0), pool=pool)
    h, k, y = layer(weights, biases, inputs, top=2**base.gate_bits - 1, threshold=0.0, **knobs)
    np.testing.assert_array_equal(core.k, k)
    np.testing.assert_array_equal(core.y, y)
    np.testing.assert_allclose(core.v_h, h * mapped.unit, rtol=0, atol=1e-6)
    assert k[0, 0] == 2 ** (base.gate_bits - 1)
    assert np.unique(k).size > 2


def test_the_offset_shifts_the_gate_by_full_scales(pool: Pool) -> None:
    base = IdealMingruColumn(rows=8.0, c_wire=0.0)
    weights = np.full((8, 1), 3), np.full((8, 1), 3)
    codes = []
    for offset in (-0.3, 0.0, 0.3):
        mapped = map_layer(base, slope=1.0, offset=offset, bias_step=1 / 128)
        core = run_core(mapped.column, weights, (0, 0), np.zeros((1, 8)), pool=pool)
        codes.append(int(core.k[0, 0]))
    assert codes == [int(np.floor(7 * (0.5 + offset) + 0.5)) for offset in (-0.3, 0.0, 0.3)]


def test_gains_by_hand() -> None:
    column = IdealMingruColumn(rows=64.0)
    assert line_gain(column) == pytest.approx(20.4 / 24.9)
    assert swap_gain(column) == pytest.approx(20.4 / 20.9)


def test_a_layer_that_no_reference_gives_is_refused() -> None:
    with pytest.raises(ParameterError, match="c_load"):
        map_layer(IdealMingruColumn(c_load=1e-15), slope=1.0, offset=0.0, bias_step=0.01)
    with pytest.raises(ParameterError, match="slope"):
        map_layer(IdealMingruColumn(), slope=0.0, offset=0.0, bias_step=0.01)
    with pytest.raises(ParameterError, match="v_bias"):
        map_layer(IdealMingruColumn(), slope=1.0, offset=0.0, bias_step=1.0)
