from pathlib import Path

import numpy as np
import pytest
from cluster_metric import Killing, Numbers, Refusing

from pysim.errors import ModelError
from pysim.interval import Design, interval
from spicetwin.boundary import InputError
from spicetwin.system.processes import Processes

DESIGN = Design(1, ("die",))


def test_a_process_that_dies_costs_only_time(tmp_path: Path) -> None:
    metric = Killing(mark=str(tmp_path / "killed"))
    found = interval(metric, DESIGN, 20, workers=Processes(2))
    assert (tmp_path / "killed").exists()
    assert found.failed == ()
    assert np.array_equal(found.values, interval(Numbers(), DESIGN, 20).values)


def test_a_point_that_kills_its_process_is_the_only_one_lost() -> None:
    found = interval(Killing(), DESIGN, 12, workers=Processes(2))
    assert [chip for chip, _ in found.failed] == [3]
    assert np.array_equal(found.values, np.delete(interval(Numbers(), DESIGN, 12).values, 3, axis=0))


def test_what_a_chip_refuses_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(ModelError, match="chip cannot be drawn"):
        interval(Refusing(), DESIGN, 8, workers=Processes(2))


def test_no_processes_are_refused() -> None:
    with pytest.raises(InputError, match=r"0 processes; accepted: 1 or more"):
        Processes(0)
