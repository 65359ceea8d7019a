"""Certified values of the NIST Statistical Reference Datasets (nonlinear regression, 27 data sets)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.fit import Dataset, FitParameter, FitResult, fit

FloatArray = NDArray[np.float64]
B = list[float]

MODELS: dict[str, Callable[[B, FloatArray, FloatArray], FloatArray]] = {
    "Bennett5": lambda b, x, _: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x, _: b[0] * (1 - np.exp(-b[1] * x)),
    "Chwirut1": lambda b, x, _: np.exp(-b[0] * x) / (b[1] + b[2] * x),
    "Chwirut2": lambda b, x, _: np.exp(-b[0] * x) / (b[1] + b[2] * x),
    "DanWood": lambda b, x, _: b[0] * x ** b[1],
    "ENSO": lambda b, x, _: (
        b[0]
        + b[1] * np.cos(2 * np.pi * x / 12)
        + b[2] * np.sin(2 * np.pi * x / 12)
        + b[4] * np.cos(2 * np.pi * x / b[3])
        + b[5] * np.sin(2 * np.pi * x / b[3])
        + b[7] * np.cos(2 * np.pi * x / b[6])
        + b[8] * np.sin(2 * np.pi * x / b[6])
    ),
    "Eckerle4": lambda b, x, _: (b[0] / b[1]) * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss": lambda b, x, _: (
        b[0] * np.exp(-b[1] * x)
        + b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
        + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    ),
    "Hahn1": lambda b, x, _: _cubic(b, x),
    "Kirby2": lambda b, x, _: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Lanczos": lambda b, x, _: b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x),
    "MGH09": lambda b, x, _: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x, _: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x, _: b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4]),
    "Misra1a": lambda b, x, _: b[0] * (1 - np.exp(-b[1] * x)),
    "Misra1b": lambda b, x, _: b[0] * (1 - (1 + b[1] * x / 2) ** -2.0),
    "Misra1c": lambda b, x, _: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x, _: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x1, x2: b[0] - b[1] * x1 * np.exp(-b[2] * x2),
    "Rat42": lambda b, x, _: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x, _: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x, _: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "Thurber": lambda b, x, _: _cubic(b, x),
}
NAMES = (
    *(
        "Bennett5",
        "BoxBOD",
        "Chwirut1",
        "Chwirut2",
        "DanWood",
        "ENSO",
        "Eckerle4",
        "Gauss1",
        "Gauss2",
        "Gauss3",
    ),
    *("Hahn1", "Kirby2", "Lanczos1", "Lanczos2", "Lanczos3", "MGH09", "MGH10", "MGH17", "Misra1a", "Misra1b"),
    *("Misra1c", "Misra1d", "Nelson", "Rat42", "Rat43", "Roszman1", "Thurber"),
)
DIGITS = 6
# Lanczos1 is exact to 14 digits: its residuals, and so its standard errors, are rounding of the data.
ERROR_DIGITS = {"Lanczos1": 2}


def _cubic(b: B, x: FloatArray) -> FloatArray:
    """Rational function of Hahn1 and Thurber."""
    numerator = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return np.asarray(numerator / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3))


@dataclass(frozen=True)
class Certified:
    """One data set with start values and certified results."""

    starts: tuple[list[float], list[float]]
    values: list[float]
    errors: list[float]
    deviance: float
    y: FloatArray
    x: FloatArray
    x2: FloatArray


def read_strd(path: Path) -> Certified:
    """Read one .dat file, whose header says on which lines its parts lie."""
    lines = path.read_text(encoding="ascii").splitlines()
    spans = {
        key: slice(int(a) - 1, int(b))
        for key, a, b in re.findall(
            r"(Starting Values|Certified Values|Data) +\(lines +(\d+) to +(\d+)\)", "\n".join(lines[:12])
        )
    }
    rows = [
        [float(v) for v in line.split("=")[1].split()]
        for line in lines[spans["Starting Values"]]
        if "=" in line
    ]
    columns = np.array([[float(v) for v in line.split()] for line in lines[spans["Data"]] if line.strip()]).T
    deviance = next(float(line.split()[-1]) for line in lines if line.startswith("Residual Sum of Squares"))
    a, b, values, errors = (list(column) for column in zip(*rows, strict=True))
    x2 = columns[2] if len(columns) > 2 else columns[1]
    y = np.log(columns[0]) if path.stem == "Nelson" else columns[0]
    return Certified((a, b), values, errors, deviance, y, columns[1], x2)


def solve(name: str, certified: Certified, start: list[float]) -> FitResult:
    """Fit one data set from one start."""
    function = MODELS.get(name) or MODELS[name.rstrip("123")]

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        return function([*parameters.values()], dataset.x["x"], dataset.x["x2"])

    parameters = {f"b{i + 1}": FitParameter(value) for i, value in enumerate(start)}
    data = Dataset(name, {"x": certified.x, "x2": certified.x2}, certified.y)
    return fit(model, [data], parameters, tolerance=1e-14, max_evaluations=20000)


def digits(found: float, true: float) -> float:
    """Number of agreeing decimal digits (log relative error)."""
    return 15.0 if found == true else float(-np.log10(abs(found - true) / abs(true)))


@pytest.mark.measured
@pytest.mark.parametrize("start", [0, 1], ids=["start1", "start2"])
@pytest.mark.parametrize("name", NAMES)
def test_fit_reproduces_certified_values(name: str, start: int, mirror: Path) -> None:
    folder = next((mirror / "lmfit" / "lmfit-py").glob("*/NIST_STRD"))
    certified = read_strd(folder / f"{name}.dat")
    result = solve(name, certified, certified.starts[start])
    found = [result[f"b{i + 1}"] for i in range(len(certified.values))]
    assert min(digits(p.value, v) for p, v in zip(found, certified.values, strict=True)) >= DIGITS
    assert min(digits(p.stderr or 0.0, e) for p, e in zip(found, certified.errors, strict=True)) >= (
        ERROR_DIGITS.get(name, DIGITS)
    )
    assert digits(result.deviance, certified.deviance) >= ERROR_DIGITS.get(name, DIGITS)


VIRTUAL: dict[str, tuple[list[float], list[float]]] = {
    "BoxBOD": ([210.0, 0.55], [100.0, 0.75]),
    "Gauss1": ([99.0, 0.011, 101.0, 67.0, 23.0, 72.0, 179.0, 19.0], [97, 0.009, 100, 65, 20, 70, 178, 16.5]),
    "Lanczos3": ([0.087, 0.95, 0.84, 2.95, 1.58, 4.99], [0.5, 0.7, 3.6, 4.2, 4.0, 6.3]),
    "Rat43": ([700.0, 5.3, 0.76, 1.28], [700.0, 5.0, 0.75, 1.3]),
}


@pytest.mark.parametrize("name", sorted(VIRTUAL))
def test_fit_recovers_virtual_regression_problem_without_the_mirror(name: str) -> None:
    true, start = VIRTUAL[name]
    x = np.linspace(1.0, 250.0, 250) if name == "Gauss1" else np.linspace(0.1, 15.0, 60)
    function = MODELS.get(name) or MODELS[name.rstrip("123")]
    y = function(true, x, x)
    certified = Certified((start, start), true, [0.0] * len(true), 0.0, y, x, x)
    result = solve(name, certified, [float(v) for v in start])
    found = [result[f"b{i + 1}"].value for i in range(len(true))]
    assert min(digits(p, v) for p, v in zip(found, true, strict=True)) >= DIGITS
