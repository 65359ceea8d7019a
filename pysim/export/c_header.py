"""C99 header with fixed-point look-up tables for a digital model: 16-bit codes, interpolation in integers.

A code c stands for offset + step c, the value or its natural logarithm; positions on the grid are unsigned Q16.16.
``spicetwin_code`` needs integers only, ``spicetwin_value`` converts from and to SI floats around it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.exporter import At, Conformance, Exporter, Source, ToolMissing, provenance
from pysim.export.lookup import LookUp, left_out, look_ups, narrowed, probes
from pysim.mingru.network import MinGruNetwork

TOP = 2**16 - 1
#: Most codes by which rounding of table, positions and weights moves a value.
ROUNDING = 3.0
_PROBES = 200

_HEAD = """\
#ifndef SPICETWIN_TABLES_H
#define SPICETWIN_TABLES_H
#include <math.h>
#include <stdint.h>

#define SPICETWIN_INPUTS {most}

/* A quantity on a uniform grid: value or ln(value) = offset + step * code. */
typedef struct {{
    const char *name, *unit;
    unsigned inputs;
    int log;
    double offset, step;
    uint16_t points[SPICETWIN_INPUTS];
    double low[SPICETWIN_INPUTS], high[SPICETWIN_INPUTS];
    int axis_log[SPICETWIN_INPUTS];
    const uint16_t *codes;
}} spicetwin_table;

/* Code in Q16.16 at positions in Q16.16 (0 to points - 1); integers only. */
static inline uint64_t spicetwin_code(const spicetwin_table *t, const uint32_t *position)
{{
    uint64_t total = 0;
    for (uint32_t corner = 0; corner < (UINT32_C(1) << t->inputs); corner++) {{
        uint64_t weight = UINT64_C(1) << 32;
        uint32_t place = 0;
        for (unsigned i = 0; i < t->inputs; i++) {{
            uint32_t cell = position[i] >> 16;
            if (cell > (uint32_t)t->points[i] - 2u) cell = (uint32_t)t->points[i] - 2u;
            uint32_t part = position[i] - (cell << 16), side = (corner >> i) & 1u;
            weight = (weight * (side ? part : (UINT32_C(1) << 16) - part)) >> 16;
            place = place * t->points[i] + cell + side;
        }}
        total += (weight * t->codes[place]) >> 16;
    }}
    return total;
}}

/* Value (SI) at inputs (SI) in the order of the table; beyond the grid, the value at its edge. */
static inline double spicetwin_value(const spicetwin_table *t, const double *inputs)
{{
    uint32_t position[SPICETWIN_INPUTS];
    for (unsigned i = 0; i < t->inputs; i++) {{
        double share = t->axis_log[i] ? log(inputs[i] / t->low[i]) / log(t->high[i] / t->low[i])
                                      : (inputs[i] - t->low[i]) / (t->high[i] - t->low[i]);
        share = share < 0.0 ? 0.0 : share > 1.0 ? 1.0 : share;
        position[i] = (uint32_t)(share * (t->points[i] - 1) * 65536.0 + 0.5);
    }}
    double y = t->offset + t->step * ((double)spicetwin_code(t, position) / 65536.0);
    return t->log ? exp(y) : y;
}}
"""

_MAIN = """\
#include <stdio.h>
#include "tables.h"
int main(void)
{
    unsigned k;
    double x[SPICETWIN_INPUTS];
    while (scanf("%u", &k) == 1) {
        for (unsigned i = 0; i < spicetwin_tables[k].inputs; i++)
            if (scanf("%lf", &x[i]) != 1) return 1;
        printf("%.17g\\n", spicetwin_value(&spicetwin_tables[k], x));
    }
    return 0;
}
"""


def content(source: Source, at: At) -> bytes:
    """C header."""
    table = cast(CalibrationTable, source)
    sampled = look_ups(table, at)
    most = max(1, *(len(found.axes) for found in sampled.tables))
    lines = ["/*", *(f" * {_plain(line)}" for line in provenance(table))]
    lines += [f" * held: {name} = {value!r}" for name, value in at.items()]
    lines += [f" * left out: {name}: {_plain(reason)}" for name, reason in sampled.left_out.items()]
    lines += [" */", _HEAD.format(most=most)]
    lines += [_codes(found) for found in sampled.tables]
    lines.append("static const spicetwin_table spicetwin_tables[] = {")
    lines += [_record(found) for found in sampled.tables]
    lines.append("};\n")
    for k, found in enumerate(sampled.tables):
        lines.append(f"#define SPICETWIN_{_name(found).upper()} (&spicetwin_tables[{k}])")
    return ("\n".join(lines) + "\n\n#endif\n").encode("ascii")


def scaling(found: LookUp) -> tuple[float, float]:
    """Offset and step of a table's codes."""
    y = np.log(found.values) if found.log else found.values
    low, high = float(y.min()), float(y.max())
    return low, (high - low) / TOP


