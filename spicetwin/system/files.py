"""Results of a mixed network as netCDF."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray

from spicetwin.system.summary import Result, summary
from spicetwin.writing import write_netcdf


def write_result(result: Result, output: Path) -> None:
    """Numbers of every chip, confusion, shares and the description, whole or not at all; the journal goes with it."""
    i, s = result.interval, result.system
    size = s.metric.classes
    layers = list(s.metric.network.names)

    def of(kind: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        values = np.stack([i.of(f"{kind}.{name}") for name in layers], axis=1)
        return np.where(values < 0.0, np.nan, values)

    seeds = [s.design.seeds(chip) for chip in i.chips]
    points = [
        s.design.point(chip // s.design.chips_of_group * s.design.group + chip % s.design.chips_of_group)
        for chip in i.chips
    ]
    ids = [s.metric.network.draw(s.metric.tables, seed, s.metric.sources).id for seed in seeds]
    data = xarray.Dataset(
        {
            "accuracy": ("chip", i.of("accuracy"), {"units": "1"}),
            "energy": (("chip", "layer"), of("energy"), {"units": "J"}),
            "operations": (("chip", "layer"), of("operations"), {"units": "1"}),
            "activity": (("chip", "layer"), of("active"), {"units": "1"}),
            "chip_id": ("chip", ids),
            "chip_seed": ("chip", np.array([int(seed) for seed in seeds], np.int64)),
            "temperature": ("chip", [p.conditions.temperature for p in points], {"units": "K"}),
            "time": ("chip", [p.conditions.time for p in points], {"units": "s"}),
            "confusion": (("true", "decided"), result.confusion, {"units": "1"}),
            "share_first": (
                ("source", "bound"),
                np.array([[q.first, q.first_low, q.first_high] for q in i.shares]).reshape(-1, 3),
            ),
            "share_total": (
                ("source", "bound"),
                np.array([[q.total, q.total_low, q.total_high] for q in i.shares]).reshape(-1, 3),
            ),
        },
        coords={
            "chip": list(i.chips),
            "layer": layers,
            "true": np.arange(size),
            "decided": np.arange(size),
            "source": np.array([q.source for q in i.shares], dtype=object if i.shares else "U1"),
            "bound": ["value", "low", "high"],
        },
        attrs={
            "description": s.specification.text,
            "seed": s.design.seed,
            "sources": " ".join(s.design.sources),
            "table_digests": " ".join(
                "-" if t is None else t.digest for t in s.metric.network.tables(s.metric.tables)
            ),
            "network": s.metric.fingerprint(),
            "summary": json.dumps(summary(result), allow_nan=False),
        },
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_netcdf(data, output)
    output.with_name(f".{output.name}.journal").unlink(missing_ok=True)
