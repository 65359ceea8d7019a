"""Laws without a circuit: constant, line, power, temperature, log-normal spread."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import ANY_UNIT, BOLTZMANN, CHARGE, FloatArray, Law, LawParam, Values

POSITIVE = (1e-300, 1e300)
KELVIN = (1.0, 2000.0)


def constant(value: Values) -> FloatArray:
    """The same value everywhere."""
    return np.asarray(value, dtype=np.float64)


def line(x: Values, slope: Values, offset: Values) -> FloatArray:
    """Straight line."""
    return np.asarray(np.asarray(slope) * x + offset, dtype=np.float64)


def power_law(x: Values, scale: Values, x_ref: Values, exponent: Values) -> FloatArray:
    """Power of x > 0; ``scale`` is the value at ``x_ref``."""
    return np.asarray(scale * (np.asarray(x, dtype=np.float64) / x_ref) ** exponent, dtype=np.float64)


def lognormal(z: Values, median: Values, sigma: Values) -> FloatArray:
    """Quantile of a log-normal quantity at the standard normal score ``z``."""
    return np.asarray(median * np.exp(np.asarray(sigma) * z), dtype=np.float64)


def arrhenius(
    temperature: Values, value_ref: Values, activation: Values, temperature_ref: Values
) -> FloatArray:
    """Thermally activated quantity; ``activation`` in eV, ``value_ref`` at ``temperature_ref``."""
    inverse = 1.0 / np.asarray(temperature, dtype=np.float64) - 1.0 / np.asarray(temperature_ref)
    return np.asarray(value_ref * np.exp(-np.asarray(activation) * CHARGE / BOLTZMANN * inverse), dtype=float)


def linear_temperature(
    temperature: Values, value_ref: Values, coefficient: Values, temperature_ref: Values
) -> FloatArray:
    """Quantity with a relative temperature coefficient in 1/K."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    return np.asarray(value_ref * (1.0 + np.asarray(coefficient) * rise), dtype=np.float64)


def exponential_temperature(
    temperature: Values, value_ref: Values, coefficient: Values, temperature_ref: Values
) -> FloatArray:
    """Positive quantity whose logarithm is linear in temperature; ``coefficient`` in 1/K."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    return np.asarray(value_ref * np.exp(np.asarray(coefficient) * rise), dtype=np.float64)


T_REF = LawParam("K", 300.0, KELVIN, description="reference temperature: hold fixed")
TC = LawParam("1/K", 0.0, (-1.0, 1.0), description="relative change per kelvin")

LAWS = (
    Law("constant", constant, {}, ANY_UNIT, {"value": LawParam(ANY_UNIT, 1.0)}, "y = value", "definition"),
    Law(
        "line",
        line,
        {"x": ANY_UNIT},
        ANY_UNIT,
        {
            "slope": LawParam(ANY_UNIT, 1.0, description="change of y per unit of x"),
            "offset": LawParam(ANY_UNIT, 0.0, description="y at x = 0"),
        },
        "y = slope x + offset",
        "definition",
    ),
    Law(
        "power_law",
        power_law,
        {"x": ANY_UNIT},
        ANY_UNIT,
        {
            "scale": LawParam(ANY_UNIT, 1.0, POSITIVE, "log", "y at x_ref"),
            "x_ref": LawParam(ANY_UNIT, 1.0, POSITIVE, "log", "reference of x: hold fixed"),
            "exponent": LawParam("1", 1.0, (-20.0, 20.0)),
        },
        "y = scale (x/x_ref)^exponent",
        "definition; x > 0",
    ),
    Law(
        "lognormal",
        lognormal,
        {"z": "1"},
        ANY_UNIT,
        {
            "median": LawParam(ANY_UNIT, 1.0, POSITIVE, "log"),
            "sigma": LawParam("1", 0.1, (1e-9, 20.0), "log", "standard deviation of the logarithm"),
        },
        "y = median exp(sigma z)",
        "mismatch of a weak-inversion current: sigma = kappa sigma_VT/U_T",
    ),
    Law(
        "arrhenius",
        arrhenius,
        {"temperature": "K"},
        ANY_UNIT,
        {
            "value_ref": LawParam(ANY_UNIT, 1e-13, POSITIVE, "log", "value at the reference temperature"),
            "activation": LawParam("eV", 0.6, (-5.0, 5.0), description="activation energy"),
            "temperature_ref": T_REF,
        },
        "y = y_ref exp[-(E_a/k) (1/T - 1/T_ref)]",
        "junction leakage: E_a between half the gap and the gap",
    ),
    Law(
        "linear_temperature",
        linear_temperature,
        {"temperature": "K"},
        ANY_UNIT,
        {
            "value_ref": LawParam(ANY_UNIT, 1.0, description="value at the reference temperature"),
            "coefficient": TC,
            "temperature_ref": T_REF,
        },
        "y = y_ref (1 + tc (T - T_ref))",
        "definition",
    ),
    Law(
        "exponential_temperature",
        exponential_temperature,
        {"temperature": "K"},
        ANY_UNIT,
        {
            "value_ref": LawParam(
                ANY_UNIT, 1.0, POSITIVE, "log", description="value at the reference temperature"
            ),
            "coefficient": TC,
            "temperature_ref": T_REF,
        },
        "y = y_ref exp(tc (T - T_ref))",
        "tau at fixed bias voltages: -3 to -8 %/K",
    ),
)
