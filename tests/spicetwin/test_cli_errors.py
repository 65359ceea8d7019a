"""Whatever goes wrong, a user sees one line on stderr, the right exit code, and no traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import typer

from circuits.circuit import ParameterError
from circuits.ngspice.errors import NoConvergence
from spicetwin import cli
from spicetwin.boundary import InputError, ending, one_line
from spicetwin.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and lines of stderr."""
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["characterize"], "No such command"),
        (["--frobnicate"], "No such option"),
        (["netlist"], "Missing argument"),
        (["netlist", "dpi_synapse", "--corner"], "requires an argument"),
        (["netlist", "dpi_synaps"], "did you mean 'dpi_synapse'"),
        (["netlist", "dpi_synapse", "--set", "c_syn"], "name=value"),
        (["netlist", "dpi_synapse", "--set", "c_syn=-1p"], "out of bounds"),
        (["netlist", "dpi_synapse", "--set", "c_syn=nan"], "not a number"),
        (["netlist", "dpi_synapse", "--set", "c_sin=1p"], "unknown parameter 'c_sin'"),
        (["netlist", "dpi_synapse", "--set", "c_syn=1p", "--set", "c_syn=2p"], "given twice"),
        (["netlist", "dpi_synapse", "--set", "c_syn=1p\n.control\nshell id\n.endc"], "not a number"),
        (["netlist", "dpi_synapse", "--process", "tsmc65"], "generic130"),
        (["netlist", "dpi_synapse", "--corner", "xx"], "tt"),
        (["circuits", "nothing"], "known: "),
        (["report", "does-not-exist"], "not a run folder"),
        (["bench", "no-such-benchmark"], "known: "),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err) == 1
    assert said in err[0]


def test_a_defect_is_one_line_that_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_app: typer.Typer) -> None:
        raise ZeroDivisionError("division by zero\nsecond line")

    monkeypatch.setattr(cli, "get_command", broken)
    code, out, err = run(capsys, "doctor")
    assert code == 1
    assert out == ""
    assert len(err) == 1
    assert "ZeroDivisionError" in err[0]
    assert "please report" in err[0]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--debug", "netlist", "nothing")
    assert code == 2
    assert err[0].startswith("Traceback")
    assert "nothing" in err[-1]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ParameterError("c = -1 is out of bounds"), 2, "out of bounds"),
        (InputError("no"), 2, "no"),
        (
            NoConvergence("iteration limit\nreached", Path("a.cir")),
            1,
            "iteration limit reached [deck: a.cir]",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x.csv"), 2, "x.csv: No such file"),
        (OSError(errno.ENOSPC, "No space left on device", "out.nc"), 1, "out.nc: No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("from some library"), 1, "unexpected ValueError"),
    ],
)
def test_each_kind_of_error_has_its_exit_code_and_words(error: BaseException, code: int, said: str) -> None:
    end = ending(error)
    assert end.code == code
    assert said in end.line
    assert "\n" not in end.line


def test_a_closed_pipe_ends_quietly() -> None:
    assert ending(BrokenPipeError(errno.EPIPE, "Broken pipe")).line == ""


def test_terminal_control_sequences_of_bad_input_do_not_reach_the_terminal() -> None:
    assert one_line("bad \x1b[2Jname\r\n\tx") == "bad [2Jname x"
