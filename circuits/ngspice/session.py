"""One ngspice library in this process, through PySpice's binding: load a deck, run it, copy vectors out."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.deck import Deck, SimulationResult, Waveforms
from circuits.ngspice.check import check_deck
from circuits.ngspice.errors import (
    Distorted,
    Interrupted,
    MissedHalt,
    SimulationError,
    SimulatorCrash,
    SimulatorMissing,
)
from circuits.ngspice.library import VERSION, find_library
from circuits.ngspice.log import classify_load, classify_run, is_poisoned, without_stops
from circuits.ngspice.resistors import COMMAND, computed_resistors, taken_for_zero
from circuits.ngspice.stepping import AtStop, SteppedResult, check_stops, interrupts_held

#: Characters of a command; ngspice's buffer is 1023, longer ``save`` lists are split.
COMMAND_LENGTH = 900

#: Magnitude that no voltage, current or scale reaches: ngspice divides by 1e-32 where an expression divides by
#: zero, and says nothing.
BEYOND = 1e30

_HEALTH_PROBE = ["* health probe", "v1 a 0 dc 1", "r1 a 0 1k", ".end"]

#: PySpice logs each of ngspice's remarks as an error; they reach the caller through ``classify_*`` instead.
_LOGGER = logging.getLogger("circuits.ngspice.binding")
_LOGGER.setLevel(logging.CRITICAL + 1)


class Session:
    """A live libngspice. There can be one in a process: the library keeps its state in globals.

    Parameters
    ----------
    library : Path, optional
        The shared library; found by :func:`circuits.ngspice.library.find_library` when not given.

    Attributes
    ----------
    version : str
        What ngspice calls itself, ``"ngspice-39"``.
    runs : int
        Decks run so far.
    healthy : bool
        False once the library must not be used any more: it asked to exit, or it refuses every circuit. Then
        the process has to be replaced.

    Raises
    ------
    SimulatorMissing
        The library is absent or does not load.
    """

    def __init__(self, library: Path | None = None, scratch: Path | None = None) -> None:
        """Load the library (0.1 s with PySpice) and set it to one thread; it runs in a folder below ``scratch``."""
        self.healthy = True
        self.runs = 0
        self._remarks: list[str] = []
        self._printed: list[str] = []
        self._scratch = tempfile.TemporaryDirectory(
            prefix="spicetwin-ngspice-", dir=scratch
        )  # BSIM4 writes bsim4.out where it runs
        self._binding = _bind(library or find_library(), self._scratch.name, self._hear, self._exited)
        found = VERSION.search(" ".join(self._printed))
        self.version = found[0] if found else "ngspice"
        self._binding.execute(
            "set num_threads=1"
        )  # two OpenMP threads make BSIM4 up to 40 times slower on busy cores

    def run(self, deck: Deck) -> SimulationResult:
        """Run every analysis of ``deck`` and copy its vectors out; the session is left empty again.

        Real vectors come as float64; those of ``ac`` as complex128, with a real ``frequency``. ``noise``
        gives ``frequency``, ``onoise_spectrum``, ``inoise_spectrum`` (V/sqrt(Hz), A/sqrt(Hz)) and, with one
        element each, ``onoise_total`` and ``inoise_total``; ``save`` does not apply to it. A deck without
        ``save`` keeps every vector.

        Raises
        ------
        SimulationError
            The subclass that ngspice's words stand for; :class:`Distorted` also for an absent saved vector.
        """
        if not self.healthy:
            raise SimulatorCrash("this session of ngspice is no longer usable")
        check_deck(deck)
        self.runs += 1
        log: list[str] = []
        try:
            self._load(deck.circuit_lines())
            log += self._remarks
            waves, solve = [], 0.0
            with contextlib.chdir(self._scratch.name):
                for analysis in deck.analyses:
                    self._choose(analysis, deck.save)
                    start = time.perf_counter()
                    completed = self._execute(analysis)
                    solve += time.perf_counter() - start
                    log += self._remarks
                    error = classify_run(self._remarks, completed)
                    if error is not None:
                        raise error
                    waves.append(self._waveforms(analysis, deck.save))
            return SimulationResult(tuple(waves), "\n".join(log), solve)
        except SimulationError:
            self.healthy = self.healthy and not is_poisoned(self._remarks)
            if self.healthy:
                self._clear()
                self.healthy = self._probe()
            raise
        finally:
            if self.healthy:
                self._clear()

    def run_in_steps(self, deck: Deck, stops: Sequence[float], at_stop: AtStop) -> SteppedResult:
        """Run the one transient of ``deck``, halting at ``stops`` to read node voltages and set sources.

        Parameters
        ----------
        deck : Deck
            One ``tran`` analysis; ``save`` must hold every node that is read.
        stops : sequence of float
            Ascending times (s) inside the run. All are registered before it starts: ngspice 39 ignores a
            stop that is added while it is halted.
        at_stop : callable
            ``at_stop(time, read)`` gives the sources to change, name -> volt; ``read(node)`` is the last
            value of a saved vector. An exception in it ends the run and passes on, with the session clean.

        Returns
        -------
        SteppedResult
            Waveforms up to where the run came, and why it ended early if it did: non-convergence, or the
            user's interrupt (noticed at the next stop).
        """
        if not self.healthy:
            raise SimulatorCrash("this session of ngspice is no longer usable")
        check_deck(deck)
        check_stops(deck, stops)
        self.runs += 1
        log: list[str] = []
        try:
            self._load(deck.circuit_lines())
            log += self._remarks
            with contextlib.chdir(self._scratch.name):
                self._choose(deck.analyses[0], deck.save)
                for stop in stops:
                    self._execute(f"stop when time = {float(stop)!r}")
                start = time.perf_counter()
                reached, error = self._advance(deck.analyses[0], stops, at_stop, log)
                seconds = time.perf_counter() - start
            try:
                waves = self._waveforms(deck.analyses[0], deck.save)
            except SimulationError:
                if error is None:
                    raise
                raise error from None  # it failed before the first point: there is nothing to keep
            return SteppedResult(waves, "\n".join(log), seconds, reached, error)
        except SimulationError:
            self.healthy = self.healthy and not is_poisoned(self._remarks)
            if self.healthy:
                self._clear()
                self.healthy = self._probe()
            raise
        finally:
            if self.healthy:
                self._clear()

    def _advance(
        self, analysis: str, stops: Sequence[float], at_stop: AtStop, log: list[str]
    ) -> tuple[float, SimulationError | None]:
        """Go from stop to stop; the time reached, and what ended the run before its end."""
        reached = 0.0
        try:
            for command, stop in zip([analysis] + ["resume"] * len(stops), [*stops, None], strict=True):
                with interrupts_held():
                    completed = self._execute(command)
                remarks = without_stops(self._remarks)
                log += remarks
                error = classify_run(remarks, completed)
                reached = self._binding.latest("time")
                if error is not None:
                    return reached, error
                if stop is None:
                    break
                if abs(reached - stop) > 1e-6 * max(stop, 1e-12):
                    return reached, MissedHalt(f"ngspice halted at {reached:g} s instead of {stop:g} s")
                self._set(at_stop(stop, self._binding.latest))
        except KeyboardInterrupt:
            return reached, Interrupted(f"interrupted at {reached:g} s")
        return reached, None

    def _set(self, sources: Mapping[str, float]) -> None:
        """Change the dc values of sources while the run is halted."""
        for name, value in sources.items():
            self._execute(f"alter {name} dc {float(value)!r}")
            error = classify_run(self._remarks, True)
            if error is not None:
                raise error

    def _hear(self, line: str) -> None:
        """Take one line of ngspice's output, which comes as ``stdout ...`` or ``stderr ...``."""
        stream, _, content = line.partition(" ")
        (self._remarks if stream == "stderr" else self._printed).append(content)

    def _exited(self) -> None:
        """Note that ngspice asked to leave the process."""
        self.healthy = False

    def _execute(self, command: str) -> bool:
        """Send one command; False when ngspice returned an error code. Its words are then in ``_remarks``."""
        self._remarks.clear()
        self._printed.clear()
        return bool(self._binding.execute(command))

    def _load(self, lines: list[str]) -> None:
        self._remarks.clear()
        self._printed.clear()
        accepted = self._binding.load(lines) and any(line.startswith("Circuit: ") for line in self._printed)
        error = classify_load(self._remarks, accepted)
        if error is not None:
            raise error
        self._check_resistors(lines)

    def _check_resistors(self, lines: list[str]) -> None:
        """Refuse a resistance that comes out as zero; the remarks of loading stay."""
        computed = computed_resistors(lines)
        if not computed:
            return
        remarks = list(self._remarks)
        self._execute(COMMAND)
        zero = taken_for_zero(self._printed, computed)
        self._remarks[:] = remarks
        if zero:
            raise Distorted(
                f"{', '.join(zero)}: the value is computed to be zero (or 1 mOhm), for which ngspice takes 1 mOhm;"
                " accepted: another value"
            )

    def _choose(self, analysis: str, save: tuple[str, ...]) -> None:
        """Tell ngspice what to keep of the next analysis; a list of nodes would refuse every noise vector."""
        self._execute("delete all")
        if not _is_noise(analysis):
            for command in save_commands(save):
                self._execute(command)

    def _waveforms(self, analysis: str, save: tuple[str, ...]) -> Waveforms:
        """Copy the vectors of the analysis that just ran, and drop ngspice's own."""
        vectors: dict[str, npt.NDArray[Any]] = {}
        for plot in reversed(self._binding.plot_names):
            if plot != "const":
                vectors.update(self._binding.vectors(plot))
        self._execute("destroy all")
        if "frequency" in vectors:
            vectors["frequency"] = np.ascontiguousarray(vectors["frequency"].real)
        absent = [] if _is_noise(analysis) else [name for name in save if vector_name(name) not in vectors]
        if absent or not vectors:
            raise Distorted(
                f"{analysis!r} gives no vector {', '.join(absent)}; have {', '.join(sorted(vectors))}"
            )
        beyond = [name for name, values in vectors.items() if not np.abs(values).max() < BEYOND]
        if beyond:
            raise Distorted(
                f"{analysis!r} gives {', '.join(sorted(beyond))} that is no number or beyond {BEYOND:g}:"
                " an expression divides by zero or leaves its domain"
            )
        return Waveforms(analysis, vectors)

    def _clear(self) -> None:
        """Forget vectors, save list and circuit: without this every run leaves its data behind."""
        for command in ("destroy all", "delete all", "remcirc"):
            self._execute(command)

    def _probe(self) -> bool:
        """Whether a trivial circuit still runs: some refused decks make ngspice refuse every later one."""
        try:
            self._load(_HEALTH_PROBE)
        except SimulationError:
            return False
        return self._execute("op") and classify_run(self._remarks, True) is None


