"""What every fit law must do, third-party ones of the entry-point group ``spicetwin.laws`` included."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pint
import pytest
from numpy.typing import NDArray

from calibration.fit import Dataset, FitParameter, fit, law_model, law_parameters
from calibration.laws import Law, LawParam, laws
from calibration.laws.law import ANY_UNIT, LawDomainError

FloatArray = NDArray[np.float64]
LAWS = laws()
UNITS: pint.UnitRegistry[float] = pint.UnitRegistry()

#: Where a law is asked, by the unit of the input: what these circuits see.
RANGES: dict[str, tuple[float, float]] = {
    "s": (1e-6, 1e-1),
    "A": (1e-13, 1e-8),
    "K": (250.0, 400.0),
    "V": (0.6, 1.8),
    "m": (2e-7, 1e-5),
    "m^2": (1e-13, 1e-9),
    "1": (-1.0, 1.0),
    "ohm": (1e3, 1e6),
    "S": (1e-6, 1e-4),
    "V/s": (1e4, 1e5),
    ANY_UNIT: (1.0, 2.0),
}
#: Inputs of a law that holds in a part of its unit's range only.
NARROWER: dict[tuple[str, str], tuple[float, float]] = {
    ("dpi_reset_current", "i_refractory"): (
        1e-10,
        1e-8,
    ),  # below, the release would lift it by e^100 and more
    ("switch_on", "v_t"): (0.35, 0.45),  # a switch that is on
    ("switch_on", "v_gs"): (0.9, 1.8),
    ("switch_on", "v_sb"): (0.0, 0.6),
    ("lrs_compliance", "v_wl"): (0.6, 3.4),  # a selector that conducts
    ("reset_probability", "v_wl"): (2.0, 3.4),  # and one that passes the current of a RESET
    ("reset_probability", "width"): (2e-7, 1e-5),
    ("relaxation_spread", "time"): (1e-2, 1e5),  # after relaxation began
    ("relaxation_level", "time"): (1e-2, 1e5),
    ("reversal_curve", "v_r"): (-2.0, 1.0),
    ("reversal_curve", "rising"): (0.0, 1.0),
    ("soft_bound", "pulse"): (0.0, 1000.0),
    ("pair_share", "share"): (0.05, 0.95),
    **{(law, "total"): (100.0, 2000.0) for law in ("low_state_counts", "high_state_counts")},
    ("low_state_counts", "low"): (6.6e3, 7e3),
    ("low_state_counts", "high"): (7e3, 1.2e4),
    ("high_state_counts", "low"): (5e3, 5e4),
    ("high_state_counts", "high"): (9e3, 1e6),
    ("bake_loss", "duration"): (3e3, 1e4),
    ("bake_loss", "temperature"): (370.0, 540.0),
    ("bake_spread", "temperature"): (370.0, 540.0),
}
#: Laws that overflow inside the box of their bounds, with the reason.
OVERFLOWS = {
    "dpi_reset_current": "the exponential of release (I_ref/I)^n is not limited; a fit must start near"
}
POINTS = 60
BOX = 40
#: How far from its guess a parameter is tried where its bounds leave it free: a factor on a log scale, else a
#: difference.
FACTOR, DIFFERENCE = 1e3, 10.0


def inputs_of(law: Law, points: int = POINTS) -> dict[str, FloatArray]:
    """Points spread over the ranges of all inputs at once; spans of decades are filled evenly in decades."""
    rng = np.random.default_rng(7)
    found = {}
    for name, unit in law.inputs.items():
        low, high = NARROWER.get((law.id, name), RANGES[unit])
        place = (rng.permutation(points) + 0.5) / points
        if low > 0 and high / low > 100:
            found[name] = low * (high / low) ** place
        else:
            found[name] = low + (high - low) * place
    return found


def tried(param: LawParam, place: float) -> float:
    """Value of a parameter at a place between 0 and 1 of its bounds."""
    low, high = param.bounds
    if param.scale == "log":
        low, high = max(low, param.guess / FACTOR), min(high, param.guess * FACTOR)
        return float(low * (high / low) ** place)
    low, high = max(low, param.guess - DIFFERENCE), min(high, param.guess + DIFFERENCE)
    return float(low + (high - low) * place)


def is_reference(name: str) -> bool:
    """Whether a parameter is a place of reference, which no fit varies."""
    return name.endswith("_ref")


@pytest.mark.parametrize("name", sorted(LAWS))
class TestLaw:
    """Every law by name."""

    def test_is_finite_at_its_guesses(self, name: str) -> None:
        law = LAWS[name]
        values = law(inputs_of(law), law.guesses())
        assert np.isfinite(values).all()
        assert values.dtype == np.float64

    def test_is_finite_or_says_why_not_over_the_box_of_its_bounds(self, name: str) -> None:
        if name in OVERFLOWS:
            with pytest.raises(RuntimeWarning, match="overflow"):
                self.walk_the_box(LAWS[name])
        else:
            self.walk_the_box(LAWS[name])

    @staticmethod
    def walk_the_box(law: Law) -> None:
        """Evaluate a law at random places between its bounds."""
        rng = np.random.default_rng(11)
        for _ in range(BOX):
            params = {
                key: param.guess if is_reference(key) else tried(param, float(rng.random()))
                for key, param in law.params.items()
            }
            try:
                values = law(inputs_of(law), params)
            except LawDomainError:
                continue
            assert np.isfinite(values).all(), params

    def test_declares_units_that_exist(self, name: str) -> None:
        law = LAWS[name]
        for unit in (law.output, *law.inputs.values(), *(param.unit for param in law.params.values())):
            if unit not in (ANY_UNIT, "eV"):
                assert UNITS.Quantity(1.0, unit).to_base_units().magnitude == pytest.approx(1.0), unit

    def test_gives_the_same_one_by_one(self, name: str) -> None:
        law = LAWS[name]
        inputs, params = inputs_of(law, 7), law.guesses()
        whole = law(inputs, params)
        for k in range(7 if inputs else 1):
            one = law({key: float(values[k]) for key, values in inputs.items()}, params)
            assert one.shape == ()
            assert float(one) == pytest.approx(float(whole[k] if inputs else whole), rel=1e-12)

    def test_says_its_equation_its_source_and_what_its_parameters_are(self, name: str) -> None:
        law = LAWS[name]
        assert law.id == name
        assert law.equation.strip()
        assert law.source.strip()
        for key, param in law.params.items():
            assert param.description.strip() or key in law.equation, key

    def test_fit_of_its_own_values_finds_them_again(self, name: str) -> None:
        """From 5 % off. A parameter that these inputs do not show may stay where it is, the values may not."""
        law = LAWS[name]
        inputs, true = inputs_of(law), law.guesses()
        if not inputs:
            pytest.skip("no inputs: nothing to fit against")
        values = law(inputs, true)
        start = law_parameters(law, **{key: _off(key, param) for key, param in law.params.items()})
        for key in filter(is_reference, law.params):
            start[key] = FitParameter(law.params[key].guess, vary=False)
        size = np.maximum(np.abs(values), 1e-3 * float(np.abs(values).max()))
        data = Dataset(name, inputs, values, 0.01 * size)
        found = fit(partial(law_model, law=law), [data], start)
        again = law(inputs, {key: found[key].value for key in true})
        assert float(np.max(np.abs(again - values) / size)) < 1e-3


def _off(name: str, param: LawParam) -> float:
    """Start of a fit, 5 % off the guess and within the bounds."""
    if is_reference(name):
        return param.guess
    low, high = param.bounds
    step = 0.05 * (abs(param.guess) or min(1.0, high - low))
    return param.guess + step if param.guess + step < high else param.guess - step


def test_the_ranges_have_a_law_that_needs_them() -> None:
    assert set(RANGES) == {unit for law in LAWS.values() for unit in law.inputs.values()}


def test_a_law_that_is_off_in_one_point_fails_these_checks() -> None:
    """The checks can fail: a law that is not finite, and one that is not vectorised."""
    param = {"gain": LawParam("1", 1.0, (0.1, 10.0))}

    def broken(x: FloatArray, gain: float) -> FloatArray:
        return np.where(np.asarray(x) > 1.5, math.nan, gain * np.asarray(x))

    def flat(x: FloatArray, gain: float) -> FloatArray:
        return gain * np.asarray(x) / np.max(x)

    try:
        for identifier, function, check in (
            ("broken", broken, "test_is_finite_at_its_guesses"),
            ("flat", flat, "test_gives_the_same_one_by_one"),
        ):
            LAWS[identifier] = Law(identifier, function, {"x": "V"}, "V", param, "e", "s")
            with pytest.raises(AssertionError):
                getattr(TestLaw(), check)(identifier)
    finally:
        for identifier in ("broken", "flat"):
            LAWS.pop(identifier, None)
