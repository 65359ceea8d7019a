"""Non-idealities of one core, column by column; each group of them can be switched off alone.

States and lines in units of V_FS / 2 against V_cm, k the gate code, z_n = k / 2^bits, prev the line before the step:

    a_h = g_h mean_h + (g_bh b_h + o_h) + m_h prev_h,    mean_h = sum_i (1 + c_i) s_i x_i / sum_i (1 + c_i)
    a_z = g_z mean_z + (g_bz b_z + o_z) + m_z prev_z
    s   = slope' a_z + zero' + 1/2 + noise
    k   by successive approximation: bit b from the top stays if s >= T[c] of the trial code c,
        T[c] = sum over bits of c of 2^b (1 + w_b) + INL[c]
    h   <- V_leak + (h - V_leak) r                                            droop over a step
    h   <- h + z (a_h - h) + i_0 + z_n (i_1 + i_2 h) + sqrt(z (2 - z)) sigma_h n,    z = kappa sum_b P_b
    y   = [h + noise > theta + V_os]

P_b is the share of the row capacitors in the group that bit b of k swaps, kappa = 1 / (1 + rho_h) the gain of the
gate. The noise term is what keeps Var h = sigma_h^2 = kT / (N C) for every z: V_h~ brings z^2 of it, redistribution
2 z (1 - z). Topology and equations assumed; docs/mingru-twin.md derives them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.mingru.layer import MinGruLayer

FloatArray = NDArray[np.float64]

#: Fields of each group that can be switched off alone.
GROUPS: dict[str, tuple[str, ...]] = {
    "gain": ("gain_h", "gain_z", "bias_gain_h", "bias_gain_z"),
    "offset": ("offset_h", "offset_z"),
    "mismatch": ("capacitor_h", "capacitor_z"),
    "memory": ("memory_h", "memory_z"),
    "gate_slope": ("gate_slope",),
    "gate_offset": ("gate_offset",),
    "gate_inl": ("gate_weight", "gate_inl"),
    "swap_gain": ("swap_gain",),
    "swap_error": ("swap_share",),
    "injection": ("injection_base", "injection_swap", "injection_state"),
    "droop": ("leak_level", "retention"),
    "comparator_offset": ("comparator_offset",),
    "state_noise": ("state_noise",),
    "gate_noise": ("gate_noise",),
    "comparator_noise": ("comparator_noise",),
}
NOISE = ("state_noise", "gate_noise", "comparator_noise")

_ONE = ("gain_h", "gain_z", "bias_gain_h", "bias_gain_z", "gate_slope", "swap_gain", "retention")
_MATRICES = ("capacitor_h", "capacitor_z")


@dataclass(frozen=True, kw_only=True)
class CoreEffects:
    """Values for one core of ``rows`` x ``columns``; every field not listed with a shape is (columns,) or a number.

    Attributes
    ----------
    rows, columns, bits
        Size of the core.
    gain_h, gain_z, bias_gain_h, bias_gain_z
        Line gains of the mean and of the biases.
    offset_h, offset_z
        Line offsets (V_FS / 2).
    capacitor_h, capacitor_z
        Relative deviations of the row capacitors, (rows, columns).
    memory_h, memory_z
        Share of the line's previous voltage that remains, 0 when lines are reset.
    gate_slope, gate_offset
        Relative gain and offset (codes) of the converter.
    gate_weight, gate_inl
        Relative deviations w_b of the weights of the converter's bits, (columns, bits), see :func:`dac_weight`; shift
        of the threshold of c = 1 .. K that the weights do not explain, in codes, (columns, K).
    swap_gain, swap_share
        kappa; P_b, (columns, bits), ``None``: 2^b / 2^bits; see :func:`swap_share`.
    injection_base, injection_swap, injection_state
        i_0, i_1 (V_FS / 2) and i_2.
    leak_level, retention
        V_leak (V_FS / 2) and r of a time step, 0 < r <= 1.
    comparator_offset
        V_os (V_FS / 2).
    state_noise, gate_noise, comparator_noise
        Standard deviations: sigma_h (V_FS / 2), of s (codes), of the decision (V_FS / 2).

    Raises
    ------
    ModelError
        For a wrong shape, a number that is not finite, or a value outside its range.
    """

    rows: int
    columns: int
    bits: int
    gain_h: ArrayLike = 1.0
    gain_z: ArrayLike = 1.0
    bias_gain_h: ArrayLike = 1.0
    bias_gain_z: ArrayLike = 1.0
    offset_h: ArrayLike = 0.0
    offset_z: ArrayLike = 0.0
    capacitor_h: ArrayLike = 0.0
    capacitor_z: ArrayLike = 0.0
    memory_h: ArrayLike = 0.0
    memory_z: ArrayLike = 0.0
    gate_slope: ArrayLike = 1.0
    gate_offset: ArrayLike = 0.0
    gate_weight: ArrayLike = 0.0
    gate_inl: ArrayLike = 0.0
    swap_gain: ArrayLike = 1.0
    swap_share: ArrayLike | None = None
    injection_base: ArrayLike = 0.0
    injection_swap: ArrayLike = 0.0
    injection_state: ArrayLike = 0.0
    leak_level: ArrayLike = 0.0
    retention: ArrayLike = 1.0
    comparator_offset: ArrayLike = 0.0
    state_noise: ArrayLike = 0.0
    gate_noise: ArrayLike = 0.0
    comparator_noise: ArrayLike = 0.0

    def __post_init__(self) -> None:
        """Broadcast and check."""
        if self.swap_share is None:
            object.__setattr__(self, "swap_share", 2.0 ** (np.arange(self.bits) - self.bits))
        shapes = dict.fromkeys(_MATRICES, (self.rows, self.columns))
        shapes["gate_inl"] = (self.columns, 2**self.bits - 1)
        shapes |= dict.fromkeys(("gate_weight", "swap_share"), (self.columns, self.bits))
        for names in GROUPS.values():
            for name in names:
                self._set(name, shapes.get(name, (self.columns,)))

    def _set(self, name: str, shape: tuple[int, ...]) -> None:
        given = np.asarray(getattr(self, name), dtype=np.float64)
        try:
            array = np.broadcast_to(given, shape).copy()
        except ValueError:
            raise ModelError(
                f"minGRU core: {name} of shape {given.shape}; accepted: {shape} or a number"
            ) from None
        low, high = _range(name)
        if not (np.isfinite(array).all() and (array >= low).all() and (array <= high).all()):
            raise ModelError(f"minGRU core: {name} has values outside [{low:g}, {high:g}], or not finite")
        array.setflags(write=False)
        object.__setattr__(self, name, array)

    def array(self, name: str) -> FloatArray:
        """Field as an array of its full shape."""
        return np.asarray(getattr(self, name), dtype=np.float64)

    def without(self, *groups: str) -> CoreEffects:
        """The same core with these groups ideal.

        Raises
        ------
        ModelError
            For an unknown group; the message lists them.
        """
        ideal: dict[str, float | None] = {}
        for group in groups:
            if group not in GROUPS:
                raise ModelError(f"effect {group!r} is unknown; accepted: {', '.join(GROUPS)}")
            for name in GROUPS[group]:
                ideal[name] = None if name == "swap_share" else 1.0 if name in _ONE else 0.0
        return dataclasses.replace(self, **ideal)  # type: ignore[arg-type]

    def only(self, *groups: str) -> CoreEffects:
        """The same core with every other group ideal."""
        self.without(*groups)
        return self.without(*(g for g in GROUPS if g not in groups))

    @cached_property
    def noisy(self) -> bool:
        """Any of the noise sources is not zero."""
        return any(bool(self.array(name).any()) for name in NOISE)

    @cached_property
    def remembers(self) -> bool:
        """Lines keep some of their previous voltage."""
        return bool(self.array("memory_h").any() or self.array("memory_z").any())

    def matrix(self, layer: MinGruLayer, which: str) -> FloatArray:
        """Weights in V_FS / 2 per unit input, (rows, columns), with capacitors and gain; ``which``: h or z.

        Multiples of :meth:`grid`: sums over binary inputs are exact, in any order. The rounding is below 1e-9 of
        V_FS / 2 for gains up to 1.
        """
        grid = self.grid(layer)
        return np.asarray(grid * np.round(self._weights(layer, which) / grid))

    def grid(self, layer: MinGruLayer) -> float:
        """Step of the weights: the power of two at which the largest sum of a column fits into 31 bits."""
        largest = max(float(np.abs(self._weights(layer, w)).sum(axis=0).max()) for w in "hz")
        return float(2.0 ** (np.floor(np.log2(max(largest, 1e-300))) - 29))

    def _weights(self, layer: MinGruLayer, which: str) -> FloatArray:
        levels = layer.levels_h if which == "h" else layer.levels_z
        capacitor = 1.0 + self.array(f"capacitor_{which}")
        return np.asarray(levels / 3.0 * capacitor * (self.array(f"gain_{which}") / capacitor.sum(axis=0)))

    def bias_h(self, layer: MinGruLayer) -> FloatArray:
        """Part of a_h that no input moves."""
        return self.array("bias_gain_h") * layer.b_h + self.array("offset_h")

    def bias_z(self, layer: MinGruLayer) -> FloatArray:
        """Part of a_z that no input moves."""
        return self.array("bias_gain_z") * layer.b_z + self.array("offset_z")

    @cached_property
    def thresholds(self) -> FloatArray:
        """Weights 2^b (1 + w_b) of the converter's bits in codes, (columns, bits)."""
        return np.asarray(2.0 ** np.arange(self.bits) * (1.0 + self.array("gate_weight")))

    @cached_property
    def shares(self) -> FloatArray:
        """kappa P_b, (columns, bits)."""
        return np.asarray(self.array("swap_gain")[:, None] * self.array("swap_share"))

    def gate(self, layer: MinGruLayer) -> tuple[FloatArray, FloatArray]:
        """slope' and zero' + 1/2, which take a_z to the scale whose integer part is the gate code."""
        return layer.gate_gain * self.array("gate_slope"), layer.gate_zero + self.array("gate_offset")


