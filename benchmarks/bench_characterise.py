"""Characterisation plans against their limits: ``python -m benchmarks.bench_characterise``.

Time to the first simulated point of a 3,870-point plan, memory of a 10,000-point plan, rate of a cached plan.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_simulator import row

PROGRAM = """
import os, resource, sys, time
from pathlib import Path
from typing import Any
begin = time.monotonic()
from circuits.characterise import characterise
from circuits.families.fet import FetIdVg
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import get_process
points, cache, out = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
stop = len(sys.argv) > 4
plan = Plan(FetIdVg(), get_process("generic130"), sweeps={"w": [1e-6 + 1e-10 * k for k in range(points)]})

def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

class Watch:
    first = None
    start, top, whole = {}, {}, 0.0
    def update(self, done, failed, cached, total, eta):
        if self.first is None and done:
            self.first = time.monotonic() - begin
            print("first", self.first, flush=True)
            if stop:
                os._exit(0)
        if done % 100 == 0:
            total = resident(os.getpid())
            for pid in pool.pids():
                try:
                    now = resident(pid)
                except (OSError, IndexError):
                    continue
                total += now
                if done >= 300:
                    self.start.setdefault(pid, now)
                self.top[pid] = max(self.top.get(pid, 0.0), now)
            self.whole = max(self.whole, total)

watch = Watch()
with Pool(2, cache=Path(cache) if cache != "-" else None) as pool:
    running = time.monotonic()
    characterise(plan, out, pool, progress=watch)
    print("rate", points / (time.monotonic() - running))
growth = max((watch.top[p] - watch.start[p] for p in watch.start), default=0.0)
print("growth", growth)
print("whole", watch.whole)
"""


def measure(points: int, cache: str, out: Path, *, stop: bool = False) -> dict[str, float]:
    """Run the program in a process of its own and read its figures."""
    arguments = [sys.executable, "-c", PROGRAM, str(points), cache, str(out), *(["stop"] if stop else [])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env={**os.environ})
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def run() -> Iterator[dict[str, Any]]:
    """Rows: quantity, value, unit, target, met."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        firsts = [measure(3870, "-", place / f"first{k}.nc", stop=True)["first"] for k in range(3)]
        first = float(np.median(firsts))
        yield row("first point of a 3,870-point plan", first, "s", "<= 3", first <= 3)
        long = measure(10_000, "-", place / "long.nc")
        yield row(
            "growth of a worker over 10,000 simulations", long["growth"], "MB", "<= 20", long["growth"] <= 20
        )
        yield row("10,000-point plan, all processes", long["whole"], "MB", "< 500", long["whole"] < 500)
        measure(1000, str(place / "cache"), place / "fill.nc")
        begin = time.monotonic()
        cached = measure(1000, str(place / "cache"), place / "again.nc")["rate"]
        yield row(
            "fully cached plan, journal and netCDF included", cached, "points/s", ">= 500", cached >= 500
        )
        yield row(
            "the same, with the start of Python", 1000 / (time.monotonic() - begin), "points/s", "", None
        )


if __name__ == "__main__":
    for line in run():
        print(line)
