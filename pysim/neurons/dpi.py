"""DPI log-domain neuron: membrane current with positive feedback, refractory reset and spike-driven adaptation.

The soma equation (Chicca et al. 2014, doi:10.1109/JPROC.2014.2313954; Livi and Indiveri 2009)

    tau (1 + I_g/I_m) dI_m/dt = (I_g/I_tau) (I_in - I_sum) - (I_sum/I_tau) I_m
    I_sum = I_tau + I_ahp + I_inh - I_fb

is, in y = ln(x / I_g), with the slope ratio m of the input pair and an additive leakage floor I_fl,

    tau dy/dt = I_s/I_tau - (1 + (I_ahp + I_inh)/I_tau) (1 + lambda (y - y_thr)) + I_fb/I_tau + I_fl/x,
    I_s = I_in / (1 + u),  u = I_t/I_s,  ln u + (sqrt(I_t) - sqrt(I_s)) / sqrt(I_pair) = m y .

Three things leave weak inversion a little, and near rheobase, where the terms almost cancel, a little is
much: x is the membrane current extrapolated from weak inversion, I_m = I_spec ln^2(1 + sqrt(x/I_spec)) (EKV;
Enz, Krummenacher and Vittoz 1995, doi:10.1007/BF01239381); the input pair shares its current I_in = I_t + I_s by
the same law to first order in sqrt(I/I_pair); and the transistors that draw from the membrane have a finite
output resistance, a current that grows by lambda per e-fold of x. Each is off by default (I_spec = I_pair =
infinity, lambda = 0).

A spike is the upward crossing of I_threshold; then I_m is held at I_reset for t_refractory. Excitatory
synapses add to I_in, inhibitory ones and the adaptation, a DPI block that the neuron's own spikes drive, to
I_inh and I_ahp (shunting).
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

#: Iterations of the static balance; each gains two digits.
BALANCE = 8


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
        n of the effective input I_g (I_in / I_g)^n, an empirical account of what ``i_spec_pair`` explains; 1 is
        ideal.
    i_spec, i_spec_pair
        Specific currents of the membrane transistor and of the input pair (A); infinite: weak inversion.
    leak_slope
        lambda: relative growth of leak, adaptation and inhibition per e-fold of I_m; both count at the threshold.
    i_floor
        Leakage floor of I_m (A); ``None``: equal to ``i_reset``.
    feedback
        Positive-feedback law.
    adaptation
        DPI block that the neuron's own spikes drive; its output is I_ahp. ``None``: none.

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
    i_spec: ArrayLike = np.inf
    i_spec_pair: ArrayLike = np.inf
    leak_slope: ArrayLike = 0.0
    i_floor: ArrayLike | None = None
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
            _check(name, array)
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

        Rows: 0 tau, 1 I_tau, 2 I_g, 3 m, 4 ln(x_threshold/I_g), 5 ln(x_reset/I_g), 6 t_refractory, 7 I_fl/I_g,
        8-10 feedback, 11 lambda, 12 1/sqrt(I_pair), 13 input_exponent.
        """
        gain = self.array("i_gain")
        rows = [
            self.array("tau"),
            self.array("i_tau"),
            gain,
            self.array("slope_ratio"),
            np.log(self.extrapolated(self.array("i_threshold")) / gain),
            np.log(self.extrapolated(self.array("i_reset")) / gain),
            self.array("t_refractory"),
            self.array("i_floor") / gain,
            *(np.broadcast_to(np.asarray(r, dtype=np.float64), self.shape) for r in self.feedback.rows()),
            self.array("leak_slope"),
            1.0 / np.sqrt(self.array("i_spec_pair")),
            self.array("input_exponent"),
        ]
        return np.ascontiguousarray([row.ravel() for row in rows])

    def feedback_grid(self) -> FloatArray:
        """Grid of a :class:`TableFeedback`, or a dummy of one cell."""
        return self.feedback.grid() if isinstance(self.feedback, TableFeedback) else np.zeros((3, 2))

    def extrapolated(self, current: FloatArray) -> FloatArray:
        """State x (A) of a membrane current (A): what it would be in weak inversion; shape of the batch."""
        i_spec = self.array("i_spec")
        finite = np.isfinite(i_spec)
        safe = np.where(finite, i_spec, 1.0)
        return np.asarray(np.where(finite, safe * np.expm1(np.sqrt(current / safe)) ** 2, current))

    def rheobase(self) -> FloatArray:
        """Smallest constant input that holds the threshold without feedback: I_s = I_tau - I_tau I_fl/x_thr."""
        x = self.extrapolated(self.array("i_threshold"))
        gain, root = self.array("i_gain"), 1.0 / np.sqrt(self.array("i_spec_pair"))
        share = self.array("i_tau") * (1.0 - self.array("i_floor") / x)
        log_u = self.array("slope_ratio") * np.log(x / gain)
        i_in = share * (1.0 + np.exp(log_u))
        for _ in range(BALANCE):
            i_in = share * (1.0 + np.exp(log_u - root * (np.sqrt(i_in - share) - np.sqrt(share))))
        return np.asarray(gain * (i_in / gain) ** (1.0 / self.array("input_exponent")))


def _check(name: str, array: FloatArray) -> None:
    """Refuse a parameter outside its range."""
    if name == "leak_slope":
        bad, need = ~(np.abs(array) < 0.1), "between -0.1 and 0.1"
    elif name in ("i_spec", "i_spec_pair"):
        bad, need = ~(array > 0.0), "> 0, infinite for weak inversion"
    elif name == "t_refractory":
        bad, need = ~(np.isfinite(array) & (array >= 0.0)), "finite and >= 0"
    else:
        bad, need = ~(np.isfinite(array) & (array > 0.0)), "finite and > 0"
    if bad.any():
        value = float(array[bad].flat[0])
        raise ModelError(f"DPI neuron: {name} = {value!r}; accepted: {need}")


def pair_share(q: FloatArray, y: FloatArray, i_in: FloatArray) -> FloatArray:
    """I_s: the part of the input current (A) that reaches the membrane at y.

    The pair's currents enter the moderate-inversion term as they are in weak inversion; what that neglects is
    of second order, below 0.02 % for I_in < I_pair / 100.
    """
    i_in = i_in * np.where(i_in > 0.0, i_in / q[2], 1.0) ** (q[13] - 1.0)
    log_u = q[3] * y
    weak = i_in / (1.0 + np.exp(log_u))
    bend = np.sqrt(np.maximum(i_in - weak, 0.0)) - np.sqrt(np.maximum(weak, 0.0))
    return np.asarray(i_in / (1.0 + np.exp(log_u - q[12] * bend)))


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
    drawn = (q[1] + i_shunt) * (1.0 + q[11] * (y - q[4]))
    drive = pair_share(q, y, i_in) - drawn + feedback_current(code, q, grid, y)
    return np.asarray((drive / q[1] + q[7] * np.exp(-y)) / q[0])


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
