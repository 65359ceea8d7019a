"""Law of a neuron's firing rate."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values


def f_i_curve(
    i_in: Values,
    i_rheobase: Values,
    tau: Values,
    t_refractory: Values,
    reset_ratio: Values,
) -> FloatArray:
    """Firing rate in Hz at the input current ``i_in``; 0 up to the rheobase."""
    current = np.asarray(i_in, dtype=np.float64)
    excess = current / np.asarray(i_rheobase) - 1.0
    firing = excess > 0
    safe = np.where(firing, excess, 1.0)
    # ln[(I - I_r)/(I - I_rheo)] = ln[1 + (1 - ratio) I_rheo/(I - I_rheo)]
    period = t_refractory + tau * np.log1p((1.0 - np.asarray(reset_ratio)) / safe)
    return np.asarray(np.where(firing, 1.0 / period, 0.0), dtype=np.float64)


F_I_CURVE = Law(
    "f_i_curve",
    f_i_curve,
    {"i_in": "A"},
    "Hz",
    {
        "i_rheobase": LawParam("A", 1e-11, (1e-16, 1e-3), "log", "smallest input that fires"),
        "tau": LawParam("s", 1e-2, (1e-8, 1e4), "log", "membrane time constant"),
        "t_refractory": LawParam("s", 1e-3, (1e-9, 1e2), "log", "refractory time"),
        "reset_ratio": LawParam(
            "1", 0.0, (0.0, 0.999), description="input that holds the reset level, over the rheobase"
        ),
    },
    "f = 1/(t_ref + tau ln[(I - ratio I_rheo)/(I - I_rheo)]) above I_rheo, else 0",
    "integrate-and-fire neuron with linear leak; I_rheo = I_tau (1 + I_thr/I_g) for a DPI soma",
)
LAWS = (F_I_CURVE,)
