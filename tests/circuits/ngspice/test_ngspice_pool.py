"""The pool: order, streaming, killed workers, recycling, interruption, any number of workers."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ngspice_plans import (
    deck,
    divide,
    divided,
    grown_by,
    kill_self_at_13,
    noise_floor,
    process_id,
    resident_megabytes,
    waveforms,
)

from circuits.ngspice.errors import SimulatorCrash, SimulatorMissing
from circuits.ngspice.library import find_library
from circuits.ngspice.pool import Pool

pytestmark = pytest.mark.ngspice

RING = tuple(f"b{i} n{i} 0 v=tanh(-3*v(m{(i - 1) % 3}))" for i in range(3)) + tuple(
    line for i in range(3) for line in (f"r{i} n{i} m{i} 1k", f"c{i} m{i} 0 1n ic={0.1 * i}")
)


def test_map_gives_outcomes_in_the_order_of_the_items(pool: Pool) -> None:
    ohms = [float(r) for r in range(1, 60)]

    outcomes = pool.map(divide, ohms)

    assert [o.item for o in outcomes] == ohms
    assert [o.value for o in outcomes] == pytest.approx([divided(r) for r in ohms])
    assert all(o.error is None and not o.cached and 0 < o.solve_seconds < o.seconds for o in outcomes)


def test_results_are_bit_equal_for_one_and_two_workers_and_any_order() -> None:
    ring = deck(RING, ("tran 10n 20u uic",), ("m0", "m2"))
    decks = [dataclasses.replace(ring, temperature=273.15 + t) for t in range(6)]
    with Pool(1) as one, Pool(2) as two:
        alone = one.map(waveforms, decks)
        shared = two.map(waveforms, decks[::-1])[::-1]

    for a, b in zip(alone, shared, strict=True):
        assert a.value is not None
        assert b.value is not None
        for name in ("time", "m0", "m2"):
            np.testing.assert_array_equal(a.value[0][name], b.value[0][name])


def test_items_are_drawn_only_as_workers_have_room() -> None:
    drawn = 0

    def items() -> Iterator[float]:
        nonlocal drawn
        for r in range(1, 10_001):
            drawn += 1
            yield float(r)

    with Pool(2) as pool:
        stream = pool.imap(divide, items())
        for _ in range(10):
            next(stream)
        assert drawn <= 10 + 2 * 2 + 2
        stream.close()


def test_pool_runs_a_new_plan_after_an_abandoned_one(pool: Pool) -> None:
    for _ in pool.imap(divide, [1.0, 2.0, 3.0, 4.0]):
        break

    assert [o.value for o in pool.map(divide, [7.0])] == pytest.approx([divided(7.0)])


def test_second_plan_on_a_running_pool_is_refused(pool: Pool) -> None:
    stream = pool.imap(divide, [1.0, 2.0])
    next(stream)

    with pytest.raises(RuntimeError, match="running a plan"):
        next(pool.imap(divide, [1.0]))
    stream.close()


def test_worker_killed_in_an_item_costs_that_item_only(tmp_path: Path) -> None:
    ohms = [float(r) for r in range(5, 30)]
    with Pool(2, failures=tmp_path) as pool:
        outcomes = pool.map(kill_self_at_13, ohms)

    lost = [o for o in outcomes if o.error is not None]
    assert [o.item for o in lost] == [13.0]
    assert isinstance(lost[0].error, SimulatorCrash)
    assert "signal 9" in lost[0].error.message
    assert lost[0].error.deck is not None
    assert "* divider" in lost[0].error.deck.read_text()
    assert [o.value for o in outcomes if o.error is None] == pytest.approx(
        [divided(r) for r in ohms if r != 13.0]
    )


def test_worker_killed_between_plans_is_replaced() -> None:
    with Pool(1) as pool:
        pool.map(divide, [1.0])
        os.kill(pool.pids()[0], signal.SIGKILL)
        time.sleep(0.1)
        outcomes = pool.map(divide, [2.0, 3.0])

    assert [o.value for o in outcomes if o.error is None][-1] == pytest.approx(divided(3.0))
    assert sum(o.error is not None for o in outcomes) <= 1


def test_worker_is_recycled_after_the_given_number_of_runs() -> None:
    with Pool(1, recycle_after=4) as pool:
        outcomes = pool.map(process_id, [float(r) for r in range(1, 13)])

    pids = [o.value for o in outcomes]
    assert all(o.error is None for o in outcomes)
    assert len(set(pids)) == 3
    assert pids == sorted(pids, key=pids.index)


def test_memory_of_a_worker_stays_flat_over_a_thousand_transients() -> None:
    with Pool(1, timeout=280) as pool:
        (outcome,) = pool.map(grown_by, [1000])

    assert outcome.error is None
    assert outcome.value is not None
    assert outcome.value < 3.0  # without clean-up between runs it is some 30 MB


def test_long_plan_does_not_grow_the_parent(pool: Pool) -> None:
    for _ in pool.imap(divide, (float(r) for r in range(1, 200))):
        pass
    before = resident_megabytes()

    for _ in pool.imap(divide, (float(r) for r in range(1, 2000))):
        pass

    assert resident_megabytes() - before < 5.0


def test_ctrl_c_ends_the_plan_and_leaves_no_worker_behind(tmp_path: Path) -> None:
    script = tmp_path / "plan.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from ngspice_plans import sleep\n"
        "from circuits.ngspice.pool import Pool\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        with Pool(2) as pool:\n"
        "            for outcome in pool.imap(sleep, [0.0, 0.0] + [60.0] * 4):\n"
        "                if outcome.index == 1:\n"
        "                    print(*pool.pids(), flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]

    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=30)

    assert len(pids) == 2
    assert rest.strip() == "interrupted"
    assert not any(is_alive(pid) for pid in pids)


def test_workers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "plan.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from ngspice_plans import HANGS, either\n"
        "from circuits.ngspice.pool import Pool\n"
        "if __name__ == '__main__':\n"
        "    with Pool(1, timeout=100) as pool:\n"
        "        for outcome in pool.imap(either, [1e3, HANGS]):\n"
        "            print(*pool.pids(), flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    (pid,) = [int(word) for word in process.stdout.readline().split()]
    time.sleep(0.3)

    process.kill()
    process.wait()
    process.stdout.close()

    deadline = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_closed_pool_has_no_workers_and_runs_nothing() -> None:
    with Pool(2) as pool:
        pool.map(divide, [1.0, 2.0, 3.0])
        pids = pool.pids()

    assert not any(is_alive(pid) for pid in pids)
    with pytest.raises(RuntimeError, match="closed"):
        pool.map(divide, [1.0])


def test_user_startup_file_does_not_change_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".spiceinit").write_text("echo error from spiceinit\nquit\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Pool(1) as pool:
        (outcome,) = pool.map(divide, [1e3])

    assert outcome.value == pytest.approx(0.5)


def test_model_check_file_is_not_left_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    card = ".model n nmos level=14 version=4.8 toxe=4n nfactor=-3"
    odd = deck(("v1 a 0 dc 1", "m1 a a 0 0 n w=1u l=1u", card), save=("a",))
    with Pool(1) as pool:
        (outcome,) = pool.map(waveforms, [odd])

    assert outcome.error is None
    assert list(tmp_path.iterdir()) == []


def test_noise_of_a_resistor_is_four_k_t_r(pool: Pool) -> None:
    lines = ("v1 a 0 dc 0 ac 1", "r1 a b 1k", "c1 b 0 1f")
    noisy = deck(lines, ("noise v(b) v1 dec 2 1 100",), ("b",))

    (outcome,) = pool.map(noise_floor, [noisy])

    assert outcome.value == pytest.approx(np.sqrt(4 * 1.380649e-23 * 300.15 * 1e3), rel=1e-3)


def test_small_signal_response_is_complex_over_a_real_frequency(pool: Pool) -> None:
    rc = deck(("v1 a 0 dc 0 ac 1", "r1 a b 1k", "c1 b 0 1n"), ("ac dec 5 1k 1meg",), ("b",))

    (outcome,) = pool.map(waveforms, [rc])

    assert outcome.value is not None
    frequency, b = outcome.value[0]["frequency"], outcome.value[0]["b"]
    assert frequency.dtype == np.float64
    np.testing.assert_allclose(b, 1 / (1 + 2j * np.pi * frequency * 1e-6), rtol=1e-6)


def test_pool_without_the_library_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so.0")

    with pytest.raises(SimulatorMissing, match=r"/nowhere/libngspice\.so\.0"):
        Pool(1)


def test_library_search_failing_everywhere_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    monkeypatch.setattr("circuits.ngspice.library.LIBRARY_NAMES", ("libnothing.so",))

    with pytest.raises(SimulatorMissing, match="apt-get install libngspice0"):
        find_library()


@pytest.mark.parametrize("bad", [{"jobs": 0}, {"jobs": -1}, {"timeout": 0.0}, {"recycle_after": 0}])
def test_senseless_setting_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="accepted"):
        Pool(**bad)  # type: ignore[arg-type]


def test_closed_pool_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Pool(2) as pool:
        pool.map(divide, [1.0, 2.0, 3.0])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
