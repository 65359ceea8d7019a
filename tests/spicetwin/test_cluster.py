import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_metric import Killing, Numbers, Refusing
from test_system_run import NETWORK

from pysim.errors import ModelError
from pysim.interval import Design, interval
from spicetwin.boundary import InputError
from spicetwin.cli import main
from spicetwin.cluster import Cluster
from spicetwin.cluster.connection import check_identities, check_versions

distributed = pytest.importorskip("distributed")
# Dask warns of its own deprecations and of ports in use.
pytestmark = pytest.mark.filterwarnings("default")

DESIGN = Design(1, ("die",))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import dask

    settings = {"distributed.worker.daemon": False, "distributed.scheduler.allowed-failures": 1}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as local,
    ):
        yield local.scheduler_address


@pytest.fixture
def cluster(address: str) -> Iterator[Cluster]:
    with Cluster(address, patience=60.0) as found:
        yield found


def test_chips_on_a_cluster_give_the_bits_that_one_process_gives(cluster: Cluster) -> None:
    alone = interval(Numbers(), DESIGN, 60, half_width=0.4)
    there = interval(Numbers(), DESIGN, 60, half_width=0.4, workers=cluster.chips())
    assert np.array_equal(there.values, alone.values)
    assert there.mean == alone.mean
    assert there.stopped == alone.stopped


def test_a_worker_that_dies_costs_only_time(cluster: Cluster, tmp_path: Path) -> None:
    metric = Killing(mark=str(tmp_path / "killed"))
    found = interval(metric, DESIGN, 30, workers=cluster.chips())
    assert (tmp_path / "killed").exists()
    assert found.failed == ()
    assert np.array_equal(found.values, interval(Numbers(), DESIGN, 30).values)


def test_a_point_that_kills_every_worker_is_the_only_one_lost(cluster: Cluster) -> None:
    found = interval(Killing(), DESIGN, 12, workers=cluster.chips())
    assert [chip for chip, _ in found.failed] == [3]
    assert "workers died" in found.failed[0][1]
    assert len(found.chips) == 11


def test_what_a_chip_refuses_reaches_the_caller_as_it_is(cluster: Cluster) -> None:
    with pytest.raises(ModelError, match="chip cannot be drawn"):
        interval(Refusing(), DESIGN, 12, workers=cluster.chips())


@pytest.mark.ngspice
def test_characterisation_on_a_cluster_gives_the_bytes_that_this_machine_gives(
    cluster: Cluster, tmp_path: Path
) -> None:
    import xarray

    from circuits.characterise import characterise
    from circuits.ngspice.pool import Pool
    from spicetwin.commands.characterise import build_plan

    plan = build_plan("dpi_synapse_decay", samples=4)
    with Pool(1) as pool:
        characterise(plan, tmp_path / "here.nc", pool)
    there = str(tmp_path / "there.nc")
    arguments = ["--samples", "4", "--no-cache", "--scheduler", cluster.address, "-o", there]
    assert main(["characterise", "dpi_synapse_decay", *arguments]) == 0
    with (
        xarray.open_dataset(tmp_path / "here.nc") as here,
        xarray.open_dataset(tmp_path / "there.nc") as there,
    ):
        for name in here.data_vars:
            assert here[name].equals(there[name])


def test_simulate_on_a_scheduler_tells_what_one_process_tells(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.toml"
    path.write_text(NETWORK)
    told = []
    for option in (["--jobs", "1"], ["--scheduler", address]):
        assert main(["simulate", str(path), "--json", *option]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["chips"] == 6


def test_scheduler_that_is_not_there_is_one_clear_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        InputError, match=rf"scheduler {nobody} cannot be reached within 1 s .* 'dask scheduler'"
    ):
        Cluster(nobody, patience=1.0)


def test_address_that_is_none_is_one_clear_error() -> None:
    with pytest.raises(InputError, match=r"scheduler ftp://x cannot be reached"):
        Cluster("ftp://x", patience=1.0)


def test_scheduler_without_workers_is_one_clear_error() -> None:
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address=":0", silence_logs=50
        ) as local,
        pytest.raises(InputError, match=r"has no workers; start some with 'dask worker"),
    ):
        Cluster(local.scheduler_address, patience=0.5)


def versions(**changed: str) -> dict[str, Any]:
    host = {"host": {"python": "3.11.4"}, "packages": {"distributed": "2026.8.0", "numpy": "2.1.0"}}
    other = {"host": dict(host["host"]), "packages": dict(host["packages"])}
    for name, value in changed.items():
        (other["host"] if name == "python" else other["packages"])[name] = value
    return {"client": host, "scheduler": other, "workers": {"tcp://worker:1": host}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"distributed": "2024.1.0"},
            r"the scheduler runs distributed 2024.1.0; accepted: 2026.8.0, as here",
        ),
        ({"numpy": "1.26.0"}, r"the scheduler runs numpy 1.26.0; accepted: 2.1.0, as here"),
        ({"python": "3.12.0"}, r"the scheduler runs Python 3.12; accepted: 3.11, as here"),
    ],
)
def test_scheduler_of_another_version_is_one_clear_error(changed: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_versions("tcp://there:8786", versions(**changed))


def test_equal_versions_are_accepted_whatever_the_patch_level_of_python() -> None:
    check_versions("tcp://there:8786", versions(python="3.11.9"))


def test_worker_with_other_code_is_one_clear_error() -> None:
    own, other = ("0.1.0", "a" * 64, "b" * 64), ("0.1.0", "c" * 64, "b" * 64)
    check_identities("tcp://there:8786", {"tcp://w:1": own}, own)
    with pytest.raises(
        InputError, match=r"worker tcp://w:2 runs spicetwin 0.1.0 .code cccc.*; accepted: 0.1.0 .code aaaa"
    ):
        check_identities("tcp://there:8786", {"tcp://w:1": own, "tcp://w:2": other}, own)
