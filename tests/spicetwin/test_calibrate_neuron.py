"""Fit of the neuron: intervals of a known twin have no error, and a known twin is found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuits.ngspice.pool import Pool
from pysim.neurons.dpi import pair_share
from pysim.neurons.response import response
from pysim.synapses.dpi import DpiSynapse
from spicetwin.calibrate import neuron
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.design import corners_and_fill
from spicetwin.calibrate.interval import between_spikes, relative_error, to_first_spike
from spicetwin.calibrate.neuron_fit import fit_neuron
from spicetwin.calibrate.neuron_trace import LEVELS, STEP, NeuronRequest, NeuronTrace, Rise, simulate_neuron

SLOW = DpiSynapse(tau=60e-3, i_gain=2e-12, i_weight=4e-9, i_tau=1e-12, t_pulse=40e-6, i_floor=4e-14)


def trace_of(parameters: dict[str, float], request: NeuronRequest, slow: DpiSynapse | None) -> NeuronTrace:
    """What the simulator would give if the circuit were this twin."""
    at = {**request.biases, "temperature": request.conditions.temperature}
    cell = neuron.twin(parameters, at)
    driven = cell if slow is None else cell.with_adaptation(slow)
    i_in = request.levels[-1][1]
    spikes = response(driven, [(0.5 * STEP, i_in)], request.duration, tolerance=1e-9).row(0)
    times = np.linspace(0.0, request.duration, request.samples)
    i_ahp = np.zeros(times.size) if slow is None else slow.run(spikes, times)
    i_mem = at["i_threshold"] * np.array(LEVELS)
    q = cell.parameters()
    y = np.log(cell.extrapolated(i_mem) / cell.array("i_gain"))
    rise = Rise(i_mem, q[1] * (1.0 + q[11] * (y - q[4])), pair_share(q, y, np.full(y.size, i_in)))
    rest, threshold = (float(cell.array(name)[0]) for name in ("i_floor", "i_threshold"))
    return NeuronTrace(request, spikes, times, i_mem, i_ahp, rise, rest, 0.0, threshold, 0.0)


def requests(n: int, adapting: bool) -> list[NeuronRequest]:
    points = corners_and_fill({**neuron.BOX, "overdrive": neuron.OVERDRIVE}, n, 3)
    found = [neuron.calibration_request(p, "generic130", {} if adapting else None) for p in points]
    return [replace(r, samples=6000) for r in found]


@pytest.mark.parametrize("slow", [None, SLOW])
def test_intervals_of_the_twin_itself_have_no_error(slow: DpiSynapse | None) -> None:
    parameters = neuron.start_values()
    traces = [trace_of(parameters, r, slow) for r in requests(8, slow is not None)]
    later, first = between_spikes(traces), to_first_spike(traces)
    assert later.length.size >= 8
    assert np.abs(relative_error(neuron.twins(parameters, later.at), later)).max() < 2e-3
    assert np.abs(relative_error(neuron.twins(parameters, first.at), first, from_rest=True)).max() < 2e-3
    a, b = (relative_error(neuron.twins(parameters, later.at), later, backend=x) for x in ("numpy", "numba"))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    late = neuron.twins({**parameters, "kappa": 0.99 * parameters["kappa"]}, later.at)
    assert np.median(relative_error(late, later)) == pytest.approx(0.009, abs=0.003)


def test_a_known_neuron_is_found_again() -> None:
    truth = neuron.start_values() | {
        "kappa": 0.71,
        "leak_scale": 0.98,
        "gain_scale": 1.15,
        "slope_ratio": 1.09,
        "i_spec_pair": 2e-7,
        "leak_slope": 0.002,
        "leak_coefficient": 2e-4,
        "gain_coefficient": 5e-4,
        "slope_coefficient": 1e-4,
        "refractory_coefficient": 1e-3,
    }
    traces = [trace_of(truth, r, None) for r in requests(12, False)]
    result = fit_neuron([t for t in traces if t.spikes.size > 1])
    assert result.redchi < 0.1
    for name, tolerance in (("kappa", 3e-3), ("leak_scale", 1e-3), ("gain_scale", 5e-3), ("leak_slope", 0.1)):
        assert result.parameters[name].value == pytest.approx(truth[name], rel=tolerance), name


def test_the_rise_of_the_circuit_shows_leak_and_pair_in_balance_with_the_capacitor(pool: Pool) -> None:
    point = {"i_tau": 5e-12, "i_gain": 1e-10, "i_threshold": 1e-9, "i_refractory": 4e-10}
    request = neuron.calibration_request({**point, "temperature": T_REF, "overdrive": 2.0}, "generic130")
    trace = pool.map(simulate_neuron, [request])[0].value
    assert trace is not None
    rise = trace.rise
    assert (np.diff(rise.i_mem) > 0).all()
    assert rise.i_mem[-1] < trace.i_threshold < 1e-9
    # The leak is its bias within the output resistance; the pair's share falls as the membrane rises.
    np.testing.assert_allclose(rise.i_leak, 5e-12, rtol=0.03)
    assert (np.diff(rise.i_pair) < 0).all()
    assert rise.i_pair[-1] > rise.i_leak[-1]
