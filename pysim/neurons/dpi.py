"""DPI log-domain neuron: membrane current with positive feedback, refractory reset and spike-driven
adaptation.

The soma equation (Chicca et al. 2014, doi:10.1109/JPROC.2014.2313954; Livi and Indiveri 2009)

    tau (1 + I_g/I_m) dI_m/dt = (I_g/I_tau) (I_in - I_sum) - (I_sum/I_tau) I_m
    I_sum = I_tau + I_ahp + I_inh - I_fb

is, in y = ln(I_m / I_g), with the slope ratio m of the input pair and an additive leakage floor I_fl,

    tau dy/dt = (I_in/I_tau) / (1 + e^(m y)) - (I_tau + I_ahp + I_inh - I_fb(I_m)) / I_tau + I_fl / I_m .

A spike is the upward crossing of I_threshold; then I_m is held at I_reset for t_refractory, and I_ahp, which
decays with tau_adaptation, gains i_adaptation_step. Excitatory synapses add to I_in, inhibitory ones to
I_inh (shunting).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.errors import ModelError
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NoFeedback:
    """No positive feedback."""

    code: ClassVar[int] = 0

    def rows(self) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """Parameter rows of the kernels."""
        return 0.0, 0.0, 0.0


@dataclass(frozen=True, kw_only=True)
class SigmoidFeedback:
    """I_fb = i_feedback / (1 + exp(-(I_m - i_feedback_threshold) / i_feedback_norm)) (A)."""

    i_feedback: ArrayLike
    i_feedback_threshold: ArrayLike
    i_feedback_norm: ArrayLike
    code: ClassVar[int] = 1

    def rows(self) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """Parameter rows of the kernels."""
        return self.i_feedback, self.i_feedback_threshold, self.i_feedback_norm


@dataclass(frozen=True, kw_only=True)
class PowerFeedback:
    """I_fb = i_feedback (I_m / i_feedback)^feedback_exponent (A); i_feedback is where I_fb equals I_m."""

    i_feedback: ArrayLike
    feedback_exponent: ArrayLike
    code: ClassVar[int] = 2

    def rows(self) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """Parameter rows of the kernels."""
        return self.i_feedback, self.feedback_exponent, 0.0


@dataclass(frozen=True, kw_only=True)
class TableFeedback:
    """Feedback current read from a characteristic, e.g. one simulated at transistor level.

    Attributes
    ----------
    ln_current
        Uniform ascending grid of ln(I_m / 1 A), shape (n,), n >= 2.
    current
        Net current into the membrane at these points beyond the leak I_tau (A), either sign, shape (n,).
    scale
        Factor per instance.

    Cubic Hermite interpolation with central-difference slopes; constant beyond the ends.
    """

    ln_current: FloatArray
    current: FloatArray
    scale: ArrayLike = 1.0
    code: ClassVar[int] = 3

    def __post_init__(self) -> None:
        """Refuse a grid that is not uniform.

        Raises
        ------
        ModelError
            On shape, spacing or values that are not finite.
        """
        grid, values = np.asarray(self.ln_current), np.asarray(self.current)
        if grid.ndim != 1 or grid.size < 2 or values.shape != grid.shape:
            raise ModelError("feedback table: ln_current and current need one common length of 2 or more")
        step = np.diff(grid)
        if not (np.isfinite(values).all() and step[0] > 0 and np.allclose(step, step[0], rtol=1e-6)):
            raise ModelError("feedback table: ln_current must ascend uniformly and current be finite")

    def rows(self) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """Parameter rows of the kernels."""
        return self.scale, 0.0, 0.0

    def grid(self) -> FloatArray:
        """Rows for the kernels: grid point, value, slope per step."""
        values = np.asarray(self.current, dtype=np.float64)
        return np.ascontiguousarray(
            [np.asarray(self.ln_current, dtype=np.float64), values, np.gradient(values)]
        )


Feedback = NoFeedback | SigmoidFeedback | PowerFeedback | TableFeedback


@dataclass(frozen=True, kw_only=True)
class DpiNeuron:
    """A batch of DPI neurons; every field is a number or an array, all broadcast to one ``shape``.

    Attributes
    ----------
    tau, i_tau, i_gain
        Membrane time constant C U_T / (kappa I_tau) (s), leak I_tau and gain I_g (A).
    i_threshold, i_reset, t_refractory
        Membrane current at the spike and after it (A); time held at reset (s).
    slope_ratio
        kappa_n / kappa_p of the input pair.
    input_exponent
        n of the effective input I_g (I_in / I_g)^n: the pair's drain voltages move with its current; 1 is ideal.
    i_floor
        Leakage floor of I_m (A); ``None``: equal to ``i_reset``.
    tau_adaptation, i_adaptation_step
        Decay (s) and increment per spike (A) of I_ahp; a step of zero switches adaptation off.
    feedback
        Positive-feedback law.
    adaptation
        DPI block that the neuron's own spikes drive; its output adds to I_ahp. It has the full dynamics
        that ``tau_adaptation`` and ``i_adaptation_step`` linearise: growth from the floor, saturation, a
        pulse that takes time. ``None``: none.

    Raises
    ------
    ModelError
        Naming the parameter that is not positive and finite, or a reset at or above the threshold.
    """

    tau: ArrayLike
    i_tau: ArrayLike
    i_gain: ArrayLike
    i_threshold: ArrayLike
    i_reset: ArrayLike
    t_refractory: ArrayLike
    slope_ratio: ArrayLike = 1.0
    input_exponent: ArrayLike = 1.0
    i_floor: ArrayLike | None = None
    tau_adaptation: ArrayLike = 0.1
    i_adaptation_step: ArrayLike = 0.0
    feedback: Feedback = field(default_factory=NoFeedback)
    adaptation: DpiSynapse | None = None

    def __post_init__(self) -> None:
        """Check and broadcast."""
        if self.i_floor is None:
            object.__setattr__(self, "i_floor", self.i_reset)
        names = [f.name for f in dataclasses.fields(self) if f.name not in ("feedback", "adaptation")]
        rows = [np.asarray(r, dtype=np.float64) for r in self.feedback.rows()]
        arrays = np.broadcast_arrays(*(np.asarray(getattr(self, n), dtype=np.float64) for n in names), *rows)
        for name, array in zip(names, arrays, strict=False):
            may_be_zero = name in ("t_refractory", "i_adaptation_step")
            bad = ~np.isfinite(array) | (array < 0.0 if may_be_zero else array <= 0.0)
            if bad.any():
                need = ">= 0" if may_be_zero else "> 0"
                value = float(array[bad].flat[0])
                raise ModelError(f"DPI neuron: {name} = {value!r}; accepted: finite and {need}")
            object.__setattr__(self, name, array)
        for row in arrays[len(names) :]:
            if not np.isfinite(row).all():
                raise ModelError("DPI neuron: a feedback parameter is not finite")
        if (self.array("i_reset") >= self.array("i_threshold")).any():
            raise ModelError("DPI neuron: i_reset must lie below i_threshold")

        if self.adaptation is not None and self.adaptation.shape != self.shape:
            object.__setattr__(self, "adaptation", self.adaptation.broadcast(self.shape))

    def array(self, name: str) -> FloatArray:
        """Parameter as an array of the batch's shape."""
        return np.asarray(getattr(self, name), dtype=np.float64)

    def broadcast(self, shape: tuple[int, ...]) -> DpiNeuron:
        """The same neurons as a batch of ``shape``."""
        kept = ("feedback", "adaptation")
        names = [f.name for f in dataclasses.fields(self) if f.name not in kept]
        fields: dict[str, Any] = {n: np.broadcast_to(self.array(n), shape) for n in names}
        return dataclasses.replace(self, **fields)

    def with_adaptation(self, block: DpiSynapse) -> DpiNeuron:
        """The same neurons with this adaptation block."""
        return dataclasses.replace(self, adaptation=block)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch."""
        return self.array("tau").shape

    def parameters(self) -> FloatArray:
        """Parameters as the integrators take them, shape (14, size).

        Rows: 0 tau, 1 I_tau, 2 I_g, 3 m, 4 ln(I_threshold/I_g), 5 ln(I_reset/I_g), 6 t_refractory, 7
        I_fl/I_g, 8-10 feedback, 11 tau_adaptation, 12 i_adaptation_step, 13 input_exponent.
        """
        gain = self.array("i_gain")
        rows = [
            self.array("tau"),
            self.array("i_tau"),
            gain,
            self.array("slope_ratio"),
            np.log(self.array("i_threshold") / gain),
            np.log(self.array("i_reset") / gain),
            self.array("t_refractory"),
            self.array("i_floor") / gain,
            *(np.broadcast_to(np.asarray(r, dtype=np.float64), self.shape) for r in self.feedback.rows()),
            self.array("tau_adaptation"),
            self.array("i_adaptation_step"),
            self.array("input_exponent"),
        ]
        return np.ascontiguousarray([row.ravel() for row in rows])

    def feedback_grid(self) -> FloatArray:
        """Grid of a :class:`TableFeedback`, or a dummy of one cell."""
        return self.feedback.grid() if isinstance(self.feedback, TableFeedback) else np.zeros((3, 2))

    def rheobase(self) -> FloatArray:
        """Smallest constant input that reaches the threshold without feedback: (I_tau - floor) (1 +
        (I_thr/I_g)^m)."""
        u = (self.array("i_threshold") / self.array("i_gain")) ** self.array("slope_ratio")
        drop = 1.0 - self.array("i_floor") / self.array("i_threshold")
        drive = self.array("i_tau") * drop * (1.0 + u) / self.array("i_gain")
        return np.asarray(self.array("i_gain") * drive ** (1.0 / self.array("input_exponent")))


def feedback_current(code: int, q: FloatArray, grid: FloatArray, y: FloatArray) -> FloatArray:
    """I_fb at y = ln(I_m / I_g); ``q``: parameter rows of :meth:`DpiNeuron.parameters`."""
    if code == SigmoidFeedback.code:
        s = (q[2] * np.exp(y) - q[9]) / q[10]
        e = np.exp(-np.abs(s))
        return np.asarray(q[8] * np.where(s >= 0, 1.0 / (1.0 + e), e / (1.0 + e)))
    if code == PowerFeedback.code:
        return np.asarray(q[8] * np.exp(q[9] * (y + np.log(q[2] / q[8]))))
    if code == TableFeedback.code:
        cells = grid.shape[1] - 1
        position = (y + np.log(q[2]) - grid[0, 0]) * (cells / (grid[0, cells] - grid[0, 0]))
        position = np.clip(position, 0.0, cells)
        k = np.minimum(position.astype(np.int64), cells - 1)
        f = position - k
        left = grid[1, k] + f * (3.0 - 2.0 * f) * f * (grid[1, k + 1] - grid[1, k])
        return np.asarray(q[8] * (left + f * (1.0 - f) * ((1.0 - f) * grid[2, k] - f * grid[2, k + 1])))
    return np.zeros_like(y)


def rate(
    code: int,
    q: FloatArray,
    grid: FloatArray,
    y: FloatArray,
    i_in: FloatArray,
    i_shunt: FloatArray,
) -> FloatArray:
    """dy/dt of the membrane (1/s) for the input current and the shunt current I_ahp + I_inh (A).

    ``y`` is bounded half a unit beyond the threshold, where no trajectory goes: an integrator stage that
    overshoots a runaway must not overflow.
    """
    y = np.clip(y, -600.0, q[4] + 0.5)
    i_in = i_in * np.where(i_in > 0.0, i_in / q[2], 1.0) ** (q[13] - 1.0)
    drive = i_in / (1.0 + np.exp(q[3] * y)) - i_shunt + feedback_current(code, q, grid, y)
    return np.asarray((drive / q[1] - 1.0 + q[7] * np.exp(-y)) / q[0])


def linear_rate(
    i_in: ArrayLike, tau: float, i_tau: float, i_gain: float, i_threshold: float, i_reset: float, t_ref: float
) -> FloatArray:
    """Firing rate (Hz) of the linear limit I >> I_g: 1 / (t_ref + tau ln[(I_inf - I_r)/(I_inf - I_thr)]).

    I_inf = (I_g / I_tau) (I_in - I_tau); zero below rheobase.
    """
    i_inf = np.asarray(i_gain / i_tau * (np.asarray(i_in, dtype=np.float64) - i_tau))
    above = i_inf > i_threshold
    safe = np.where(above, i_inf, 2 * i_threshold + i_reset)
    interval = t_ref + tau * np.log((safe - i_reset) / (safe - i_threshold))
    return np.where(above, 1.0 / interval, 0.0)
