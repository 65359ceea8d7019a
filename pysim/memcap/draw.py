"""Drawn memcapacitive time constants: device to device, write to write, read noise and relaxation kept apart.

The defaults are *assumed* (no measurement of the stack is at hand, ``docs/physics-memcap.md``), without the circuit
around the device; :func:`pysim.memcap.table.memcap_model` gives the model of a calibrated cell.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.mingru.streams import digest, stream

FloatArray = NDArray[np.float64]

BLOCK = "memcap"
#: ``die``: chips (the input current of :func:`pysim.memcap.table.integrators`); ``within_die``: devices;
#: ``cycle``: every write; ``noise``: every reading; ``drift``: relaxation with time.
SOURCES = ("die", "within_die", "cycle", "noise", "drift")


@dataclass(frozen=True, kw_only=True)
class MemcapModel:
    """Typical device and its spreads; sigma of a logarithm unless stated. All assumed.

    ``sigma_tau`` is that of R C_low together: a memristor programmed beforehand within a few per cent.
    ``sigma_write`` multiplies the change of every write, ``sigma_read`` every reading of a time constant.
    """

    tau_low: float = 7.5e-3
    window: float = 1.3
    k_up: float = 1e5
    k_down: float = 1e5
    v_up: float = 1.2
    v_down: float = 1.2
    v_breakdown: float = 4.0
    x_rest: float = 0.5
    tau_relax: float = 1e5
    sigma_tau: float = 0.05
    sigma_window: float = 0.02
    sigma_rate: float = 0.2
    sigma_threshold: float = 0.05
    sigma_write: float = 0.1
    sigma_read: float = 0.005

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        for name, value in dataclasses.asdict(self).items():
            spread = name.startswith("sigma") or name == "x_rest"
            if not math.isfinite(value) or value < 0.0 or (value == 0.0 and not spread):
                raise ModelError(f"memcapacitor: {name} = {value!r}; accepted: above 0, or 0 for a spread")
        if self.window <= 1.0:
            raise ModelError(f"memcapacitor: window = {self.window!r}; accepted: C_high/C_low above 1")

    @property
    def range(self) -> tuple[float, float]:
        """Time constants of the typical device at x = 0 and 1 (s)."""
        return self.tau_low, self.tau_low * self.window


class MemcapChip:
    """Drawn devices with a state; writes and readings change or read it. Arrays have the shape of the chip.

    Parameters
    ----------
    model
        Typical device and spreads.
    shape
        (chips, devices).
    seed
        Seed of the ensemble; every source has its own random stream.
    sources
        Out of :data:`SOURCES`; empty: typical devices without noise.

    Raises
    ------
    ModelError
        For an unknown source.
    """

    def __init__(
        self, model: MemcapModel, shape: tuple[int, int], seed: int, sources: tuple[str, ...] = SOURCES
    ) -> None:
        """Draw the devices; all start at x = 0."""
        unknown = [s for s in sources if s not in SOURCES]
        if unknown:
            raise ModelError(f"source {unknown[0]!r} cannot be drawn; accepted: {', '.join(SOURCES)}")
        self.model, self.shape, self.seed, self.sources = model, shape, seed, tuple(sources)
        self.id = digest(dataclasses.asdict(model), shape, seed, sorted(sources))
        self.tau_low = model.tau_low * self._log("tau", model.sigma_tau)
        window = (model.window - 1.0) * self._log("window", model.sigma_window)
        self.tau_high = self.tau_low * (1.0 + window)
        self.k_up = model.k_up * self._log("k_up", model.sigma_rate)
        self.k_down = model.k_down * self._log("k_down", model.sigma_rate)
        self.v_up = model.v_up + model.sigma_threshold * self._normal("within_die", "v_up")
        self.v_down = model.v_down + model.sigma_threshold * self._normal("within_die", "v_down")
        self.state = np.zeros(shape)
        self._writes, self._reads = 0, 0

    def tau(self) -> FloatArray:
        """True time constants (s)."""
        return np.asarray(self.tau_low + (self.tau_high - self.tau_low) * self.state)

    def read(self) -> FloatArray:
        """Time constants as measured (s), with read noise."""
        self._reads += 1
        noise = self._normal("noise", "tau", self._reads) if "noise" in self.sources else np.zeros(self.shape)
        return np.asarray(self.tau() * (1.0 + self.model.sigma_read * noise))

    def write(self, voltage: ArrayLike, width: ArrayLike) -> None:
        """One pulse on every device: height (V, 0 for none) and width (s).

        The state follows x' = k_up (V - v_up)(1 - x) or -k_down (|V| - v_down) x exactly; write noise multiplies
        the change.

        Raises
        ------
        ModelError
            For a voltage beyond breakdown, or a width that is negative or not finite.
        """
        v, t = np.asarray(voltage, dtype=np.float64), np.asarray(width, dtype=np.float64)
        check_voltage(self.model, v)
        if not np.all(np.isfinite(t)) or np.any(t < 0.0):
            raise ModelError("write pulse: accepted widths are finite, 0 s or more")
        self._writes += 1
        up = np.expm1(-self.k_up * np.maximum(v - self.v_up, 0.0) * t)
        down = np.expm1(-self.k_down * np.maximum(-v - self.v_down, 0.0) * t)
        change = -(1.0 - self.state) * up + self.state * down
        if "cycle" in self.sources:
            factor = np.exp(self.model.sigma_write * self._normal("cycle", "write", self._writes))
            change = change * factor
        self.state = np.clip(self.state + change, 0.0, 1.0)

    def wait(self, time: float) -> None:
        """Relaxation towards x_rest over ``time`` (s)."""
        if not math.isfinite(time) or time < 0.0:
            raise ModelError(f"time {time!r} s; accepted: finite, 0 s or more")
        if "drift" in self.sources:
            rest = self.model.x_rest
            self.state = rest + (self.state - rest) * math.exp(-time / self.model.tau_relax)

    def _log(self, name: str, sigma: float) -> FloatArray:
        return np.asarray(np.exp(sigma * self._normal("within_die", name)))

    def _normal(self, source: str, name: str, number: int = 0) -> FloatArray:
        if source not in self.sources:
            return np.zeros(self.shape)
        return stream(self.seed, source, BLOCK, "device", name, number).standard_normal(self.shape)


def check_voltage(model: MemcapModel, voltage: ArrayLike) -> None:
    """Refuse voltages that are not finite or beyond breakdown.

    Raises
    ------
    ModelError
        Naming the voltage and what is accepted.
    """
    v = np.asarray(voltage, dtype=np.float64)
    bad = ~np.isfinite(v) | (np.abs(v) > model.v_breakdown)
    if np.any(bad):
        raise ModelError(
            f"write voltage {float(v[bad].flat[0]):g} V is beyond breakdown; "
            f"accepted: -{model.v_breakdown:g} to {model.v_breakdown:g} V"
        )