def _range(name: str) -> tuple[float, float]:
    if name in ("capacitor_h", "capacitor_z", "gate_weight"):
        return -0.99, 10.0
    if name == "retention":
        return 1e-12, 1.0
    if name in NOISE or name in ("gain_h", "gain_z", "gate_slope", "swap_gain"):
        return 0.0, 1e3
    if name in ("memory_h", "memory_z"):
        return 0.0, 0.999
    if name == "swap_share":
        return 0.0, 1.0
    return -1e6, 1e6


def swap_share(capacitor: ArrayLike, bits: int) -> FloatArray:
    """P_b: share of the row capacitors that bit b swaps, (columns, bits), from deviations (rows, columns).

    Rows lie in groups of 1, 2, 4, .. units, bit 0 first; the last unit never moves. Deviations are the mean of a
    row's two capacitors: which of them holds the state depends on the history, an effect of second order.
    """
    c = 1.0 + np.asarray(capacitor, dtype=np.float64)
    rows = c.shape[0]
    unit = np.arange(rows) // (rows >> bits) + 1
    group = np.floor(np.log2(unit)).astype(np.int64)
    return np.asarray(((group == np.arange(bits)[:, None]).astype(np.float64) @ c / c.sum(axis=0)).T)


def dac_weight(deviation: ArrayLike) -> FloatArray:
    """Relative deviations w_b of a capacitive DAC's bit weights, (columns, bits), from those of its capacitors.

    ``deviation`` (columns, bits + 1): bit b has 2^b units, the last is the unit that terminates the array;
    1 + w_b = (1 + d_b) 2^bits / sum of all units.
    """
    d = np.asarray(deviation, dtype=np.float64)
    bits = d.shape[1] - 1
    units = np.append(2.0 ** np.arange(bits), 1.0) * (1.0 + d)
    return np.asarray((1.0 + d[:, :bits]) * 2.0**bits / units.sum(axis=1, keepdims=True) - 1.0)
