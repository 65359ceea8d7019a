"""From the knobs of a mathematical minGRU layer to the voltages of a column that computes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from circuits.circuit import ParameterError
from circuits.families.mingru_column import DAC_UNITS, MingruColumn

#: Shift of thresholds (V) that decides ties as the layer does: k takes the higher code, y stays 0.
TIE = 1e-5


@dataclass(frozen=True)
class LayerColumn:
    """A column with the references of one layer.

    Attributes
    ----------
    column : MingruColumn
        The base column with ``v_gate``, ``v_reset`` and ``v_bias`` of the layer.
    unit : float
        Voltage of h = 1 against the common mode (V): half the weight span times the gain of the lines.
    """

    column: MingruColumn
    unit: float

    def theta(self, threshold: float) -> float:
        """Output threshold in volt of one in units of V_FS/2; exactly equal states give 0."""
        return threshold * self.unit + TIE


def line_gain(column: MingruColumn) -> float:
    """Gain of lines h~ and z with ideal switches: N C over N C, wiring and bias DAC (``c_load`` not counted)."""
    rows = column.n_rows * (column.c_unit + column.c_par)
    return rows / (rows + column.n_rows * column.c_wire + DAC_UNITS * column.c_bias)


def swap_gain(column: MingruColumn) -> float:
    """Gain kappa of the gate with ideal switches: z_eff over k / 2^bits."""
    unit = column.c_unit + column.c_par
    return unit / (unit + column.c_wire)


def dac_gain(column: MingruColumn) -> float:
    """Gain of the gate DAC's divider: its array over the array and the parasitic of its top plate."""
    dac = DAC_UNITS * column.c_dac
    return dac / (dac + column.c_top)


def gate_lsb(column: MingruColumn) -> float:
    """Voltage of line z per gate code (V)."""
    lsb: float = column.v_gate * dac_gain(column) / 2**column.gate_bits
    return lsb


def map_layer(column: MingruColumn, *, slope: float, offset: float, bias_step: float) -> LayerColumn:
    """References with which ``column`` computes a layer, the gains of its lines taken into account.

    The layer, in units of V_FS/2: ``a = mean(s x) + code bias_step``; ``k = clip(floor(K (slope a_z/2 + 1/2 +
    offset) + 1/2), 0, K)``; ``h <- h + kappa k/2^bits (a_h - h)``; ``y = [h > theta]``. With ``c_wire = 0``
    kappa is 1 and an ideal column is the mathematical layer.

    Parameters
    ----------
    column : MingruColumn
        Sizes, level and weight span; ``c_load`` must be 0, the slope is set by the references here.
    slope, offset : float
        Gain of the gate in full scales per V_FS, and its offset in full scales.
    bias_step : float
        Step of the bias codes in V_FS/2.

    Raises
    ------
    ParameterError
        A loaded column, or references outside their bounds.
    """
    if column.c_load:
        raise ParameterError(
            f"c_load = {column.c_load:g} F; accepted: 0 F, the references set the slope here"
        )
    if not slope > 0.0 or not bias_step > 0.0:
        raise ParameterError(f"slope = {slope!r}, bias_step = {bias_step!r}; accepted: positive numbers")
    unit = line_gain(column) * column.v_fs / 2
    steps = 2**column.gate_bits
    lsb = 2 * unit / ((steps - 1) * slope)
    ratio = (column.c_unit + column.c_par) / column.c_unit
    values = {
        "v_gate": lsb * steps / dac_gain(column),
        "v_reset": -(steps - 1) * offset * lsb - TIE,
        "v_bias": bias_step * column.v_fs / 2 * DAC_UNITS * ratio / column.bias_ratio,
        "gate_code": 32.0,
    }
    return LayerColumn(dataclasses.replace(column, **values), unit)
