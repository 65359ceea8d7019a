"""Membranes of a chip: banks of parallel memcapacitors, set to target time constants.

One device spans C_high / C_low, about 1.3; a time constant beyond that takes parallel devices. A bank has a unit and
sections of 1/8 of it that can be switched in; it reaches from one unit at x = 0 to ``most`` units at x = 1 without a
gap, because a section more is a smaller step than the window. All devices that are switched in get the same pulses
and are drawn as one. The area of ``most`` units is paid for by every neuron.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import CalibrationTable
from pysim.errors import ModelError
from pysim.memcap.draw import SOURCES, MemcapChip, MemcapModel
from pysim.memcap.program import program
from pysim.memcap.table import memcap_model
from pysim.mingru.streams import stream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Sections of a bank in a unit.
PARTS = 8
#: How a target is met: by pulses and readings, or by one pulse of the typical device's law, unread.
ROUTINES = ("verified", "open")


@dataclass(frozen=True, kw_only=True)
class MembraneModel:
    """Typical membrane and the spread of its step.

    Attributes
    ----------
    unit
        A memcapacitor with its memristor.
    most
        Units of a bank.
    sigma_step
        Deviation of the logarithm of the charge of a spike between neurons of a chip. What a whole chip shifts is
        taken away by its bias, set to the mean step.
    """

    unit: MemcapModel = field(default_factory=MemcapModel)
    most: float = 8.0
    sigma_step: float = 0.05

    def __post_init__(self) -> None:
        """Refuse values without meaning.

        Raises
        ------
        ModelError
            Naming the value, and for windows that a section's step leaves a gap between.
        """
        if not (math.isfinite(self.most) and self.most >= 1.0):
            raise ModelError(f"bank: most = {self.most!r} units; accepted: 1 or more")
        if not (math.isfinite(self.sigma_step) and self.sigma_step >= 0.0):
            raise ModelError(f"bank: sigma_step = {self.sigma_step!r}; accepted: 0 or more")
        if self.most > 1.0 and self.unit.window < 1.0 + 1.0 / PARTS:
            raise ModelError(
                f"bank: a window of {self.unit.window:g} leaves gaps between sections; "
                f"accepted: {1 + 1 / PARTS:g} or more"
            )

    @classmethod
    def calibrated(cls, table: CalibrationTable, most: float = 8.0) -> MembraneModel:
        """Model of a calibration table ``memcap_*``."""
        step = table.entry("memcap.step")
        sigma = math.sqrt(sum(term.sigma**2 for term in step.variation if term.source == "within_die"))
        return cls(unit=memcap_model(table), most=most, sigma_step=sigma)

    @property
    def range(self) -> tuple[float, float]:
        """Time constants of the typical bank (s)."""
        low, high = self.unit.range
        return low, high * self.most

    def check(self, target: FloatArray) -> None:
        """Refuse time constants that the typical bank cannot have.

        Raises
        ------
        ModelError
            With the achievable range.
        """
        low, high = self.range
        bad = ~np.isfinite(target) | (target < low * (1 - 1e-9)) | (target > high * (1 + 1e-9))
        if np.any(bad):
            raise ModelError(
                f"target time constant {float(target[bad].flat[0]):.4g} s is outside the achievable range of a bank "
                f"of {self.most:g} units; accepted: {low:.4g} to {high:.4g} s"
            )


@dataclass(frozen=True)
class Membranes:
    """Membranes of chips, arrays (chips, neurons).

    Attributes
    ----------
    target, tau
        Wanted and true time constants (s).
    step
        True step of a spike over that of the typical unit at x = 0, without compensation.
    measured
        The same as measured, with read noise.
    units, state
        Units switched in, state of the devices.
    pulses
        Write pulses spent.
    """

    target: FloatArray
    tau: FloatArray
    step: FloatArray
    measured: FloatArray
    units: FloatArray
    state: FloatArray
    pulses: IntArray

    def within(self, tolerance: float) -> float:
        """Share of the time constants within ``tolerance`` of their targets."""
        return float(np.mean(np.abs(self.tau / self.target - 1.0) <= tolerance))


def set_membranes(
    model: MembraneModel,
    target: ArrayLike,
    chips: int,
    seed: int,
    *,
    routine: str = "verified",
    sources: tuple[str, ...] = SOURCES,
    tolerance: float = 0.05,
    v_write: float = 3.0,
) -> Membranes:
    """Draw the membranes of ``chips`` chips and set each to its target.

    ``verified`` reads a device at x = 0, switches in the units that put its target in the middle of its window, and
    programmes it with :func:`pysim.memcap.program.program`; ``open`` does what the typical device would need.

    Parameters
    ----------
    target
        Time constants (s), one a neuron.
    sources
        Of :data:`pysim.memcap.draw.SOURCES`; the spread of the step is ``within_die``.

    Raises
    ------
    ModelError
        For targets outside the range, a voltage beyond breakdown, an unknown routine.
    """
    wanted = np.atleast_1d(np.asarray(target, dtype=np.float64))
    model.check(wanted)
    if routine not in ROUTINES:
        raise ModelError(f"routine {routine!r}; accepted: {', '.join(ROUTINES)}")
    shape = (chips, len(wanted))
    chip, wanted = MemcapChip(model.unit, shape, seed, sources), np.broadcast_to(wanted, shape)
    middle = math.sqrt(model.unit.window)
    low = chip.read() if routine == "verified" else np.full(shape, model.unit.tau_low)
    units = _units(model, wanted, low * middle)
    unit_target = np.clip(wanted / units, *model.unit.range)
    if routine == "verified":
        pulses = program(chip, unit_target, tolerance=tolerance, v_write=v_write).pulses
    else:
        share = (unit_target / model.unit.tau_low - 1.0) / (model.unit.window - 1.0)
        width = -np.log1p(-np.clip(share, 0.0, 0.99)) / (model.unit.k_up * (v_write - model.unit.v_up))
        chip.write(np.full(shape, v_write), width)
        pulses = np.ones(shape, dtype=np.int64)
    capacitance = units * (1.0 + (chip.tau_high / chip.tau_low - 1.0) * chip.state)
    drawn = stream(seed, "within_die", "memcap", "charge").standard_normal(shape)
    charge = np.exp(model.sigma_step * drawn) if "within_die" in sources else np.ones(shape)
    step = charge / capacitance
    noise = stream(seed, "noise", "memcap", "step").standard_normal(shape)
    seen = 1.0 + model.unit.sigma_read * noise if "noise" in sources else 1.0
    return Membranes(wanted, units * chip.tau(), step, step * seen, units, chip.state.copy(), pulses)


def _units(model: MembraneModel, wanted: FloatArray, middle: FloatArray) -> FloatArray:
    """Units whose middle time constant is nearest to the wanted one, such that the typical window holds it."""
    low, high = model.unit.range
    least = np.ceil(PARTS * wanted / high - 1e-9)
    largest = np.floor(PARTS * wanted / low + 1e-9)
    return np.asarray(
        np.clip(np.clip(np.rint(PARTS * wanted / middle), least, largest), PARTS, PARTS * model.most) / PARTS
    )