def _codes(found: LookUp) -> str:
    y = np.log(found.values) if found.log else found.values
    offset, step = scaling(found)
    codes = np.rint((y - offset) / step).astype(np.int64) if step else np.zeros(y.shape, np.int64)
    rows = [",".join(map(str, row)) for row in _chunks(codes.ravel().tolist())]
    total = bound(found)
    kind = "relative" if found.log else "of the largest magnitude"
    about = f"/* {found.name} ({found.unit}), {found.verdict}: error below {total:.3g}, {kind} */"
    return (
        f"{about}\nstatic const uint16_t spicetwin_{_name(found)}_codes[] = {{\n" + ",\n".join(rows) + "};\n"
    )


def bound(found: LookUp) -> float:
    """Largest error of a fixed-point table against its law: interpolation and rounding."""
    _, step = scaling(found)
    scale = 1.0 if found.log else max(float(np.abs(found.values).max()), 1e-300)
    return 1.2 * found.error + ROUNDING * step / scale


def _chunks(codes: list[int], width: int = 16) -> list[list[int]]:
    return [codes[k : k + width] for k in range(0, len(codes), width)]


def _record(found: LookUp) -> str:
    offset, step = scaling(found)
    parts = [
        f'"{found.name}", "{_plain(found.unit)}"',
        f"{len(found.axes)}, {int(found.log)}, {offset!r}, {step!r}",
        "{" + (", ".join(str(a.points) for a in found.axes) or "0") + "}",
        "{" + (", ".join(repr(a.low) for a in found.axes) or "0") + "}",
        "{" + (", ".join(repr(a.high) for a in found.axes) or "0") + "}",
        "{" + (", ".join(str(int(a.log)) for a in found.axes) or "0") + "}",
        f"spicetwin_{_name(found)}_codes",
    ]
    return (
        "    {" + ", ".join(parts) + "}, /* " + (", ".join(a.name for a in found.axes) or "constant") + " */"
    )


def _name(found: LookUp) -> str:
    return re.sub(r"\W", "_", found.name)


def _plain(text: str) -> str:
    """Text that can stand in a C comment or string."""
    return re.sub(r'[^ -~]|["\\]|\*/', "?", text)


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Compile the header, run it at random inputs, compare with the laws.

    Raises
    ------
    ToolMissing
        Without a C compiler.
    """
    table = cast(CalibrationTable, source)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise ToolMissing("no C compiler is installed (gcc or cc): apt install gcc")
    tables = look_ups(table, at).tables
    asked, inputs = [], []
    for k, found in enumerate(tables):
        points = probes(narrowed(table.entries[found.name], at), 13, _PROBES)
        inputs.append(points)
        columns = [points[axis.name] for axis in found.axes]
        asked += [" ".join([str(k), *(repr(float(c[n])) for c in columns)]) for n in range(_PROBES)]
    answers = _answers(compiler, data, "\n".join(asked) + "\n").reshape(len(tables), _PROBES)
    worst = 0.0
    for found, points, values in zip(tables, inputs, answers, strict=True):
        exact = np.asarray(narrowed(table.entries[found.name], at).evaluate(points))
        scale = np.abs(exact) if found.log else max(float(np.abs(exact).max()), 1e-300)
        worst = max(worst, float(np.max(np.abs(values - exact) / scale)) / max(bound(found), 1e-12))
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=False)
    return (
        Conformance(
            tool=Path(compiler).name,
            version=version.stdout.strip() or "unknown",
            stimulus=f"{_PROBES} random inputs of each of {len(tables)} tables",
            metric="largest error over the one stated in the header",
            value=worst,
            tolerance=1.0,
        ),
    )


def _answers(compiler: str, data: bytes, asked: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Values that the compiled header gives."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tables.h").write_bytes(data)
        (folder / "main.c").write_text(_MAIN)
        command = [compiler, "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "run", "-lm"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        done = subprocess.run(
            [str(folder / "run")], input=asked, capture_output=True, text=True, check=True, timeout=60
        )
    return np.array(done.stdout.split(), dtype=np.float64)


EXPORTER = Exporter(
    name="c",
    suffix=".h",
    title="C header with fixed-point look-up tables of a calibration table",
    holds=(CalibrationTable,),
    content=content,
    check=check,
    notes=left_out,
    instead={
        MinGruNetwork: "the header holds look-up tables; use onnx to run the network, npz for its codes",
        DelayLayer: "the header holds look-up tables; use npz for weights and delays",
    },
)
