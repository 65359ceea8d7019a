"""The block protocol on an RC circuit: what is driven and read, what is refused, what is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from circuits.cosim import Block, BlockError, CoSimulation, Drives, Signal, cosimulate
from circuits.cosim.plot import plot_cosimulation, save_plot
from circuits.cosim.vcd import write_vcd
from circuits.deck import Deck, Simulator
from circuits.ngspice.errors import NetlistSyntax, SimulationError
from circuits.ngspice.pool import Pool
from circuits.ngspice.stepping import stepping, transient_end

TAU = 1e-9


def rc_deck(stop: float = 20e-9, extra: tuple[str, ...] = ()) -> Deck:
    lines = ("vin in 0 dc 0", "r1 in out 1k", "c1 out 0 1p", *extra)
    return Deck("rc", lines, (f"tran 100p {stop!r} 0 100p",), ("in",))


class Toggle(Block):
    """Turns the input on and off, and counts."""

    name = "toggle"
    nodes = ("out",)
    sources: Mapping[str, float] = {"vin": 0.0}
    signals: Mapping[str, Signal] = {
        "count": Signal(4),
        "step": Signal(4),
        "phase": Signal(2, ("off", "on")),
    }

    def __init__(self, times: Sequence[float], change: Mapping[str, object] | None = None) -> None:
        self.times = times
        self.seen: list[float] = []
        for name, value in (change or {}).items():
            setattr(self, name, value)

    def schedule(self) -> Sequence[float]:
        return self.times

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        self.seen.append(voltages[self.nodes[0]])
        count = signals["count"] + 1
        states = {"count": count, "step": count // 2, "phase": count % 2}
        return Drives({next(iter(self.sources)): float(count % 2)}, states)


class Interrupter(Toggle):
    """A user who presses Ctrl-C at the third event."""

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        if signals["count"] == 2:
            raise KeyboardInterrupt
        return super().step(time, voltages, signals)


class Follower(Block):
    """Sees what the toggle changed at the same instant."""

    name = "follower"
    signals: Mapping[str, Signal] = {"doubled": Signal(5)}

    def __init__(self, times: Sequence[float]) -> None:
        self.times = times

    def schedule(self) -> Sequence[float]:
        return self.times

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        return Drives({}, {"doubled": 2 * signals["count"]})


class OutOfTurn(Toggle):
    """Drives and changes what is not its own."""

    drives = Drives()

    def step(self, time: float, voltages: Mapping[str, float], signals: Mapping[str, int]) -> Drives:
        return self.drives


@dataclass(frozen=True)
class Case:
    deck: Deck
    blocks: tuple[Block, ...]


def simulate(simulator: Simulator, case: Case) -> tuple[CoSimulation, tuple[Block, ...]]:
    """Result and the blocks as they are afterwards."""
    return cosimulate(stepping(simulator), case.deck, case.blocks), case.blocks


def run(pool: Pool, deck: Deck, *blocks: Block) -> tuple[CoSimulation, tuple[Block, ...]]:
    (outcome,) = pool.map(simulate, [Case(deck, blocks)])
    if outcome.error is not None:
        raise outcome.error
    assert outcome.value is not None
    return outcome.value


def test_a_block_reads_the_circuit_at_its_events_and_drives_it_from_then_on(pool: Pool) -> None:
    times = (2e-9, 5e-9, 9e-9)
    result, (toggle,) = run(pool, rc_deck(), Toggle(times))
    charged = 1 - np.exp(-3e-9 / TAU)
    assert isinstance(toggle, Toggle)
    np.testing.assert_allclose(toggle.seen, [0, charged, charged * np.exp(-4e-9 / TAU)], atol=2e-3)
    assert result.ended is None
    assert [event.time for event in result.events] == list(times)
    np.testing.assert_array_equal(result.signal("count")[1], [0, 1, 2, 3])
    np.testing.assert_array_equal(result.signal("count")[0], [0, *times])
    assert result.at("out", 5e-9) == pytest.approx(charged, abs=2e-3)


def test_blocks_of_one_instant_act_in_their_order(pool: Pool) -> None:
    times = (2e-9, 5e-9)
    result, _ = run(pool, rc_deck(), Toggle(times), Follower(times))
    np.testing.assert_array_equal(result.signal("doubled")[1], [0, 2, 4])
    late, _ = run(pool, rc_deck(), Follower(times), Toggle(times))
    np.testing.assert_array_equal(late.signal("doubled")[1], [0, 2])


def test_an_interrupted_run_keeps_what_it_has_and_says_where_it_stopped(pool: Pool) -> None:
    result, _ = run(pool, rc_deck(), Interrupter((2e-9, 5e-9, 9e-9, 12e-9)))
    assert result.ended is not None
    assert result.ended.step == 1
    assert result.ended.phase == "off"
    assert "interrupted" in str(result.ended)
    assert result.waves["time"][-1] == pytest.approx(9e-9)
    assert len(result.events) == 2


def test_a_run_that_stops_converging_keeps_what_it_has(pool: Pool) -> None:
    divergent = ("bno no 0 v={u(v(in)-0.5)*u(0.5-v(no))}", "rno no 0 1k")  # no solution once in is high
    result, _ = run(pool, rc_deck(extra=divergent), Toggle((2e-9, 5e-9)))
    assert result.ended is not None
    assert result.ended.phase == "on"
    assert 2e-9 <= result.ended.time < 5e-9
    assert result.waves["time"].size > 10


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Toggle((2e-9,), {"sources": {"vnone": 0.0}}), "drives unknown source 'vnone'; known: vin"),
        (Toggle((2e-9,), {"nodes": ("nowhere",)}), "reads unknown node 'nowhere'"),
        (Toggle((0.0,)), "in the past"),
        (Toggle((-1e-9,)), "in the past"),
        (Toggle((2e-9, 2e-9)), "not later than the one before"),
        (Toggle((25e-9,)), "beyond the run of 2e-08 s"),
        (OutOfTurn((2e-9,), {"drives": Drives({"vdd": 1.0})}), "drives 'vdd' at 2e-09 s, which is not"),
        (OutOfTurn((2e-9,), {"drives": Drives({"vin": float("nan")})}), "to nan V"),
        (OutOfTurn((2e-9,), {"drives": Drives({}, {"other": 1})}), "'other', which is not one of its own"),
        (OutOfTurn((2e-9,), {"drives": Drives({}, {"count": 16})}), "accepted: 4 bits"),
    ],
)
def test_what_a_block_must_not_do_is_one_clear_error(pool: Pool, block: Block, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        run(pool, rc_deck(), block)


@pytest.mark.parametrize(
    ("text", "seconds"), [("400n", 4e-7), ("2e-8", 2e-8), ("1.5us", 1.5e-6), ("3MEG", 3e6), (".1m", 1e-4)]
)
def test_the_end_of_a_run_is_read_as_spice_writes_it(text: str, seconds: float) -> None:
    assert transient_end(Deck("end", (), (f"tran 1n {text}",), ())) == pytest.approx(seconds)


@pytest.mark.parametrize("analysis", ["op", "tran 1n", "tran 1n soon", "tran 1n -1u", "tran 1n 0"])
def test_a_run_without_an_end_is_refused(analysis: str) -> None:
    with pytest.raises(NetlistSyntax, match="tran"):
        transient_end(Deck("end", (), (analysis,), ()))


def test_two_owners_of_a_source_or_signal_are_refused() -> None:
    class Never:
        """No simulator is needed to see it."""

    with pytest.raises(BlockError, match="'vin' has two drivers"):
        cosimulate(Never(), rc_deck(), (Toggle(()), Toggle(())))  # type: ignore[arg-type]
    with pytest.raises(BlockError, match="'doubled' has two owners"):
        cosimulate(Never(), rc_deck(), (Follower(()), Follower(())))  # type: ignore[arg-type]


def test_a_session_goes_on_after_a_block_failed(pool: Pool) -> None:
    for _ in range(3):  # both workers have seen a failure
        with pytest.raises(SimulationError):
            run(pool, rc_deck(), Toggle((2e-9,), {"nodes": ("nowhere",)}))
    result, _ = run(pool, rc_deck(), Toggle((2e-9, 5e-9)))
    assert result.ended is None


def test_files_hold_what_the_run_gave(pool: Pool, tmp_path: Path) -> None:
    result, _ = run(pool, rc_deck(), Toggle((2e-9, 5e-9)))
    result.to_netcdf(tmp_path / "run.nc")
    with netCDF4.Dataset(tmp_path / "run.nc") as file:
        assert file.ended == "complete"
        np.testing.assert_array_equal(file["analog/out"][:], result.waves["out"])
        np.testing.assert_array_equal(file["digital/count/value"][:], [0, 1, 2])
        assert json.loads(file["events/sources"][1]) == {"vin": 0.0}
    write_vcd(result, tmp_path / "run.vcd")
    save_plot(plot_cosimulation(result, ("in", "out"), ("count", "phase")), tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.nc", "run.png", "run.vcd"]


def test_the_vcd_lists_changes_in_order_of_time(pool: Pool, tmp_path: Path) -> None:
    result, _ = run(pool, rc_deck(), Toggle((2e-9, 5e-9)))
    write_vcd(result, tmp_path / "run.vcd", ["out"])
    head, _, body = (tmp_path / "run.vcd").read_text().partition("$enddefinitions $end\n")
    assert "$timescale 1 ps $end" in head
    assert "$var wire 4 A count $end" in head
    times = [int(line[1:]) for line in body.splitlines() if line.startswith("#")]
    assert times == sorted(set(times))
    assert times[-1] == 20000
    after = body.partition("#2000\n")[2].splitlines()
    assert "b1 A" in after[:6]
    assert "son Cs" in after[:6]
