"""One ngspice shared library in this process, through PySpice's binding: load a deck, run it, copy vectors out."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from circuits.deck import Deck, SimulationResult, Waveforms
from circuits.ngspice.errors import SimulationError, SimulatorCrash, SimulatorMissing
from circuits.ngspice.library import find_library
from circuits.ngspice.log import classify

#: ngspice's command buffer; longer ``save`` lists are split.
COMMAND_LENGTH = 900

#: Sends ngspice's remarks to our log only: PySpice reports every stderr line as a logging error.
_LOGGER = logging.getLogger("circuits.ngspice.library")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False

_PROBE = ("* health probe", "v1 a 0 1", "r1 a 0 1k", ".end")


class Session:
    """A live libngspice. There is one in a process: the library keeps its state in globals.

    Parameters
    ----------
    library : Path, optional
        The shared library; found by :func:`circuits.ngspice.library.find_library` when not given.

    Raises
    ------
    SimulatorMissing
        The library is absent or does not load.

    Attributes
    ----------
    version : str
        What ngspice calls itself, ``"ngspice-39"``.
    runs : int
        Decks run so far.
    healthy : bool
        False once the library must not be used any more (it asked to exit, or refuses every circuit).
    """

    def __init__(self, library: Path | None = None) -> None:
        self.healthy = True
        self.runs = 0
        self._text: list[str] = []
        self._shared = _load(library or find_library(), self._text, self._exited)
        self.version = next(
            (word for line in self._text for word in line.split() if word.startswith("ngspice-")), "ngspice"
        )
        self._text.clear()
        self._command("set num_threads=1")

    def run(self, deck: Deck) -> SimulationResult:
        """Run every analysis of ``deck`` and copy its vectors out; the session is left empty again.

        Raises
        ------
        SimulationError
            The subclass that ngspice's messages stand for (see :func:`circuits.ngspice.log.classify`).
        """
        if not self.healthy:
            raise SimulatorCrash("this session of ngspice is no longer usable")
        self.runs += 1
        self._text.clear()
        loaded = False
        waves: list[Waveforms] = []
        solve = 0.0
        try:
            loaded = self._load(deck.circuit_lines())
            self._check()
            for command in save_commands(deck.save):
                self._command(command)
            for analysis in deck.analyses:
                before = set(self._shared.plot_names)
                start = time.perf_counter()
                done = self._command(analysis)
                solve += time.perf_counter() - start
                self._check(ran=done)
                waves.append(Waveforms(analysis, self._vectors(analysis, deck.save, before)))
            return SimulationResult(tuple(waves), "\n".join(self._text), solve)
        except SimulationError:
            self._clean(loaded)
            loaded = False
            self.healthy = self.healthy and self._probe()
            raise
        finally:
            self._clean(loaded)

    def _check(self, ran: bool = True) -> None:
        """Raise what the messages so far stand for; ``ran`` is whether the last command came back without an error."""
        error = classify(self._text, ran)
        if error is not None:
            raise error

    def _load(self, lines: list[str]) -> bool:
        """Hand the circuit over; True when ngspice holds a circuit afterwards (even one that it could not parse)."""
        from PySpice.Spice.NgSpice.Shared import NgSpiceCircuitError

        try:
            self._shared.load_circuit("\n".join(lines))
        except NgSpiceCircuitError:
            return True
        except NameError:
            return False
        return any(line.startswith("Circuit: ") for line in self._text)

    def _command(self, command: str) -> bool:
        """Send one command; False when ngspice complained (its words are in the text)."""
        try:
            self._shared.exec_command(command)
        except NameError:  # PySpice's errors derive from it
            return False
        return True

    def _clean(self, loaded: bool) -> None:
        """Forget vectors, save list and circuit: without this every run leaves its data behind."""
        self._command("destroy all")
        self._command("delete all")
        if loaded:
            self._command("remcirc")

    def _probe(self) -> bool:
        """Whether a trivial circuit still runs: an undefined parameter makes ngspice refuse every later circuit."""
        before = len(self._text)
        loaded = self._load(list(_PROBE))
        works = loaded and self._command("op") and classify(self._text[before:], True) is None
        self._clean(loaded)
        return works

    def _vectors(self, analysis: str, save: tuple[str, ...], before: set[str]) -> dict[str, Any]:
        """Copies of the vectors of the plots that the analysis made, by lower-case name."""
        plots = [name for name in reversed(self._shared.plot_names) if name not in before]
        if not plots:
            raise SimulationError(f"{analysis!r} left no vectors")
        vectors: dict[str, Any] = {}
        for plot in plots:
            vectors.update(self._shared.copy_vectors(plot))
        return vectors

    def _exited(self, status: int) -> None:
        """Note that ngspice asked to leave the process; the worker is replaced."""
        self.healthy = False


def save_commands(vectors: tuple[str, ...]) -> list[str]:
    """``save`` commands for ``vectors``, each short enough for ngspice's command buffer."""
    commands: list[str] = []
    line = "save"
    for vector in vectors:
        if len(line) + len(vector) > COMMAND_LENGTH and line != "save":
            commands.append(line)
            line = "save"
        line += f" {vector}"
    return [*commands, line] if line != "save" else commands


@contextlib.contextmanager
def _without_user_files() -> Iterator[None]:
    """Run with an empty home and working folder: a user's ``.spiceinit`` must not change results."""
    home, cwd = os.environ.get("HOME"), Path.cwd()
    with tempfile.TemporaryDirectory(prefix="spicetwin-") as empty:
        os.environ["HOME"] = empty
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(cwd)
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home


def _load(path: Path, text: list[str], exited: Any) -> Any:
    """PySpice's binding of the library at ``path``, with its output appended to ``text``."""
    try:
        from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi
    except ImportError as error:
        raise SimulatorMissing(f"PySpice does not load ({error}): pip install PySpice") from error

    class Library(NgSpiceShared):  # type: ignore[misc]
        """The binding without its logging, and with vectors copied by plot."""

        LIBRARY_PATH = str(path).replace("{", "{{").replace("}", "}}")
        _logger = _LOGGER

        def send_char(self, message: str, ngspice_id: int) -> int:
            text.append(message.partition(" ")[2])
            return 0

        @staticmethod
        def _exit(status: int, unload: bool, quit_exit: bool, ngspice_id: int, user_data: Any) -> int:
            exited(status)
            return status

        def copy_vectors(self, plot: str) -> dict[str, Any]:
            """Every vector of ``plot`` by lower-case name."""
            names = self._ngspice_shared.ngSpice_AllVecs(plot.encode())
            vectors: dict[str, Any] = {}
            i = 0
            while names[i] != ffi.NULL:
                name = ffi.string(names[i])
                info = self._ngspice_shared.ngGet_Vec_Info(plot.encode() + b"." + name)
                i += 1
                if info == ffi.NULL or info.v_length == 0:
                    continue
                if info.v_compdata == ffi.NULL:
                    raw, kind = ffi.buffer(info.v_realdata, info.v_length * 8), np.float64
                else:
                    raw, kind = ffi.buffer(info.v_compdata, info.v_length * 16), np.complex128
                vectors[name.decode().lower()] = np.frombuffer(raw, dtype=kind).copy()
            return vectors

    with _without_user_files():
        try:
            return Library(send_data=False)
        except OSError as error:
            raise SimulatorMissing(f"{path} does not load: {error}") from error
