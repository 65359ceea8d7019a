"""One minGRU core as codes and knobs: the mathematical layer that the circuit approximates.

In units of V_FS / 2, with N rows and s = (2 code - 3) / 3 of a 2-bit weight (all thresholds of the circuit assumed):

    a_h = (1/N) sum_i s_hi x_i + b_h            candidate
    a_z = (1/N) sum_i s_zi x_i + b_z            gate input
    k   = clip(floor(K (slope a_z / 2 + 1/2 + offset) + 1/2), 0, K),   K = 2^bits - 1
    h  <- h + (k / 2^bits) (a_h - h)            = (1 - z) h + z a_h
    y   = [h > theta]

The minGRU of Feng et al. (2024), arXiv:2410.01201, with a hard-sigmoid gate of ``bits`` bits and a Heaviside output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Integer levels of the weight codes 0..3; a weight is a third of its level.
LEVELS = (-3, -1, 1, 3)
MAX_BITS = 8


@dataclass(frozen=True, kw_only=True)
class MinGruLayer:
    """Codes and knobs of one core of ``rows`` x ``columns``.

    Attributes
    ----------
    weight_h, weight_z
        2-bit codes 0..3 of candidate and gate, shape (rows, columns).
    bias_h, bias_z
        Signed codes -2^(bits-1) .. 2^(bits-1)-1 in steps of ``bias_step``, shape (columns,).
    threshold
        theta of the outputs in steps of ``bias_step``, shape (columns,); not necessarily whole.
    slope, offset
        Gain of the gate's converter in full scales per V_FS, and its offset in full scales.
    bias_step
        Step of the bias codes, in V_FS / 2.
    bits
        Of gate and biases; the rows are swapped in 2^bits - 1 groups and one that never moves.
    analog
        Takes levels in [0, 1] (a first layer); else bits.

    Raises
    ------
    ModelError
        For codes outside their sets, shapes that do not fit, knobs that are not finite, or rows that 2^bits
        does not divide.
    """

    weight_h: NDArray[np.uint8]
    weight_z: NDArray[np.uint8]
    bias_h: ArrayLike = 0
    bias_z: ArrayLike = 0
    threshold: ArrayLike = 0.0
    slope: float = 4.0
    offset: float = 0.0
    bias_step: float = 1.0 / 128.0
    bits: int = 6
    analog: bool = False

    def __post_init__(self) -> None:
        """Check and broadcast."""
        h, z = (_codes(f"weight_{n}", w) for n, w in (("h", self.weight_h), ("z", self.weight_z)))
        if h.shape != z.shape:
            raise ModelError(f"minGRU layer: weight_h {h.shape} and weight_z {z.shape} differ in shape")
        if not 1 <= self.bits <= MAX_BITS:
            raise ModelError(f"minGRU layer: bits = {self.bits!r}; accepted: 1 to {MAX_BITS}")
        if h.shape[0] % 2**self.bits:
            raise ModelError(
                f"minGRU layer: {h.shape[0]} rows cannot be swapped in {2**self.bits} groups of one size; "
                f"accepted: a multiple of {2**self.bits} rows, or fewer bits"
            )
        for name in ("slope", "offset", "bias_step"):
            value = float(getattr(self, name))
            if not np.isfinite(value) or (name != "offset" and value <= 0.0):
                accepted = "finite" if name == "offset" else "finite and > 0"
                raise ModelError(f"minGRU layer: {name} = {value!r}; accepted: {accepted}")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "weight_h", h)
        object.__setattr__(self, "weight_z", z)
        for name in ("bias_h", "bias_z", "threshold"):
            object.__setattr__(self, name, self._per_column(name, h.shape[1]))

    def _per_column(self, name: str, columns: int) -> FloatArray:
        array = np.asarray(getattr(self, name), dtype=np.float64)
        if array.shape not in ((), (columns,)) or not np.isfinite(array).all():
            raise ModelError(
                f"minGRU layer: {name} of shape {array.shape}; accepted: {columns} finite numbers, or one"
            )
        half = 2 ** (self.bits - 1)
        wrong = (array != np.round(array)) | (array < -half) | (array > half - 1)
        if name != "threshold" and wrong.any():
            value = float(array[wrong].flat[0])
            raise ModelError(f"minGRU layer: {name} = {value:g}; accepted: whole codes {-half} to {half - 1}")
        array = np.broadcast_to(array, (columns,)).copy()
        array.setflags(write=False)
        return array

    @property
    def rows(self) -> int:
        """Rows N, one per input."""
        return int(self.weight_h.shape[0])

    @property
    def columns(self) -> int:
        """Columns, one per unit."""
        return int(self.weight_h.shape[1])

    @property
    def top(self) -> int:
        """Largest gate code K."""
        return int(2**self.bits - 1)

    @cached_property
    def levels_h(self) -> IntArray:
        """Integer weights -3, -1, 1, 3 of the candidate, shape (rows, columns)."""
        return 2 * self.weight_h.astype(np.int64) - 3

    @cached_property
    def levels_z(self) -> IntArray:
        """Integer weights of the gate."""
        return 2 * self.weight_z.astype(np.int64) - 3

    @cached_property
    def theta(self) -> FloatArray:
        """Output thresholds in V_FS / 2, shape (columns,)."""
        return self.bias_step * np.asarray(self.threshold)

    @cached_property
    def b_h(self) -> FloatArray:
        """Biases of the candidate in V_FS / 2, shape (columns,)."""
        return self.bias_step * np.asarray(self.bias_h)

    @cached_property
    def b_z(self) -> FloatArray:
        """Biases of the gate in V_FS / 2, shape (columns,)."""
        return self.bias_step * np.asarray(self.bias_z)

    @property
    def gate_gain(self) -> float:
        """Codes per unit of a_z."""
        return self.top * self.slope / 2.0

    @property
    def gate_zero(self) -> float:
        """Position of a_z = 0 on the scale whose integer part is the gate code."""
        return self.top * (0.5 + self.offset) + 0.5


def _codes(name: str, values: ArrayLike) -> NDArray[np.uint8]:
    array = np.asarray(values)
    if array.ndim != 2 or not array.size:
        raise ModelError(f"minGRU layer: {name} of shape {array.shape}; accepted: (rows, columns)")
    wrong = ~np.isin(array, (0, 1, 2, 3))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ModelError(
            f"minGRU layer: {name}[{row}, {column}] = {array[row, column]}; accepted: 2-bit codes 0 to 3"
        )
    codes = array.astype(np.uint8)
    codes.setflags(write=False)
    return codes
