"""Metrics with known mean and known shares of the variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from calibration.table import CalibrationTable, Entry, Parameter, Provenance, Variation
from pysim import chip
from pysim.interval import Point
from pysim.mingru.streams import digest, stream


@dataclass(frozen=True)
class Additive:
    """Sum of one normal number a source, each times its weight, and a product of two: shares in closed form."""

    weights: Mapping[str, float]
    product: tuple[str, str, float] | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)
    resolution: float = 0.0
    names: tuple[str, ...] = ("value",)

    def fingerprint(self) -> str:
        return digest(sorted(self.weights.items()), self.product)

    def __call__(self, point: Point) -> tuple[float, ...]:
        z = {s: float(stream(point.seeds, s, "test").standard_normal()) for s in self.weights}
        value = sum(w * z[s] for s, w in self.weights.items())
        if self.product is not None:
            one, other, size = self.product
            value += size * z[one] * z[other]
        return (value,)

    def shares(self) -> dict[str, tuple[float, float]]:
        """First-order and total share of each source."""
        extra = 0.0 if self.product is None else self.product[2] ** 2
        variance = sum(w**2 for w in self.weights.values()) + extra
        return {
            s: (
                w**2 / variance,
                (w**2 + (extra if self.product is not None and s in self.product[:2] else 0.0)) / variance,
            )
            for s, w in self.weights.items()
        }


@dataclass(frozen=True)
class Skewed:
    """An accuracy near its bound: 1 - a gamma number, moved in steps of one over ``samples``."""

    shape: float = 2.0
    scale: float = 0.02
    samples: int = 200
    bounds: tuple[float, float] = (0.0, 1.0)
    names: tuple[str, ...] = ("accuracy",)

    @property
    def resolution(self) -> float:
        return 1.0 / self.samples

    @property
    def mean(self) -> float:
        """Without the rounding, which is even."""
        return 1.0 - self.shape * self.scale

    def fingerprint(self) -> str:
        return digest(self.shape, self.scale, self.samples)

    def __call__(self, point: Point) -> tuple[float, ...]:
        lost = stream(point.seeds, "die", "test").gamma(self.shape, self.scale)
        return (max(round((1.0 - lost) * self.samples) / self.samples, 0.0),)


def virtual_table(die: float, within: float, fit: float) -> CalibrationTable:
    """Synapses whose ln tau has these deviations: of the fit (shared), the die, and each instance."""
    entries = {}
    for name, unit, value in (
        ("tau", "s", 10e-3),
        ("i_gain", "A", 1e-11),
        ("i_weight", "A", 1e-8),
        ("i_tau", "A", 5e-12),
        ("t_pulse", "s", 1e-3),
    ):
        own = name == "tau"
        entries[f"synapse.{name}"] = Entry(
            name,
            unit,
            "constant",
            {"value": Parameter(value, unit, stderr=fit * value if own else None, vary=own, scale="log")},
            scale="log",
            variation=(
                Variation("die", "lognormal", die),
                Variation("within_die", "lognormal", within),
            )
            if own
            else (),
            **(covariance_of(fit) if own else {}),
        )
    return CalibrationTable("virtual", "1.0.0", "2026-11-21T00:00:00Z", entries, Provenance("virtual"))


def covariance_of(fit: float) -> dict[str, object]:
    from calibration.table import Covariance

    return {"covariance": Covariance(("value",), ((fit**2,),))}


@dataclass(frozen=True)
class MeanLogTau:
    """Mean of ln(tau / 10 ms) over the synapses of a chip drawn from a virtual table."""

    table: CalibrationTable = field(default_factory=lambda: virtual_table(0.1, 0.3, 0.05))
    synapses: int = 9
    bounds: tuple[float, float] = (-np.inf, np.inf)
    resolution: float = 0.0
    names: tuple[str, ...] = ("ln_tau",)

    def fingerprint(self) -> str:
        return digest(self.table.digest, self.synapses)

    def __call__(self, point: Point) -> tuple[float, ...]:
        drawn = chip.draw(self.table, (1, self.synapses), point.seeds, ("fit", "die", "within_die"))
        return (float(np.log(drawn.values["tau"] / 10e-3).mean()),)
