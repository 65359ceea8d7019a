"""Energy count: events of a run times what each costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class EnergyCost:
    """Energy (J) of each kind of event in one core.

    Attributes
    ----------
    column
        Per column and step: converter, comparator, clock lines.
    row
        Per column, step and input of 1 (an analog input counts its level): the capacitors of h and z charged.
    swap
        Per row that is swapped.

    Raises
    ------
    ModelError
        For a cost that is negative or not finite.
    """

    column: float
    row: float
    swap: float

    def __post_init__(self) -> None:
        """Check."""
        for name in ("column", "row", "swap"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0.0):
                raise ModelError(f"energy cost: {name} = {value!r} J; accepted: finite and >= 0")

    def total(self, columns: int, steps: int, active: ArrayLike, swapped: ArrayLike) -> FloatArray:
        """Energy (J) of a layer, from inputs of 1 summed over steps, and rows swapped summed over columns."""
        fixed = columns * steps * self.column
        return np.asarray(
            fixed
            + columns * self.row * np.asarray(active, dtype=np.float64)
            + self.swap * np.asarray(swapped)
        )


#: Assumed, by hand for 64 rows, 20 fF, V_FS 0.8 V, 1.8 V (docs/mingru-twin.md): row 2 C (5/9) (V_FS/2)^2; swap four
#: transmission gates of 4 fF at 1.8 V; column the other switches of 64 rows and six steps of the converter.
ASSUMED = EnergyCost(column=4.8e-12, row=3.6e-15, swap=52e-15)
