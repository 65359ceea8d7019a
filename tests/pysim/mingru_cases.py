"""Networks and chips that several test files share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pysim.mingru import CoreEffects, MinGruChip, MinGruLayer, MinGruNetwork
from pysim.mingru.effects import dac_weight, swap_share


def layer(rows: int, columns: int, *, bits: int = 6, analog: bool = False, seed: int = 0) -> MinGruLayer:
    rng = np.random.default_rng(seed)
    half = 2 ** (bits - 1)
    return MinGruLayer(
        weight_h=rng.integers(0, 4, (rows, columns)).astype(np.uint8),
        weight_z=rng.integers(0, 4, (rows, columns)).astype(np.uint8),
        bias_h=rng.integers(-half, half, columns),
        bias_z=rng.integers(-half, half, columns),
        threshold=rng.integers(-4, 4, columns) + 0.5,
        slope=3.137,
        offset=-0.0831,
        bias_step=0.25 / half,
        bits=bits,
        analog=analog,
    )


def network(*sizes: int, bits: int = 6, analog: bool = True, seed: int = 0) -> MinGruNetwork:
    """Layers of ``sizes[k]`` rows and ``sizes[k + 1]`` columns."""
    return MinGruNetwork(
        tuple(
            layer(n, m, bits=bits, analog=analog and k == 0, seed=seed + k)
            for k, (n, m) in enumerate(pairwise(sizes))
        )
    )


def effects(of: MinGruLayer, rng: np.random.Generator, noise: float = 0.0) -> CoreEffects:
    """Every effect, larger than in a real core."""

    def around(mean: float, sigma: float) -> np.ndarray:
        return mean + sigma * rng.standard_normal(of.columns)

    capacitor = 0.02 * rng.standard_normal((2, of.rows, of.columns))
    return CoreEffects(
        rows=of.rows,
        columns=of.columns,
        bits=of.bits,
        gain_h=around(0.93, 0.01),
        gain_z=around(0.93, 0.01),
        bias_gain_h=around(0.9, 0.01),
        bias_gain_z=around(0.9, 0.01),
        offset_h=around(0.0, 0.02),
        offset_z=around(0.0, 0.02),
        capacitor_h=capacitor[0],
        capacitor_z=capacitor[1],
        memory_h=np.abs(around(0.03, 0.01)),
        memory_z=np.abs(around(0.03, 0.01)),
        gate_slope=around(1.0, 0.02),
        gate_offset=around(0.0, 0.5),
        gate_weight=dac_weight(0.02 * rng.standard_normal((of.columns, of.bits + 1))),
        swap_gain=around(0.95, 0.005),
        swap_share=swap_share(capacitor[0], of.bits),
        injection_base=around(0.0, 0.002),
        injection_swap=around(0.01, 0.002),
        injection_state=around(-0.01, 0.002),
        leak_level=around(-0.5, 0.01),
        retention=1.0 - np.abs(around(1e-3, 1e-4)),
        comparator_offset=around(0.0, 0.02),
        state_noise=noise * 1e-3,
        gate_noise=noise * 0.2,
        comparator_noise=noise * 5e-3,
    )


def chip(of: MinGruNetwork, seed: int = 0, noise: float = 0.0) -> MinGruChip:
    rng = np.random.default_rng(seed)
    return MinGruChip(tuple(effects(n, rng, noise) for n in of.layers), id="case")
