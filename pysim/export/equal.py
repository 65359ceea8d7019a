"""Comparison of an object with what was read back from its exported file."""

from __future__ import annotations

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.export.arrays import arrays_of
from pysim.export.exporter import Conformance, Source, kind_of
from pysim.export.stimulus import delay_events, mingru_inputs
from pysim.mingru.network import MinGruNetwork
from pysim.synapses.dpi import Backend

_SMALL = 20_000


def same(source: Source, read: Source, tool: str, version: str) -> tuple[Conformance, ...]:
    """Conformance of a round trip: values that differ, and outputs that differ in a run of both."""
    if isinstance(source, CalibrationTable) or isinstance(read, CalibrationTable):
        digests = {t.digest for t in (source, read) if isinstance(t, CalibrationTable)}
        differing = float(len(digests) != 1 or type(source) is not type(read))
        return (_line(tool, version, "read back", "digests that differ", differing),)
    before, after = arrays_of(source), arrays_of(read)
    differing = float(len(set(before) ^ set(after)))
    differing += sum(not np.array_equal(before[n], after[n]) for n in set(before) & set(after))
    return (
        _line(tool, version, f"{kind_of(source)} read back", "arrays that differ", differing),
        _line(tool, version, "random inputs", "outputs that differ", float(_outputs(source, read))),
    )


def _outputs(source: Source, read: Source) -> int:
    """Number of outputs in which two networks differ."""
    if isinstance(source, MinGruNetwork) and isinstance(read, MinGruNetwork):
        x = mingru_inputs(source)
        runs = [n.run(x, backend="numpy") for n in (source, read)]
        return int(np.count_nonzero(runs[0].words != runs[1].words))
    if isinstance(source, DelayLayer) and isinstance(read, DelayLayer):
        events = delay_events(source)
        # The definition is quick on small layers, the compiled kernel on large ones.
        backend: Backend = "numpy" if source.weights.size < _SMALL else "numba"
        a, b = run_layer(source, events, backend), run_layer(read, events, backend)
        if a.spikes is not None and b.spikes is not None:
            return int(np.count_nonzero(a.spikes.dense() != b.spikes.dense()))
        return int(np.count_nonzero(a.peak != b.peak))
    return 1


def _line(tool: str, version: str, stimulus: str, metric: str, value: float) -> Conformance:
    return Conformance(
        tool=tool, version=version, stimulus=stimulus, metric=metric, value=value, tolerance=0.0
    )
