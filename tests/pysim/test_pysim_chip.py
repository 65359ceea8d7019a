"""Draws of chips: deterministic, sources apart, spreads as the table says, nothing outside the domain."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dpi_truth import SIGMA_DIE, SIGMA_FIT, SIGMA_WITHIN, SYNAPSE, constant, dpi_table

from calibration.table import Covariance, Entry, Interval, OutOfDomain, Parameter, Variation
from pysim.chip import draw
from pysim.errors import ModelError
from pysim.neurons.dpi import NoFeedback, PowerFeedback, SigmoidFeedback, TableFeedback

TABLE = dpi_table()


def log_tau(sources: tuple[str, ...], shape: tuple[int, int] = (400, 50), seed: int = 3) -> np.ndarray:
    return np.log(draw(TABLE, shape, seed, sources).values["tau"] / SYNAPSE["tau"][0])


def test_equal_seeds_give_bit_equal_chips_and_ids() -> None:
    a, b = draw(TABLE, (5, 7), 1), draw(TABLE, (5, 7), 1)
    assert a.id == b.id
    np.testing.assert_array_equal(a.values["tau"], b.values["tau"])


def test_seed_sources_label_and_inputs_change_the_id() -> None:
    ids = {
        draw(TABLE, (5, 7), 1).id,
        draw(TABLE, (5, 7), 2).id,
        draw(TABLE, (5, 7), 1, ("die",)).id,
        draw(TABLE, (5, 7), 1, label="b").id,
        draw(TABLE, (5, 7), 1, at={"temperature": 310.0}).id,
        draw(dpi_table(version="1.0.1"), (5, 7), 1).id,
    }
    assert len(ids) == 6


def test_a_larger_ensemble_begins_with_the_smaller_one() -> None:
    few, many = (draw(TABLE, (n, 7), 1).values["tau"] for n in (3, 9))
    np.testing.assert_array_equal(many[:3], few)


def test_without_sources_every_instance_is_typical() -> None:
    assert np.all(log_tau(()) == 0.0)


def test_fit_is_shared_by_the_ensemble() -> None:
    drawn = log_tau(("fit",))
    assert np.ptp(drawn) == 0.0
    shifts = [log_tau(("fit",), (1, 1), seed)[0, 0] for seed in range(600)]
    assert np.std(shifts) == pytest.approx(SIGMA_FIT, rel=0.1)


def test_die_is_common_to_a_chip_and_has_the_sigma_of_the_table() -> None:
    drawn = log_tau(("die",), (4000, 3))
    assert np.ptp(drawn, axis=1).max() == 0.0
    assert drawn[:, 0].std() == pytest.approx(SIGMA_DIE, rel=0.05)


def test_within_die_varies_in_a_chip_and_has_the_sigma_of_the_table() -> None:
    drawn = log_tau(("within_die",))
    assert drawn.std() == pytest.approx(SIGMA_WITHIN, rel=0.02)
    assert drawn.mean(axis=1).std() == pytest.approx(SIGMA_WITHIN / np.sqrt(50), rel=0.1)


def test_sources_add_up_and_leaving_one_out_changes_no_other() -> None:
    parts = [log_tau((s,)) for s in ("fit", "die", "within_die")]
    np.testing.assert_allclose(log_tau(("fit", "die", "within_die")), sum(parts), atol=1e-12)


def test_blocks_of_another_label_share_the_die_but_not_the_mismatch() -> None:
    a, b = (draw(TABLE, (50, 4), 1, ("die",), label=x).values["tau"] for x in "ab")
    np.testing.assert_array_equal(a, b)
    a, b = (draw(TABLE, (50, 4), 1, ("within_die",), label=x).values["tau"] for x in "ab")
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.3


def test_a_named_factor_correlates_two_quantities() -> None:
    def entry(value: float, sigma: float) -> Entry:
        return dataclasses.replace(
            constant(value, "s"), variation=(Variation("within_die", "lognormal", sigma, factor="vth"),)
        )

    table = dpi_table(**{"synapse.tau": entry(1e-2, 0.2), "synapse.i_gain": entry(2e-11, -0.1)})
    values = draw(table, (20, 20), 1, ("within_die",)).values
    np.testing.assert_allclose(
        np.log(values["i_gain"] / 2e-11), -0.5 * np.log(values["tau"] / 1e-2), atol=1e-12
    )


def test_drawn_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        draw(TABLE, (2, 2), 1).values["tau"][0, 0] = 1.0


def test_inputs_reach_the_laws_and_the_domain_holds() -> None:
    law = Entry(
        quantity="tau",
        unit="s",
        law="power_law",
        scale="log",
        parameters={
            "scale": Parameter(10e-3, "s", scale="log"),
            "x_ref": Parameter(5e-12, "A", vary=False, scale="log"),
            "exponent": Parameter(-1.0, "1", vary=False),
        },
        covariance=Covariance(("scale",), ((1e-4,),)),
        domain={"i_tau": Interval(1e-12, 20e-12, "A")},
        arguments={"i_tau": "x"},
    )
    table = dpi_table(**{"synapse.tau": law})
    assert float(draw(table, (1, 1), 1, (), at={"i_tau": 10e-12}).values["tau"][0, 0]) == pytest.approx(5e-3)
    with pytest.raises(OutOfDomain, match=r"synapse\.tau: i_tau"):
        draw(table, (1, 1), 1, (), at={"i_tau": 50e-12})
    assert draw(table, (1, 1), 1, (), at={"i_tau": 50e-12}, extrapolate=True).values["tau"][
        0, 0
    ] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"sources": ("dye",)}, "accepted: fit, die, within_die"),
        ({"block": "soma"}, r"no entries soma\."),
        ({"at": {"i_typo": 1.0}}, "i_typo"),
        ({"seed": -1}, "seed >= 0"),
        ({"shape": (0, 3)}, "at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes: dict[str, object], claim: str) -> None:
    arguments: dict[str, object] = {"shape": (1, 1), "seed": 1}
    with pytest.raises(ModelError, match=claim):
        draw(TABLE, **(arguments | changes))  # type: ignore[arg-type]


def test_a_failed_fit_is_not_drawn() -> None:
    failed = dataclasses.replace(constant(1.0, "s"), verdict="FAILED")
    with pytest.raises(ModelError, match="failed fit"):
        draw(dpi_table(**{"synapse.tau": failed}), (1, 1), 1)


def test_a_missing_entry_is_named_when_the_model_is_built() -> None:
    entries = {k: e for k, e in TABLE.entries.items() if k != "synapse.t_pulse"}
    chip = draw(dataclasses.replace(TABLE, entries=entries), (1, 1), 1)
    with pytest.raises(ModelError, match=r"synapse\.t_pulse"):
        chip.synapse()


def test_the_feedback_law_follows_from_the_entries() -> None:
    def feedback(**entries: Entry) -> object:
        return draw(dpi_table(**entries), (1, 1), 1, block="neuron").neuron().feedback

    i_fb = constant(1e-12, "A")
    grid = Entry(
        quantity="feedback",
        unit="A",
        law="power_law",
        parameters={
            "scale": Parameter(1e-12, "A"),
            "x_ref": Parameter(1e-12, "A", vary=False),
            "exponent": Parameter(0.4, "1"),
        },
        domain={"i_membrane": Interval(1e-13, 1e-8, "A")},
        arguments={"i_membrane": "x"},
    )
    assert isinstance(feedback(), NoFeedback)
    power = {"neuron.i_feedback": i_fb, "neuron.feedback_exponent": constant(0.4, "1")}
    assert isinstance(feedback(**power), PowerFeedback)
    sigmoid = {f"neuron.{n}": i_fb for n in ("i_feedback", "i_feedback_threshold", "i_feedback_norm")}
    assert isinstance(feedback(**sigmoid), SigmoidFeedback)
    with pytest.raises(ModelError, match="no feedback law"):
        feedback(**{"neuron.i_feedback": i_fb})
    table = feedback(**{"neuron.i_feedback_characteristic": grid})
    assert isinstance(table, TableFeedback)
    np.testing.assert_allclose(table.current, 1e-12 * (np.exp(table.ln_current) / 1e-12) ** 0.4)
