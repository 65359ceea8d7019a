"""``spicetwin fit``: result, figure, overrides, bad input; and fits with the simulator in the loop."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

import spicetwin.commands.fit as fit_module
from calibration.recipe import RecipeError, load_recipe
from calibration.recipe_data import prepare
from calibration.recipe_run import run_recipe
from circuits.ngspice.errors import SimulationError
from circuits.testbench import Conditions
from spicetwin.boundary import InputError
from spicetwin.in_the_loop import trace_model, virtual_trace

if TYPE_CHECKING:
    from circuits.ngspice.pool import Pool

FET = Path(__file__).parents[2] / "measurements" / "virtual" / "ihp_sg13g2_idvg" / "campaign.toml"


def invoke(*args: str) -> Result:
    """Run the command as the command line would."""
    app = typer.Typer()
    app.command()(fit_module.fit_command)
    return CliRunner().invoke(app, list(args))


def test_fit_writes_result_and_figure_for_given_data(tmp_path: Path) -> None:
    out, figure = tmp_path / "fit.json", tmp_path / "fit.png"
    done = invoke("fet_subthreshold_ihp", "--data", str(FET), "-o", str(out), "--plot", str(figure))
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["sources"][0]["kind"] == "virtual"
    assert result["fits"]["GOOD"] == 16
    assert figure.stat().st_size > 10_000
    assert "median kappa" in done.output
    assert done.exit_code == (0 if result["verdict"] == "GOOD" else 1)


def test_fit_whose_acceptance_fails_exits_with_one() -> None:
    done = invoke("fet_subthreshold_ihp", "--data", str(FET), "--set", "kappa.fixed=0.9", "--json")
    assert done.exit_code == 1
    failed = [metric for metric in json.loads(done.stdout)["metrics"] if metric["passed"] is False]
    assert {metric["check"] for metric in failed} >= {"kappa within 0.74 to 0.79"}


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("dpi_caoch",), RecipeError, "unknown recipe"),
        (("dpi_coach", "--set", "kapa=0.7"), RecipeError, "kapa"),
        (("dpi_coach", "--set", "kappa"), InputError, "key=value"),
        (("dpi_coach", "--set", "kappa=1", "--set", "kappa=2"), InputError, "given twice"),
        (("dpi_coach", "--plot", "fit.bmp"), InputError, "accepted endings"),
    ],
)
def test_bad_input_is_one_typed_error(args: tuple[str, ...], error: type[Exception], message: str) -> None:
    done = invoke(*args)
    assert isinstance(done.exception, error)
    assert message in str(done.exception)


@pytest.mark.ngspice
def test_netlist_fit_finds_the_bias_currents_of_a_virtual_trace(pool: Pool) -> None:
    recipe = load_recipe("dpi_netlist")
    model = trace_model(recipe, pool)
    campaign = virtual_trace(recipe, model)
    result = run_recipe(recipe, campaign, evaluate_many=model.evaluate_many).fits["joint"]
    assert result.verdict == "GOOD", result.reasons
    for name, true in (("i_tau", 4e-12), ("i_gain", 25e-12), ("i_weight", 15e-9)):
        low, high = result.interval(name, 0.999)
        assert low <= true <= high, name
    assert result["i_tau"].stderr is not None
    assert result["i_tau"].stderr < 0.02 * 4e-12


@pytest.mark.ngspice
def test_failed_simulations_are_none_and_harm_no_other_point(pool: Pool) -> None:
    recipe = load_recipe("dpi_netlist")
    model = trace_model(recipe, pool)
    (measured,) = virtual_trace(recipe, model)
    (dataset,) = prepare(recipe, (measured,))[0]
    good = {"i_tau": 4e-12, "i_gain": 25e-12, "i_weight": 15e-9}
    impossible = dataclasses.replace(model, conditions=Conditions(corner="no_such_corner"))
    assert impossible.evaluate_many([(good, dataset)]) == [None]
    with pytest.raises(SimulationError):
        impossible.trace(good, "i_syn", dataset.x["time"])
    found = model.evaluate_many([(good, dataset), (good, dataset)])
    assert all(prediction is not None for prediction in found)


def test_recipe_for_a_testbench_without_waveforms_is_refused() -> None:
    recipe = load_recipe("dpi_netlist")
    wrong = dataclasses.replace(recipe, circuit={**recipe.circuit, "testbench": "dpi_synapse_decay"})
    with pytest.raises(RecipeError, match="dpi_synapse_response"):
        trace_model(wrong, None)  # type: ignore[arg-type]


def test_help_of_the_command_loads_no_solver() -> None:
    heavy = "('lmfit', 'scipy', 'numpy')"
    code = f"import sys, spicetwin.commands.fit; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]", fit_module.__name__
