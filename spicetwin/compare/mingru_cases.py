"""Cores that are co-simulated for the comparison, and what drives them: a digit's activity in a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuits.families.mingru_column import LEVELS, MingruColumn
from pysim.mingru import MinGruLayer, MinGruNetwork
from pysim.tasks import digits
from spicetwin.calibrate.mingru_core import column_layer

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Trained network whose second layer lends weights and, driven by a digit, inputs.
NETWORK = "mingru_digits.npz"

#: Number of the test digit.
DIGIT = 7

#: Gate references off the grid of sums, so that no code of an ideal core is a tie that rounding decides.
UNTIED = {"v_gate": 0.37, "v_reset": 0.0123}


@dataclass(frozen=True)
class CoreCase:
    """A core to compare: circuit level and size, steps, and those of the calibration run (0: as designed).

    ``aimed`` further runs of the calibration aim at the thresholds of the gate's converter.
    """

    level: str
    rows: int
    columns: int
    steps: int
    fitted_steps: int
    aimed: int = 0

    @property
    def name(self) -> str:
        """``"transistor level, 64 x 1, 20 steps"``."""
        level = "ideal switches" if self.ideal else "transistor level"
        return f"{level}, {self.rows} x {self.columns}, {self.steps} steps"

    @property
    def ideal(self) -> bool:
        """Ideal switches."""
        return self.level == "ideal"

    def column(self) -> MingruColumn:
        """One column of the core."""
        return LEVELS[self.level]().replace({"rows": float(self.rows), **UNTIED})


#: What a quick run and continuous integration can afford, and the sizes of a full validation.
IDEAL_QUICK = (CoreCase("ideal", 16, 4, 10, 0),)
QUICK = (*IDEAL_QUICK, CoreCase("transistor", 8, 2, 8, 24))
FULL = (
    CoreCase("ideal", 64, 64, 50, 0),
    CoreCase("transistor", 64, 1, 20, 24),
    CoreCase("transistor", 16, 16, 20, 24, aimed=3),
)


@dataclass(frozen=True)
class Drive:
    """A core's layer and its binary inputs, (steps, rows)."""

    layer: MinGruLayer
    inputs: IntArray


def drive(case: CoreCase) -> Drive:
    """The part of the trained second layer that fits the core, with the activity that a digit sends there.

    The most active rows are taken; biases of a core with fewer bits are limited to its codes.
    """
    network = MinGruNetwork.load(Path(str(files("spicetwin") / "networks" / NETWORK)))
    layer = network.layers[1]
    pixels = digits(int(network.summary["settings"]["seed"])).test_pixels[DIGIT : DIGIT + 1]
    trace = network.run(pixels, backend="numpy", record=True).trace
    assert trace is not None
    activity = trace[0].outputs[0].astype(np.int64)
    rows = np.sort(np.argsort(-activity.var(axis=0), kind="stable")[: case.rows])
    start = int(np.argmax(activity[:, rows].any(axis=1)))
    steps = (start + np.arange(case.steps)) % activity.shape[0]
    half = 2 ** (case.column().gate_bits - 1)
    codes = {
        "bias_h": np.clip(np.asarray(layer.bias_h)[: case.columns], -half, half - 1),
        "bias_z": np.clip(np.asarray(layer.bias_z)[: case.columns], -half, half - 1),
        "threshold": np.asarray(layer.threshold)[: case.columns],
    }
    weights = (
        layer.weight_h[rows, : case.columns].astype(np.int64),
        layer.weight_z[rows, : case.columns].astype(np.int64),
    )
    return Drive(column_layer(case.column(), weights, **codes), activity[np.ix_(steps, rows)])
