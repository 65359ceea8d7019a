"""A recurrent network of DPI neurons with one DPI synapse, of its own time constant, for every connection.

Linear limit of synapse and soma (Bartolozzi and Indiveri 2007, doi:10.1162/neco.2007.19.10.2581), currents in
units of the typical threshold:

    tau_km dI_km/dt = -I_km,   I_km <- I_km + w_km q_km tau_m          at a spike of source k
    tau_m  dV_m/dt  = -V_m + sum_k I_km,   V_m >= theta_m: spike, V_m <- 0

Sources k are the inputs, then the neurons; targets m the neurons, then the outputs, which integrate and never fire.
Between two points of the grid this is solved exactly. With a_km = exp(-dt / tau_km), b_m = exp(-dt / tau_m) and
J_km = I_km C_km / tau_m,

    V_m(t)  = b_m V_m(t-1) (1 - s_m(t-1)) + sum_k J_km(t-1)
    s_m(t)  = [V_m(t) >= theta_m]
    J_km(t) = a_km J_km(t-1) + w_km q_km C_km n_k(t)
    C_km    = integral from 0 to dt of exp(-(dt - u) / tau_m) exp(-u / tau_km) du

n_k(t) counts the spikes of source k in step t. A spike of weight 1 on the typical chip carries the charge that would
lift a membrane without leak to its threshold: q = 1 / tau_km there.

Valid where the circuit is linear: synapse currents above I_g, input far above I_tau, rates far below
1 / t_refractory. Left out: leakage floors, saturation of the output transistor, the refractory time, and
crossings inside a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.recurrent.chip import RecurrentChip

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Backend = Literal["numpy", "numba"]


@dataclass(frozen=True)
class Propagators:
    """What a step multiplies with.

    Attributes
    ----------
    decay
        a, (sources, targets).
    jump
        q C: what a spike of weight 1 adds to J, (sources, targets).
    keep
        b, (targets,).
    threshold
        theta, (neurons,).
    """

    decay: FloatArray
    jump: FloatArray
    keep: FloatArray
    threshold: FloatArray


def propagators(chip: RecurrentChip, dt: float) -> Propagators:
    """Exact propagators of ``chip`` over steps of ``dt`` (s).

    C = dt exp(-dt / tau_m) (1 - exp(-d)) / d with d = dt / tau_km - dt / tau_m, which has no pole at equal times.

    Raises
    ------
    ModelError
        For a step that is not positive.
    """
    if not (np.isfinite(dt) and dt > 0.0):
        raise ModelError(f"recurrent network: dt = {dt!r} s; accepted: > 0")
    d = dt / chip.tau_synapse - dt / chip.tau_membrane
    small = np.abs(d) < 1e-8
    share = np.where(small, 1.0 - 0.5 * d, -np.expm1(-d) / np.where(small, 1.0, d))
    keep = np.exp(-dt / chip.tau_membrane)
    return Propagators(
        np.exp(-dt / chip.tau_synapse), chip.strength * (dt * keep * share), keep, np.array(chip.threshold)
    )


@dataclass(frozen=True)
class RecurrentRun:
    """Result of a run.

    Attributes
    ----------
    spikes
        s, 0 or 1, uint8, (samples, steps, neurons).
    voltage
        V before the reset, in typical thresholds, (samples, steps, targets): neurons, then outputs.
    outputs
        Number of outputs.
    """

    spikes: NDArray[np.uint8]
    voltage: FloatArray
    outputs: int

    @property
    def peaks(self) -> FloatArray:
        """Largest voltage of every output, (samples, outputs)."""
        return np.asarray(self.voltage[:, :, -self.outputs :].max(axis=1))

    @property
    def decisions(self) -> IntArray:
        """Output with the largest peak, (samples,)."""
        return np.asarray(self.peaks.argmax(axis=1))


@dataclass(frozen=True)
class RecurrentDpi:
    """Weights on a chip.

    Attributes
    ----------
    weights
        w, (sources, targets); negative weights are inhibitory synapses that draw their current from the membrane.
    chip
        Instance that the weights run on.
    dt
        Step (s).

    Raises
    ------
    ModelError
        When weights are not finite or do not fit the chip, or ``dt`` is not positive.
    """

    weights: FloatArray
    chip: RecurrentChip
    dt: float

    def __post_init__(self) -> None:
        """Check."""
        if self.weights.shape != self.chip.shape or not np.isfinite(self.weights).all():
            raise ModelError(
                f"recurrent network: weights of shape {self.weights.shape}; accepted: finite ones of shape "
                f"{self.chip.shape}, as the chip has"
            )
        propagators(self.chip, self.dt)

    def run(self, spikes: ArrayLike, *, backend: Backend = "numba") -> RecurrentRun:
        """Run samples from rest.

        Parameters
        ----------
        spikes
            Number of spikes of every input in every step, (samples, steps, inputs), up to 255.
        backend
            "numpy" is the definition, "numba" its compiled twin.

        Raises
        ------
        ModelError
            For spikes of another shape, negative or fractional numbers.
        """
        x = self._counts(spikes)
        step = propagators(self.chip, self.dt)
        size = (x.shape[0], x.shape[1])
        voltage = np.empty((*size, self.chip.shape[1]))
        fired = np.zeros((*size, self.chip.neurons), np.uint8)
        jump = np.ascontiguousarray(self.weights * step.jump)
        if backend == "numba":
            from pysim.kernels import recurrent

            recurrent.forward(step.decay, jump, step.keep, step.threshold, x, False, voltage, fired)
        else:
            from pysim.recurrent import reference

            reference.forward(step.decay, jump, step.keep, step.threshold, x, voltage, fired)
        return RecurrentRun(fired, voltage, self.chip.outputs)

    def _counts(self, spikes: ArrayLike) -> NDArray[np.uint8]:
        """Spikes as the kernels take them."""
        given = np.asarray(spikes)
        if given.ndim != 3 or given.shape[2] != self.chip.inputs or given.dtype.kind not in "uib":
            raise ModelError(
                f"recurrent network: input of shape {given.shape} and type {given.dtype}; accepted: integers, "
                f"(samples, steps, {self.chip.inputs})"
            )
        if given.size and (given.min() < 0 or given.max() > 255):
            raise ModelError("recurrent network: spikes of a step; accepted: 0 to 255")
        return np.ascontiguousarray(given, dtype=np.uint8)
