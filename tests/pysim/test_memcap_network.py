"""Recurrent network of the memcapacitive stack: closed forms, equality of definition and kernel, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.table import load, resolve
from pysim.delays.events import Events
from pysim.errors import ModelError
from pysim.memcap.draw import MemcapChip
from pysim.memcap.network import MemcapNetwork, on_grid
from pysim.memcap.table import integrators, memcap_model

WINDOWS = [[0, 20], [20, 50]]


def random_network(seed: int = 0, inputs: int = 6, neurons: int = 17, outputs: int = 3) -> MemcapNetwork:
    rng = np.random.default_rng(seed)
    return MemcapNetwork(
        w_in=rng.normal(0.2, 0.4, (inputs, neurons)),
        w_rec=rng.normal(0.0, 0.3, (neurons, neurons)),
        w_out=rng.normal(0.0, 0.4, (neurons, outputs)),
        tau=np.geomspace(2e-3, 60e-3, neurons),
        tau_out=[5e-3, 10e-3, 20e-3],
        dt=1e-3,
        step=np.linspace(0.5, 1.0, neurons),
    )


def random_events(seed: int = 1, samples: int = 5, steps: int = 50, channels: int = 6) -> Events:
    return Events.from_dense(np.random.default_rng(seed).random((samples, steps, channels)) < 0.2)


def single(weight: float, tau: float, step: float = 1.0) -> MemcapNetwork:
    return MemcapNetwork(
        w_in=[[weight]], w_rec=[[0.0]], w_out=[[1.0]], tau=tau, tau_out=1e-3, dt=1e-3, step=step
    )


def at_steps(*steps: int, length: int = 50) -> Events:
    spikes = np.zeros((1, length, 1))
    spikes[0, list(steps), 0] = 1
    return Events.from_dense(spikes)


def test_kernel_equals_the_definition_bit_for_bit() -> None:
    network, events = random_network(), random_events()
    compiled, defined = network.run(events, WINDOWS), network.run(events, WINDOWS, "numpy")
    assert compiled.count.sum() > 100
    assert np.array_equal(compiled.count, defined.count)
    assert np.array_equal(compiled.score, defined.score)


def test_two_spikes_reach_the_threshold_exactly_while_their_sum_outlives_the_decay() -> None:
    """0.6 e^(-k dt / tau) + 0.6 >= 1 holds up to k = tau / dt ln 1.5 = 8.1 steps."""
    network = single(0.6, 20e-3)
    fires = [int(network.run(at_steps(5, 5 + k), [[0, 50]]).count[0, 0]) for k in range(1, 12)]
    assert fires == [1] * 8 + [0] * 3


def test_larger_capacitance_needs_more_spikes_unless_compensated() -> None:
    """tau = R C: twice the capacitance is twice the time constant and half the step."""
    events = at_steps(*range(5, 25))
    small, large = single(0.6, 10e-3), single(0.6, 20e-3, step=0.5)
    compensated = single(1.2, 20e-3, step=0.5)
    counts = [int(n.run(events, [[0, 50]]).count[0, 0]) for n in (small, large, compensated)]
    assert counts[1] < counts[0] == counts[2]


def test_linear_decay_is_that_of_the_cell_within_two_per_cent_up_to_a_fifth_of_a_volt() -> None:
    """The memristor's sinh and the transistors' leakage bend the cell's decay; the network has neither."""
    table = load(resolve("memcap_generic130"))
    chip = MemcapChip(memcap_model(table), (2, 3), 0, ())
    cells = integrators(table, chip)
    for volt in (0.02, 0.1, 0.2):
        assert np.allclose(cells.decay(volt, volt / np.e), chip.tau(), rtol=0.02)
    assert np.all(cells.decay(0.4, 0.4 / np.e) < 0.95 * chip.tau())


def test_recurrent_spike_arrives_one_step_later() -> None:
    network = MemcapNetwork(
        w_in=[[1.0, 0.0]], w_rec=[[0.0, 1.0], [0.0, 0.0]], w_out=[[1.0, 0.0], [0.0, 1.0]],
        tau=1e-2, tau_out=1e-4, dt=1e-3,
    )  # fmt: skip
    score = network.run(at_steps(7), [[7, 8], [8, 9]]).score[0]
    assert score[0, 0] == pytest.approx(1.0)
    assert score[0, 1] == 0.0
    assert score[1, 1] == pytest.approx(1.0)


def test_sums_on_the_grid_are_exact_in_any_order() -> None:
    rng = np.random.default_rng(3)
    weights = on_grid(rng.standard_normal((1000, 4)) * 10.0 ** rng.integers(-6, 3, (1000, 4)))
    forward, backward = np.zeros(4), np.zeros(4)
    for row in weights:
        forward += row
    for row in weights[::-1]:
        backward += row
    assert np.array_equal(forward, backward)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"w_rec": np.zeros((2, 3))}, r"w_rec \(2, 3\)"),
        ({"tau": 0.0}, r"tau = 0\.0; accepted: above 0"),
        ({"tau": np.ones(5)}, r"tau has shape \(5,\); accepted: \(1,\)"),
        ({"w_in": [[float("nan")]]}, r"w_in holds a value that is not finite"),
        ({"dt": -1.0}, r"dt = -1\.0 s"),
    ],
)
def test_bad_parameters_are_refused_by_name(change: dict[str, object], said: str) -> None:
    values: dict[str, object] = {
        "w_in": [[1.0]], "w_rec": [[0.0]], "w_out": [[1.0]], "tau": 1e-2, "tau_out": 1e-2, "dt": 1e-3,
    }  # fmt: skip
    with pytest.raises(ModelError, match=said):
        MemcapNetwork(**{**values, **change})  # type: ignore[arg-type]


def test_foreign_channels_windows_and_backends_are_refused() -> None:
    network = single(1.0, 1e-2)
    with pytest.raises(ModelError, match=r"events on 6 channels; accepted: 1"):
        network.run(random_events(), WINDOWS)
    with pytest.raises(ModelError, match=r"windows \[\[0, 60\]\]; accepted: pairs within 0 to 50"):
        network.run(at_steps(1), [[0, 60]])
    with pytest.raises(ModelError, match=r"accepted: numba, numpy"):
        network.run(at_steps(1), [[0, 50]], "fortran")  # type: ignore[arg-type]
