"""Adaptation driven by the neuron's own spikes, against an independent ODE solution and its compiled twin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pysim.errors import ModelError
from pysim.neurons.dpi import DpiNeuron
from pysim.neurons.response import response
from pysim.synapses.dpi import DpiSynapse

TAU, I_TAU, I_GAIN, I_THRESHOLD, I_RESET, REFRACTORY = 20e-3, 5e-12, 20e-12, 2e-9, 1e-12, 2e-3
SLOW = {"tau": 50e-3, "i_gain": 2e-12, "i_tau": 1e-12, "i_spec": 20e-12, "i_floor": 1e-14}


def neuron(t_pulse: float) -> DpiNeuron:
    return DpiNeuron(
        tau=TAU,
        i_tau=I_TAU,
        i_gain=I_GAIN,
        i_threshold=I_THRESHOLD,
        i_reset=I_RESET,
        t_refractory=REFRACTORY,
        adaptation=DpiSynapse(**SLOW, i_weight=0.1e-9, t_pulse=t_pulse),
    )


def direct_spikes(t_pulse: float, i_in: float, until: float) -> list[float]:
    """Spike times with both differential equations solved together, cut where a pulse or a hold ends."""

    def slope(_t: float, v: np.ndarray, on: bool, held: bool) -> list[float]:
        y, z = v
        x = np.exp(z)
        r = 0.1e-9 / SLOW["i_tau"] if on else 0.0
        dz = (r / (1 + x / SLOW["i_gain"]) - 1) if on else (SLOW["i_floor"] / x - 1)
        ahp = SLOW["i_spec"] * np.log1p(np.sqrt(x / SLOW["i_spec"])) ** 2
        i_m = I_GAIN * np.exp(y)
        drive = i_in / (1 + np.exp(y)) - I_TAU - ahp
        return [0.0 if held else (drive / I_TAU + I_RESET / i_m) / TAU, dz / SLOW["tau"]]

    def crossing(_t: float, v: np.ndarray, *_: bool) -> float:
        return float(v[0] - np.log(I_THRESHOLD / I_GAIN))

    crossing.terminal, crossing.direction = True, 1.0  # type: ignore[attr-defined]
    t, off, free = 0.0, 0.0, 0.0
    v, found = np.log([I_RESET / I_GAIN, SLOW["i_floor"]]), []
    while t < until:
        end = min([until, *(e for e in (off, free) if e > t)])
        part = solve_ivp(
            slope, (t, end), v, "DOP853", events=crossing, args=(t < off, t < free), rtol=1e-11, atol=1e-12
        )
        t, v = float(part.t[-1]), part.y[:, -1].copy()
        if part.status == 1:
            found.append(t)
            v[0] = np.log(I_RESET / I_GAIN)
            off, free = t + t_pulse, t + REFRACTORY
        else:
            t = end
    return found


# Shorter and longer than the refractory time, and longer than the first interval: a spike extends the pulse.
@pytest.mark.parametrize("t_pulse", [0.5e-3, 4e-3, 15e-3])
def test_adapting_spike_times_match_both_equations_solved_together(t_pulse: float) -> None:
    exact = direct_spikes(t_pulse, 1.5e-9, 0.4)
    found = response(neuron(t_pulse), [(0.0, 1.5e-9)], 0.4).row(0)
    assert len(exact) > 5
    assert found.size == len(exact)
    assert np.abs(found - exact).max() < 1e-3 * np.diff(exact).min()
    assert np.diff(found)[-1] > 1.05 * np.diff(found)[0]


@pytest.mark.parametrize("t_pulse", [0.5e-3, 15e-3])
def test_numba_equals_numpy_for_adapting_neurons(t_pulse: float) -> None:
    steps = [(0.02, 1.5e-9), (0.2, 3e-9)]
    a, b = (response(neuron(t_pulse), steps, 0.4, backend=x).times for x in ("numpy", "numba"))
    assert a.size > 5
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_input_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(ModelError, match="ascending"):
        response(neuron(1e-3), [(0.2, 1e-9), (0.1, 1e-9)], 0.4)
