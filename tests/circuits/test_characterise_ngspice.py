"""Characterise on ngspice: the same bytes however it ran, and every fault a failure with its reason."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from rc_bench import DIES, HANGS, REFUSED, RcFaults

from circuits.characterisation import DONE, FAILED, Characterisation
from circuits.characterise import characterise
from circuits.families import testbenches as all_testbenches
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import get_process

pytestmark = pytest.mark.ngspice

#: The RC's healthy resistances: 13 and 17 fail in the measure.
HEALTHY = (10.0, 11.0, 12.0, 14.0, 15.0, 16.0)


def dpi_plan() -> Plan:
    """Decay of the DPI synapse over a decade, two corners and two chips; half a second of simulation."""
    bench = all_testbenches()["dpi_synapse_decay"]()  # type: ignore[call-arg]
    sweeps = {"i_tau": (5e-12, 50e-12)}
    return Plan(bench, get_process("generic130"), sweeps=sweeps, corners=("tt", "ss"), samples=2, seed=3)


def rc_plan(*resistances: float) -> Plan:
    return Plan(RcFaults(), get_process("generic130"), sweeps={"r": resistances})


class At:
    """Progress that does something once, after a number of points."""

    def __init__(self, points: int, action: Callable[[], None]) -> None:
        self.points, self.action, self.acted = points, action, False

    def update(self, done: int, failed: int, cached: int, total: int, eta: float | None) -> None:
        if done >= self.points and not self.acted:
            self.acted = True
            self.action()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, pool: Pool) -> Path:
    """The DPI plan on two workers, undisturbed."""
    out = tmp_path_factory.mktemp("whole") / "whole.nc"
    assert not characterise(dpi_plan(), out, pool).failures
    return out


def test_one_worker_gives_the_bytes_of_two(whole: Path, tmp_path: Path) -> None:
    with Pool(1) as pool:
        characterise(dpi_plan(), tmp_path / "one.nc", pool)
    assert (tmp_path / "one.nc").read_bytes() == whole.read_bytes()


def test_cached_points_give_the_bytes_of_simulated_ones(whole: Path, tmp_path: Path) -> None:
    with Pool(2, cache=tmp_path / "cache") as pool:
        characterise(dpi_plan(), tmp_path / "first.nc", pool)
        characterise(dpi_plan(), tmp_path / "again.nc", pool)
    assert (tmp_path / "first.nc").read_bytes() == whole.read_bytes()
    assert (tmp_path / "again.nc").read_bytes() == whole.read_bytes()


def test_interrupted_run_resumes_to_the_same_bytes(whole: Path, tmp_path: Path, pool: Pool) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "cut.nc"
    for points in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            characterise(dpi_plan(), out, pool, progress=At(points, stop))
    assert not out.exists()
    characterise(dpi_plan(), out, pool)
    assert out.read_bytes() == whole.read_bytes()


def test_a_killed_worker_costs_no_point(whole: Path, tmp_path: Path) -> None:
    with Pool(2) as pool:
        killer = At(2, lambda: os.kill(pool.pids()[0], signal.SIGKILL))
        characterise(dpi_plan(), tmp_path / "killed.nc", pool, progress=killer)
    assert killer.acted
    assert (tmp_path / "killed.nc").read_bytes() == whole.read_bytes()


def test_faults_cost_their_own_points_and_say_why(tmp_path: Path) -> None:
    plan = rc_plan(*HEALTHY, 13.0, 17.0, HANGS, DIES, REFUSED)
    with Pool(2, timeout=4.0, failures=tmp_path / "decks") as pool:
        result = characterise(plan, tmp_path / "faults.nc", pool)
    reasons = {failure.coordinates["r"]: failure.reason for failure in result.failures}
    assert set(reasons) == {13.0, 17.0, HANGS, DIES, REFUSED}
    assert reasons[HANGS] == "timeout: no result within 4 s; the worker was ended"
    assert reasons[DIES] == "simulator crash: the worker process ended with signal 9"
    assert reasons[13.0] == "measure failed: no decay"
    assert reasons[17.0] == "measure failed: tau = nan"
    assert "nowhere" in reasons[REFUSED]
    tau = result.observable("tau").sel(r=list(HEALTHY)).values.ravel()
    assert tau == pytest.approx(np.array(HEALTHY) * 1e-9, rel=1e-3)
    assert any("dc v1 0 1" in deck.read_text() for deck in (tmp_path / "decks").glob("*.cir"))


def test_there_is_no_nan_without_a_reason(tmp_path: Path, pool: Pool) -> None:
    result = characterise(rc_plan(*HEALTHY, 13.0, 17.0, REFUSED), tmp_path / "a.nc", pool)
    failed = result.dataset["status"] == FAILED
    assert set(np.unique(result.dataset["status"])) == {DONE, FAILED}
    for name in result.observables:
        assert (np.isnan(result.observable(name)) == failed).all()
    assert ((result.dataset["reason"] >= 0) == failed).all()
    assert all(failure.reason for failure in result.failures)


def test_a_hang_leaves_the_journal_resumable(tmp_path: Path) -> None:
    """A failure is kept like a result: resuming does not wait for the hang again."""
    out, plan = tmp_path / "a.nc", rc_plan(*HEALTHY, HANGS)

    def stop() -> None:
        raise KeyboardInterrupt

    with Pool(1, timeout=1.0) as pool, pytest.raises(KeyboardInterrupt):
        characterise(plan, out, pool, progress=At(len(plan), stop))
    with Pool(1, timeout=100.0) as pool:
        result = characterise(plan, out, pool)
        assert pool.pids() == ()
    assert [failure.coordinates["r"] for failure in result.failures] == [HANGS]


def test_file_says_what_made_it(whole: Path, pool: Pool) -> None:
    attributes = Characterisation.open(whole).dataset.attrs
    plan = dpi_plan()
    assert attributes["simulator"].startswith("ngspice-")
    assert attributes["simulator_sha256"] == pool.simulator
    assert attributes["circuit_digest"] == plan.circuit_digest
    assert attributes["netlist"] == "dpi/dpi_synapse.cir"
    assert json.loads(attributes["model_cards"]) == plan.card_digests()
    digests = ("netlist_sha256", "code_sha256", "plan_digest", "circuit_digest", "simulator_sha256")
    assert all(len(attributes[name]) == 64 for name in digests)


def test_file_reads_with_netcdf_alone(whole: Path) -> None:
    """Dimensions, units and flags are the file's own: no part of the project is needed to read it."""
    with netCDF4.Dataset(whole) as file:
        assert file["tau_syn"].dimensions == ("i_tau", "corner", "temperature", "supply", "sample")
        assert (file["tau_syn"].units, file["i_tau"].units, file["temperature"].units) == ("s", "A", "K")
        assert file["status"].flag_meanings == "done failed"
        assert list(file["corner"][:]) == ["tt", "ss"]
