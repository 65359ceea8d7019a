"""Measured figures of the processes: ``python -m circuits.processes.datasheet docs/processes.md``.

Everything is simulated anew; nothing is typed in by hand. The Markdown tables replace what stands between the
two marker lines of the given file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from circuits.deck import Simulator
from circuits.families.fet import FetIdVg, PFetIdVg
from circuits.ngspice.pool import Pool
from circuits.process import ProcessError, draw_mismatch, get_process
from circuits.testbench import Conditions

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PROCESSES = ("generic130", "sky130", "gf180")
BENCHES: tuple[tuple[str, FetIdVg], ...] = (("n", FetIdVg()), ("p", PFetIdVg()))
LENGTHS = (0.5e-6, 2e-6)
SAMPLES = 300
ROOM = 300.15

#: A testbench, the name of a process and where it is simulated.
Point = tuple[FetIdVg, str, Conditions]


def observe(simulator: Simulator, point: Point) -> dict[str, float]:
    """Observables of one point."""
    bench, process, conditions = point
    return bench.run(simulator, get_process(process), conditions)


def datasheet(pool: Pool, processes: Iterable[str]) -> str:
    """The three tables (nominal, corners, mismatch) as Markdown."""
    names = tuple(processes)
    return "\n".join([*_nominal(pool, names), "", *_corners(pool, names), "", *_mismatch(pool, names)])


def _observed(pool: Pool, points: Sequence[Point]) -> Iterator[dict[str, float]]:
    for outcome in pool.map(observe, points):
        if outcome.error is not None:
            raise outcome.error
        assert outcome.value is not None
        yield outcome.value


def _nominal(pool: Pool, names: Sequence[str]) -> Iterator[str]:
    yield "Corner tt, 300.15 K, W = 1 um; dVth/dT from 253 to 358 K. Two values: |VDS| = 50 mV / supply."
    yield ""
    yield _row(
        "process, transistor, L", "kappa 10-100 pA", "kappa 1-10 nA", "mV/decade", "I0 (A)", "Vth (V)",
        "Ion (uA)", "Ioff (pA)", "floor (fA)", "dVth/dT (mV/K)",
    )  # fmt: skip
    yield _row(*["---"] * 10)
    for name in names:
        supply = get_process(name).supply
        for polarity, bench in BENCHES:
            for length in LENGTHS:
                at = bench.at({"l": length})
                squares = at.dut.w / length
                weak = at.at({"i_fit_low": 10e-12 / squares, "i_fit_high": 100e-12 / squares})
                moderate = at.at({"i_fit_low": 1e-9 / squares, "i_fit_high": 10e-9 / squares})
                linear = at.at({"drain_ratio": 0.05 / supply})
                room = Conditions(temperature=ROOM)
                points = [(weak, name, room), (moderate, name, room), (linear, name, room)]
                points += [(at, name, Conditions(temperature=t)) for t in (253.15, 358.15)]
                low, high, lin, cold, hot = _observed(pool, points)
                yield _row(
                    f"{name} {polarity} {length * 1e6:g} um",
                    f"{low['kappa']:.3f}",
                    f"{high['kappa']:.3f}",
                    f"{low['slope'] * 1e3:.1f}",
                    f"{low['i0']:.2e}",
                    f"{lin['vth']:.3f} / {low['vth']:.3f}",
                    f"{low['i_on'] * 1e6:.1f}",
                    f"{low['i_off'] * 1e12:.3f}",
                    f"{low['i_floor'] * 1e15:.2f}",
                    f"{(hot['vth'] - cold['vth']) / 105 * 1e3:.2f}",
                )


def _corners(pool: Pool, names: Sequence[str]) -> Iterator[str]:
    yield "Corners: Vth (V) / Ion (uA) at |VDS| = supply, W = 1 um, L = 0.5 um, 300.15 K."
    yield ""
    corners = get_process(names[0]).corners
    yield _row("process, transistor", *corners)
    yield _row(*["---"] * (1 + len(corners)))
    for name in names:
        for polarity, bench in BENCHES:
            found = _observed(pool, [(bench, name, Conditions(corner=c)) for c in corners])
            cells = [f"{o['vth']:.3f} / {o['i_on'] * 1e6:.1f}" for o in found]
            yield _row(f"{name} {polarity}", *cells)


def _mismatch(pool: Pool, names: Sequence[str]) -> Iterator[str]:
    yield f"Mismatch of one transistor W = 1 um, L = 2 um: law against {SAMPLES} simulated ones."
    yield ""
    yield _row(
        "process, transistor",
        "A_VT (mV um)",
        "A_mu (% um)",
        "sigma(Vth), law (mV)",
        "drawn (mV)",
        "simulated (mV)",
        "source",
    )
    yield _row(*["---"] * 7)
    for name in names:
        process = get_process(name)
        law = process.pelgrom
        for polarity, bench in BENCHES:
            at = bench.at({"l": 2e-6, "v_step": 0.02, "v_start": 0.0})
            rng = np.random.default_rng(1)
            draws = [draw_mismatch(at.dut, process, rng) for _ in range(SAMPLES)]
            found = _observed(pool, [(at, name, Conditions(mismatch=draw)) for draw in draws])
            drawn = float(np.std([draw["m"][0] for draw in draws], ddof=1))
            spread = float(np.std([o["vth"] for o in found], ddof=1))
            a_vt, a_mu = (law.a_vt_n, law.a_mu_n) if polarity == "n" else (law.a_vt_p, law.a_mu_p)
            yield _row(
                f"{name} {polarity}",
                f"{a_vt * 1e9:.2f}",
                f"{a_mu * 1e8:.2f}",
                f"{law.sigma_vt(polarity, at.dut.w, at.dut.l) * 1e3:.2f}",
                f"{drawn * 1e3:.2f}",
                f"{spread * 1e3:.2f}",
                law.source,
            )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _installed() -> Iterator[str]:
    for name in PROCESSES:
        try:
            get_process(name).cards("tt", [("n", 1e-6, 1e-6)])
        except ProcessError as error:
            print(error, file=sys.stderr)
        else:
            yield name


def main(path: Path) -> int:
    """Measure every installed process and put the tables into ``path``, between its marker lines."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{path}: no lines {BEGIN} and {END}", file=sys.stderr)
        return 2
    with Pool() as pool:
        tables = datasheet(pool, _installed())
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{tables}\n{END}{after}")
    Path(temporary).replace(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
