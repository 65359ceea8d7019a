"""Laws of a calibrated DPI block: its behavioural parameters as functions of bias current and temperature.

Every mirror follows current = scale * ref * (bias/ref)^exponent * exp(tc (T - T_ref)): an ideal mirror has
scale = exponent = 1 and tc = 0; what is left of each tells the geometry and moderate inversion. Leakages are
thermally activated and add to the bias.
"""

from __future__ import annotations

import numpy as np

from calibration.laws.dpi import KAPPA, LOG_CURRENT, tau
from calibration.laws.generic import POSITIVE, arrhenius
from calibration.laws.law import FloatArray, Law, LawParam, Values

SOURCE = "current mirrors and DPI in weak inversion; leakage thermally activated"


def mirrored(
    bias: Values,
    temperature: Values,
    scale: Values,
    exponent: Values,
    current_ref: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Current (A) that a mirror delivers for ``bias`` (A)."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    ratio = np.asarray(bias, dtype=np.float64) / current_ref
    return np.asarray(scale * current_ref * ratio**exponent * np.exp(coefficient * rise), dtype=np.float64)


def leak_current(
    i_tau: Values,
    temperature: Values,
    exponent: Values,
    current_ref: Values,
    i_leak: Values,
    activation: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Total discharge current: the mirrored I_tau and I_leak(T)."""
    leak = arrhenius(temperature, i_leak, activation, temperature_ref)
    own = mirrored(i_tau, temperature, 1.0, exponent, current_ref, 0.0, temperature_ref)
    return np.asarray(own + leak, dtype=np.float64)


def tau_biased(
    i_tau: Values,
    temperature: Values,
    c_syn: Values,
    kappa: Values,
    exponent: Values,
    current_ref: Values,
    i_leak: Values,
    activation: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Time constant C U_T / (kappa (I_tau + I_leak(T))), I_tau mirrored."""
    total = leak_current(i_tau, temperature, exponent, current_ref, i_leak, activation, temperature_ref)
    return tau(total, temperature, c_syn, kappa, 0.0)


def leak_mirrored(
    i_tau: Values,
    temperature: Values,
    scale: Values,
    exponent: Values,
    current_ref: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Discharge current of a leak transistor that leaks nothing beside its mirrored bias."""
    return mirrored(i_tau, temperature, scale, exponent, current_ref, coefficient, temperature_ref)


def tau_mirrored(
    i_tau: Values,
    temperature: Values,
    c_syn: Values,
    kappa: Values,
    scale: Values,
    exponent: Values,
    current_ref: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Time constant C U_T / (kappa I), I the mirrored leak."""
    own = leak_mirrored(i_tau, temperature, scale, exponent, current_ref, coefficient, temperature_ref)
    return tau(own, temperature, c_syn, kappa, 0.0)


def gain(
    i_gain: Values,
    temperature: Values,
    scale: Values,
    exponent: Values,
    current_ref: Values,
    coefficient: Values,
    i_floor: Values,
    activation: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Gain current I_g: mirrored bias plus the off-current below which no gate voltage goes."""
    floor = arrhenius(temperature, i_floor, activation, temperature_ref)
    own = mirrored(i_gain, temperature, scale, exponent, current_ref, coefficient, temperature_ref)
    return np.asarray(own + floor, dtype=np.float64)


def weight(
    i_weight: Values,
    temperature: Values,
    scale: Values,
    exponent: Values,
    current_ref: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Input current I_w during the pulse."""
    return mirrored(i_weight, temperature, scale, exponent, current_ref, coefficient, temperature_ref)


def slope_ratio(
    i_weight: Values,
    temperature: Values,
    ratio: Values,
    coefficient: Values,
    bend: Values,
    current_ref: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Slope ratio of an input pair that carries I_w.

    The pair leaves weak inversion with sqrt(I/I_spec): ln(I_t/I_s) = m y - (sqrt(I_t) - sqrt(I_s)) / sqrt(I_spec),
    whose slope at I_t = I_s is m (1 - 0.35 sqrt(I_w/I_spec)) to first order.
    """
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    excess = np.sqrt(np.asarray(i_weight, dtype=np.float64) / current_ref) - 1.0
    return np.asarray(ratio * (1.0 + coefficient * rise) * (1.0 - bend * excess), dtype=np.float64)


def threshold(
    i_threshold: Values,
    temperature: Values,
    scale: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Membrane current at which a spike starts: the mirrored bias."""
    return mirrored(i_threshold, temperature, scale, 1.0, 1.0, coefficient, temperature_ref)


def _span(
    bias: Values,
    temperature: Values,
    offset: Values,
    charge: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Time offset + charge / bias of a capacitor that a current empties."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    own = charge / np.asarray(bias, dtype=np.float64) * np.exp(coefficient * rise)
    return np.asarray(offset + own, dtype=np.float64)


def pulse_width(
    i_pulse: Values,
    temperature: Values,
    offset: Values,
    charge: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Width of the extended pulse: offset + C_pulse V_sw / I_pulse."""
    return _span(i_pulse, temperature, offset, charge, coefficient, temperature_ref)


def refractory_time(
    i_refractory: Values,
    temperature: Values,
    offset: Values,
    charge: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Time from a spike to the release of the membrane: offset + C_ref V_sw / I_ref."""
    return _span(i_refractory, temperature, offset, charge, coefficient, temperature_ref)


def reset_current(
    i_refractory: Values,
    temperature: Values,
    i_floor: Values,
    activation: Values,
    release: Values,
    exponent: Values,
    current_ref: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Membrane current from which the rise after a spike starts: the floor, lifted by the charge of the release.

    The slower the reset switch opens, the more charge reaches the membrane: V_0 = (U_T/kappa) release
    (I_ref/I_refractory)^exponent at the reference temperature.
    """
    floor = arrhenius(temperature, i_floor, activation, temperature_ref)
    slowness = (current_ref / np.asarray(i_refractory, dtype=np.float64)) ** exponent
    lift = release * slowness * temperature_ref / np.asarray(temperature, dtype=np.float64)
    return np.asarray(floor * np.exp(lift), dtype=np.float64)


I_LEAK = LawParam("A", 1e-14, LOG_CURRENT, "log", "leakage at the reference temperature, parallel to I_tau")
ACTIVATION = LawParam("eV", 0.6, (0.05, 2.0), description="activation energy of the leakage")
T_REF = LawParam("K", 300.15, (1.0, 2000.0), description="reference temperature: hold fixed")
TC = LawParam("1/K", 0.0, (-0.1, 0.1), description="relative change per kelvin")
C_SYN = LawParam("F", 1.5e-12, (1e-16, 1e-6), "log", "state capacitor: hold fixed at the drawn value")


def _mirror_params(reference: float) -> dict[str, LawParam]:
    return {
        "scale": LawParam("1", 1.0, POSITIVE, "log", "mirror ratio at the reference bias"),
        "exponent": LawParam("1", 1.0, (0.2, 3.0), description="1 in weak inversion"),
        "current_ref": LawParam("A", reference, LOG_CURRENT, "log", "reference bias: hold fixed"),
        "coefficient": TC,
        "temperature_ref": T_REF,
    }


def _span_params(charge: float) -> dict[str, LawParam]:
    return {
        "offset": LawParam("s", 0.0, (-1.0, 1.0), description="delay of the logic"),
        "charge": LawParam("C", charge, (1e-20, 1e-6), "log", "capacitor times its voltage swing"),
        "coefficient": TC,
        "temperature_ref": T_REF,
    }


_MIRRORED_LEAK = {
    "exponent": LawParam("1", 1.0, (0.2, 3.0), description="of the leak mirror; 1 in weak inversion"),
    "current_ref": LawParam("A", 5e-12, LOG_CURRENT, "log", "reference bias: hold fixed"),
    "i_leak": I_LEAK,
    "activation": ACTIVATION,
}
_MIRROR_EQUATION = "I = scale I_ref (bias/I_ref)^exponent exp(tc (T - T_ref))"
_FLOOR = {
    "i_floor": LawParam("A", 1e-13, LOG_CURRENT, "log", "off-current at the reference temperature"),
    "activation": ACTIVATION,
}

LAWS = (
    Law(
        "dpi_leak_current",
        leak_current,
        {"i_tau": "A", "temperature": "K"},
        "A",
        {**_MIRRORED_LEAK, "temperature_ref": T_REF},
        "I = I_ref (I_tau/I_ref)^exponent + I_leak exp[-(E_a/k)(1/T - 1/T_ref)]",
        SOURCE,
    ),
    Law(
        "dpi_tau_biased",
        tau_biased,
        {"i_tau": "A", "temperature": "K"},
        "s",
        {
            "c_syn": C_SYN,
            "kappa": KAPPA,
            **_MIRRORED_LEAK,
            "temperature_ref": T_REF,
        },
        "tau = C U_T / (kappa (I_ref (I_tau/I_ref)^exponent + I_leak exp[-(E_a/k)(1/T - 1/T_ref)]))",
        f"{SOURCE}; C and kappa enter as a quotient: hold C fixed",
    ),
    Law(
        "dpi_leak_mirrored",
        leak_mirrored,
        {"i_tau": "A", "temperature": "K"},
        "A",
        _mirror_params(5e-12),
        _MIRROR_EQUATION,
        SOURCE,
    ),
    Law(
        "dpi_tau_mirrored",
        tau_mirrored,
        {"i_tau": "A", "temperature": "K"},
        "s",
        {"c_syn": C_SYN, "kappa": KAPPA, **_mirror_params(5e-12)},
        f"tau = C U_T / (kappa I), {_MIRROR_EQUATION}",
        f"{SOURCE}; C, kappa and scale enter as a quotient: hold C fixed",
    ),
    Law(
        "dpi_gain",
        gain,
        {"i_gain": "A", "temperature": "K"},
        "A",
        {**_mirror_params(2e-11), **_FLOOR},
        f"{_MIRROR_EQUATION} + I_floor exp[-(E_a/k)(1/T - 1/T_ref)]",
        SOURCE,
    ),
    Law(
        "dpi_weight",
        weight,
        {"i_weight": "A", "temperature": "K"},
        "A",
        _mirror_params(1e-8),
        _MIRROR_EQUATION,
        SOURCE,
    ),
    Law(
        "dpi_slope_ratio",
        slope_ratio,
        {"i_weight": "A", "temperature": "K"},
        "1",
        {
            "ratio": LawParam("1", 1.1, (0.3, 3.0), description="slope ratio at the reference weight"),
            "coefficient": TC,
            "bend": LawParam("1", 0.03, (-0.2, 0.2), description="fall towards moderate inversion"),
            "current_ref": LawParam("A", 4e-9, LOG_CURRENT, "log", "reference weight: hold fixed"),
            "temperature_ref": T_REF,
        },
        "m = m_ref (1 + tc (T - T_ref)) (1 - b (sqrt(I_w/I_ref) - 1))",
        f"{SOURCE}; first order of the EKV interpolation",
    ),
    Law(
        "dpi_threshold",
        threshold,
        {"i_threshold": "A", "temperature": "K"},
        "A",
        {
            "scale": LawParam("1", 1.0, POSITIVE, "log", "mirror ratio"),
            "coefficient": TC,
            "temperature_ref": T_REF,
        },
        "I = scale bias exp(tc (T - T_ref))",
        SOURCE,
    ),
    Law(
        "dpi_pulse_width",
        pulse_width,
        {"i_pulse": "A", "temperature": "K"},
        "s",
        _span_params(1.4e-13),
        "t = offset + Q / I_pulse exp(tc (T - T_ref))",
        SOURCE,
    ),
    Law(
        "dpi_reset_current",
        reset_current,
        {"i_refractory": "A", "temperature": "K"},
        "A",
        {
            **_FLOOR,
            "release": LawParam("1", 0.5, (-5.0, 20.0), description="kappa V_0 / U_T at current_ref"),
            "exponent": LawParam("1", 1.0, (-3.0, 3.0), description="against the refractory current"),
            "current_ref": LawParam("A", 4e-10, LOG_CURRENT, "log", "reference bias: hold fixed"),
            "temperature_ref": T_REF,
        },
        "I = I_floor(T) exp[release (I_ref/I_refractory)^n T_ref/T]",
        "charge that the opening reset switch leaves on the membrane; weak inversion",
    ),
    Law(
        "dpi_refractory_time",
        refractory_time,
        {"i_refractory": "A", "temperature": "K"},
        "s",
        _span_params(7e-13),
        "t = offset + Q / I_refractory exp(tc (T - T_ref))",
        SOURCE,
    ),
)