def _is_noise(analysis: str) -> bool:
    return analysis.split(maxsplit=1)[0].lower() == "noise"


def vector_name(saved: str) -> str:
    """Name of the vector that ``save`` keeps: ``v(out)`` is ``out``, ``i(v1)`` is ``v1#branch``."""
    name = saved.lower()
    if name.startswith("v(") and name.endswith(")"):
        return name[2:-1]
    if name.startswith("i(") and name.endswith(")"):
        return f"{name[2:-1]}#branch"
    return name


def save_commands(vectors: tuple[str, ...]) -> list[str]:
    """``save`` commands for ``vectors``, each short enough for ngspice's command buffer."""
    commands: list[str] = []
    for vector in vectors:
        if commands and len(commands[-1]) + 1 + len(vector) <= COMMAND_LENGTH:
            commands[-1] += f" {vector}"
        else:
            commands.append(f"save {vector}")
    return commands


@contextlib.contextmanager
def _without_user_files(empty: str) -> Iterator[None]:
    """Start ngspice with an empty home and working folder: a ``.spiceinit`` must not change results."""
    home = os.environ.get("HOME")
    os.environ["HOME"] = empty
    try:
        with contextlib.chdir(empty):
            yield
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home


def _bind(path: Path, empty: str, hear: Callable[[str], None], exited: Callable[[], None]) -> Any:
    """PySpice's binding of the library at ``path``; its import (0.1 s) waits until a simulation is needed."""
    try:
        from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi
    except ImportError as error:
        raise SimulatorMissing(f"PySpice does not load ({error}); install it: pip install PySpice") from error

    class Binding(NgSpiceShared):  # type: ignore[misc]
        """PySpice's binding with our ears, without its guesses at what an error is."""

        LIBRARY_PATH = str(path).replace("{", "{{").replace("}", "}}")  # PySpice formats it
        _logger = _LOGGER

        @staticmethod
        def _send_char(message: Any, ngspice_id: int, binding: Any) -> int:
            line = ffi.string(message).decode("latin-1")  # ngspice echoes deck bytes, broken ones included
            hear(line)
            ffi.from_handle(binding)._stdout.append(line.partition(" ")[2])  # PySpice reads the version there
            return 0

        @staticmethod
        def _exit(status: int, unload: bool, quits: bool, ngspice_id: int, user_data: Any) -> int:
            exited()
            return status

        def execute(self, command: str) -> bool:
            """Send a command; False when ngspice returned an error code."""
            try:
                self.exec_command(command)
            except NameError:  # what PySpice raises
                return False
            return True

        def load(self, lines: list[str]) -> bool:
            """Hand a circuit over; False when ngspice returned an error code."""
            keep = [ffi.new("char[]", line.encode()) for line in (*lines, "")]
            return not self._ngspice_shared.ngSpice_Circ(ffi.new("char *[]", [*keep, ffi.NULL]))

        def latest(self, name: str) -> float:
            """Last value of a real vector of the running analysis."""
            info = self._ngspice_shared.ngGet_Vec_Info(name.encode())
            if info == ffi.NULL or info.v_length == 0:
                raise Distorted(f"no vector {name!r} in the running analysis")
            return float(info.v_realdata[info.v_length - 1])

        def vectors(self, plot: str) -> dict[str, npt.NDArray[Any]]:
            """Copies of the non-empty vectors of ``plot`` by lower-case name."""
            library, prefix = self._ngspice_shared, plot.encode() + b"."
            names = library.ngSpice_AllVecs(plot.encode())
            copies: dict[str, npt.NDArray[Any]] = {}
            i = 0
            while names[i] != ffi.NULL:
                name = ffi.string(names[i])
                i += 1
                info = library.ngGet_Vec_Info(prefix + name)
                if info == ffi.NULL or info.v_length == 0:
                    continue
                if info.v_compdata == ffi.NULL:
                    raw = np.frombuffer(ffi.buffer(info.v_realdata, info.v_length * 8), np.float64)
                else:
                    raw = np.frombuffer(ffi.buffer(info.v_compdata, info.v_length * 16), np.complex128)
                copies[name.decode("latin-1").lower()] = raw.copy()
            return copies

    with _without_user_files(empty):
        try:
            return Binding(send_data=False)
        except OSError as error:
            raise SimulatorMissing(f"{path} does not load: {error}") from error
