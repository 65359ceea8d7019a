"""Program and verify: pulses until a device's time constant is within a tolerance of its target."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.memcap.draw import MemcapChip, MemcapModel, check_voltage

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

#: Share of the tolerance that a reading must meet, so that read noise does not pass what is out.
MARGIN = 0.7


@dataclass(frozen=True)
class Programmed:
    """Outcome of a programming: target and true time constant (s), pulses, and what is within tolerance.

    ``reached`` is by the true time constant, ``accepted`` by the reading that ended the programming.
    """

    target: FloatArray
    tau: FloatArray
    pulses: IntArray
    reached: BoolArray
    accepted: BoolArray
    tolerance: float

    @property
    def yield_(self) -> float:
        """Share of devices within tolerance."""
        return float(np.mean(self.reached))

    @property
    def failures(self) -> int:
        """Devices whose reading never came within tolerance."""
        return int(np.count_nonzero(~self.accepted))


def program(
    chip: MemcapChip,
    target: ArrayLike,
    *,
    tolerance: float = 0.05,
    v_write: float = 3.0,
    most: int = 30,
    shortest: float = 10e-9,
    longest: float = 20e-6,
) -> Programmed:
    """Programme every device of a chip to a target time constant; the chip keeps the states.

    Each round reads every device that is not yet within ``MARGIN`` of the tolerance and gives it one pulse, whose
    width inverts the typical device's law at the state that the reading implies. A device that is reported as out
    of range by its own spread is a failure of the result, not an error.

    Parameters
    ----------
    target
        Time constants (s) of a shape that broadcasts to the chip's.
    tolerance
        Relative, e.g. 0.05.
    v_write
        Height of the pulses (V), of either sign.
    most
        Most pulses a device.
    shortest, longest
        Widths that the pulse generator can give (s).

    Raises
    ------
    ModelError
        For a voltage beyond breakdown or below threshold, and for targets outside the range of the typical device
        (the range is in the message).
    """
    model = chip.model
    check_voltage(model, v_write)
    threshold = max(model.v_up, model.v_down)
    if v_write <= threshold:
        raise ModelError(f"write voltage {v_write:g} V; accepted: above the threshold of {threshold:g} V")
    if not 0.0 < tolerance < 1.0:
        raise ModelError(f"tolerance {tolerance!r}; accepted: between 0 and 1")
    wanted = np.array(np.broadcast_to(np.asarray(target, dtype=np.float64), chip.shape))
    check_target(model, wanted)
    low, high = model.range
    pulses = np.zeros(chip.shape, dtype=np.int64)
    reading = chip.read()
    accepted = np.abs(reading / wanted - 1.0) <= MARGIN * tolerance
    for _ in range(most):
        if np.all(accepted):
            break
        # The state in the units of the typical device: a device of another tau_low meets it by the next readings.
        need = (wanted - reading) / (high - low)
        now = np.clip((reading - low) / (high - low), 0.02, 0.98)
        room = np.where(need > 0.0, 1.0 - now, now)
        area = -np.log1p(-np.clip(np.abs(need) / room, 0.0, 0.95))
        rate = np.where(
            need > 0.0, model.k_up * (v_write - model.v_up), model.k_down * (v_write - model.v_down)
        )
        width = np.clip(area / rate, shortest, longest)
        chip.write(np.where(accepted, 0.0, np.sign(need) * v_write), width)
        pulses += ~accepted
        reading = np.where(accepted, reading, chip.read())
        accepted |= np.abs(reading / wanted - 1.0) <= MARGIN * tolerance
    tau = chip.tau()
    return Programmed(wanted, tau, pulses, np.abs(tau / wanted - 1.0) <= tolerance, accepted, tolerance)


def check_target(model: MemcapModel, target: FloatArray) -> None:
    """Refuse time constants that the typical device cannot have.

    Raises
    ------
    ModelError
        With the achievable range.
    """
    low, high = model.range
    bad = ~np.isfinite(target) | (target < low) | (target > high)
    if np.any(bad):
        raise ModelError(
            f"target time constant {float(target[bad].flat[0]):.4g} s is outside the achievable range; "
            f"accepted: {low:.4g} to {high:.4g} s"
        )


def separable_levels(model: MemcapModel, tolerance: float = 0.05) -> int:
    """Most levels whose bands of +-tolerance do not overlap within the range."""
    low, high = model.range
    return 1 + math.floor(math.log(high / low) / math.log((1.0 + tolerance) / (1.0 - tolerance)) + 1e-9)


def levels(model: MemcapModel, count: int, tolerance: float = 0.05) -> FloatArray:
    """``count`` target time constants (s) in equal ratios over the range of the typical device.

    Raises
    ------
    ModelError
        For fewer than one level, or more than are separable at this tolerance.
    """
    most = separable_levels(model, tolerance)
    if not 1 <= count <= most:
        low, high = model.range
        raise ModelError(
            f"{count} levels between {low:.4g} and {high:.4g} s are not separable at +-{100 * tolerance:g} %; "
            f"accepted: 1 to {most}"
        )
    low, high = model.range
    return np.geomspace(low, high, count) if count > 1 else np.array([math.sqrt(low * high)])
