"""Mismatch draws: Pelgrom's law, determinism, and the one place where the sign is converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from circuits.circuit import Circuit, param
from circuits.process import ProcessError, draw_mismatch, get_process, mismatch_parameters

PROCESS = get_process("generic130")


@dataclass(frozen=True, kw_only=True)
class Pair(Circuit):
    """Two transistors of different kind and size."""

    name: ClassVar[str] = "pair"
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {
        "a": ("n", "w", 1e-6),
        "b": ("p", 4e-6, 1e-6),
    }
    w: float = param(1e-6, "m", (0.5e-6, 1e-5), "gate width of a")


def test_equal_generators_draw_equal_chips() -> None:
    draws = [draw_mismatch(Pair(), PROCESS, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_draw_is_frozen_per_instance_whatever_the_size() -> None:
    """The same chip with a wider transistor has the same standard score, so that sweeps compare chips."""
    narrow = draw_mismatch(Pair(w=1e-6), PROCESS, np.random.default_rng(3))
    wide = draw_mismatch(Pair(w=4e-6), PROCESS, np.random.default_rng(3))
    assert wide["a"][0] == pytest.approx(narrow["a"][0] / 2)
    assert wide["b"] == narrow["b"]


def test_draws_follow_pelgroms_law() -> None:
    rng = np.random.default_rng(4)
    drawn = [draw_mismatch(Pair(), PROCESS, rng) for _ in range(4000)]
    for instance, polarity, width in (("a", "n", 1e-6), ("b", "p", 4e-6)):
        threshold = np.array([d[instance][0] for d in drawn])
        mobility = np.log([d[instance][1] for d in drawn])
        tolerance = 4 / np.sqrt(2 * 4000)
        assert threshold.std() == pytest.approx(
            PROCESS.pelgrom.sigma_vt(polarity, width, 1e-6), rel=tolerance
        )
        assert mobility.std() == pytest.approx(PROCESS.pelgrom.sigma_mu(polarity, width, 1e-6), rel=tolerance)
        assert abs(threshold.mean()) < 4 * threshold.std() / np.sqrt(4000)
        assert abs(np.corrcoef(threshold, mobility)[0, 1]) < 4 / np.sqrt(4000)


def test_only_p_transistors_change_sign_on_the_way_into_the_netlist() -> None:
    parameters = mismatch_parameters(Pair(), {"a": (3e-3, 1.01), "b": (4e-3, 0.98)})
    assert parameters == {"dvt_a": 3e-3, "mu_a": 1.01, "dvt_b": -4e-3, "mu_b": 0.98}


def test_mismatch_of_an_unknown_transistor_is_refused() -> None:
    with pytest.raises(ProcessError, match="pair: mismatch of unknown transistor 'c'; known: a, b"):
        mismatch_parameters(Pair(), {"c": (0.0, 1.0)})
