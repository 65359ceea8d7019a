"""RRAM array files: columns and offsets that cannot be, levels, bakes, noise windows, pulses, cycle pairs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.measured import Campaign, Origin, ReadError
from calibration.readers import read

ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")
Table = NDArray[np.float64]


def write(folder: Path, rows: Table, name: str = "array.tsv", separator: str = "\t") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(separator.join(f"{v:.9g}" for v in row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def set_sweep() -> Table:
    """SET at a bit line of 1.5 V and more; the word line sets the level. Raw readings end near 200 kohm."""
    rows = []
    for cell in range(4):
        for v_wl in (0.6, 1.0, 2.0, 3.0):
            for v_line in (0.5, 1.0, 1.5, 2.0, 3.0):
                before = 9e4 + 2.5e4 * cell
                after = 6e3 + 2.5e3 / v_wl**2 if v_line >= 1.5 else before
                rows.append([cell, 1e-6, v_wl, v_line, before, after])
    return np.array(rows)


def swapped(rows: Table, a: int, b: int) -> Table:
    found = rows.copy()
    found[:, [a, b]] = rows[:, [b, a]]
    return found


def load(folder: Path, rows: Table, reader: str) -> Campaign:
    return read(write(folder, rows), reader, origin=ORIGIN)


def test_set_sweep_is_read_with_the_ratio_of_resistances(tmp_path: Path) -> None:
    (curve,) = load(tmp_path, set_sweep(), "rram_set_sweep")
    assert curve.rows == 80
    np.testing.assert_allclose(curve["ratio"], curve["r_after"] / curve["r_before"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((1, 2), r"row 1, column width: value outside the range of its column: are columns swapped"),
        ((2, 3), "switching depends on v_wl more than on v_line: the two are swapped"),
        ((4, 5), "r_before and r_after are swapped"),
        ((0, 4), "column r_before: value outside the range"),
        ((3, 4), "column v_line: value outside the range"),
    ],
)
def test_swapped_columns_of_a_set_sweep_are_named(
    tmp_path: Path, columns: tuple[int, int], message: str
) -> None:
    with pytest.raises(ReadError, match=message):
        load(tmp_path, swapped(set_sweep(), *columns), "rram_set_sweep")


def test_reset_sweep_handed_in_as_a_set_sweep_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="or this is a RESET sweep"):
        load(tmp_path, swapped(set_sweep(), 4, 5), "rram_set_sweep")
    with pytest.raises(ReadError, match="or this is a SET sweep"):
        load(tmp_path, np.tile(set_sweep(), (5, 1)), "rram_reset_sweep")


def test_swapped_states_of_a_cycling_record_are_said(tmp_path: Path) -> None:
    rows = np.array([[cell, 7e3, 1.5e5, cycle] for cell in range(3) for cycle in (25, 50)])
    with pytest.raises(ReadError, match="r_low is above r_high: the two are swapped"):
        load(tmp_path, swapped(rows, 1, 2), "rram_cycles")
    with pytest.raises(ReadError, match="column r_low: value outside the range"):
        load(tmp_path, swapped(rows, 1, 3), "rram_cycles")


def high_state(offset: float, seed: int = 3) -> Table:
    """2000 cells around 160 kohm, read with or without the offset current subtracted."""
    rng = np.random.default_rng(seed)
    current = 0.2 / (1.6e5 * np.exp(0.9 * rng.standard_normal(2000)))
    return np.stack([np.arange(2000.0), 0.2 / (current + offset)], axis=1)


def test_offset_correction_is_told_from_the_readings(tmp_path: Path) -> None:
    for offset, expected in ((0.0, "corrected"), (0.6e-6, "raw")):
        (curve,) = load(tmp_path, high_state(offset), "rram_cells")
        assert curve.conditions["offset"] == expected


def test_files_of_one_data_set_with_different_offset_correction_are_refused(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, high_state(offset), name)
        for name, offset in (("before.tsv", 0.0), ("after.tsv", 0.6e-6))
    ]
    with pytest.raises(
        ReadError, match=r"after\.tsv: offset correction differs: raw here, corrected in before"
    ):
        read(paths, "rram_cells", origin=ORIGIN)
    assert len(read(paths[:1] * 2, "rram_cells", origin=ORIGIN)) == 2


def test_cycling_record_with_the_offset_left_in_is_refused(tmp_path: Path) -> None:
    cells = high_state(0.6e-6)
    rows = np.stack([cells[:, 0], np.full(2000, 7e3), cells[:, 1], np.full(2000, 25.0)], axis=1)
    with pytest.raises(ReadError, match="offset correction differs: readings above 333 kohm say raw"):
        load(tmp_path, rows, "rram_cycles")


def test_too_few_high_readings_do_not_tell_the_offset(tmp_path: Path) -> None:
    (curve,) = load(tmp_path, np.array([[0.0, 12e3], [1.0, 5e6]]), "rram_cells")
    assert "offset" not in curve.conditions


def test_read_curves_are_grouped_by_conductance(tmp_path: Path) -> None:
    rows = np.array([[cell, v, 5e-7 + 1e-5 * (cell + 1) * v] for cell in range(16) for v in (0.0, 0.1, 0.2)])
    (curve,) = load(tmp_path, rows, "rram_read_iv")
    assert np.unique(curve["group"]).tolist() == list(range(8))
    assert np.all(curve["group"] == np.floor(curve["cell"] / 2))


def test_pairs_of_cycles_hold_the_correlation_of_cells(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    cell, cycle = rng.standard_normal(800), rng.standard_normal((2, 800))
    score = np.sqrt(0.7) * cell + np.sqrt(0.3) * cycle
    rows = np.concatenate(
        [
            np.stack(
                [np.arange(800.0), 7e3 * np.exp(0.1 * z), 6e4 * np.exp(0.3 * z), np.full(800, 25.0 * k)],
                axis=1,
            )
            for k, z in enumerate(score, start=1)
        ]
    )
    low, high = load(tmp_path, rows, "rram_cycle_pairs")
    assert (low.conditions["state"], high.conditions["state"]) == ("r_low", "r_high")
    half = np.argmin(np.abs(low["share"] - 0.5))
    # Both below the median: 1/4 + asin(rho)/(2 pi).
    assert low["both"][half] == pytest.approx(0.25 + np.arcsin(0.7) / (2 * np.pi), abs=0.03)
    with pytest.raises(ReadError, match="accepted: two cycles of the same cells"):
        load(tmp_path, rows[:-1], "rram_cycle_pairs")


def relaxation() -> Table:
    rows = []
    for cell, g in enumerate((1e-5, 6e-5, 1.3e-4)):
        for time in (0.0, 0.01, 1.0):
            now = g - 1e-6 * time
            rows.append([cell, time, 1 / now, now, g, np.floor(g / 4e-6), time])
    return np.array(rows)


def test_relaxation_gives_changes_of_cells_inside_the_levels(tmp_path: Path) -> None:
    (curve,) = read(write(tmp_path, relaxation(), "techB/relax.tsv.gz"), "rram_relaxation", origin=ORIGIN)
    assert curve.rows == 4, "two cells at two delays"
    assert {e.rows for e in curve.exclusions} == {3, 2}
    np.testing.assert_allclose(curve["dg"], -1e-6 * curve["time"], atol=1e-12)
    assert curve["band"].tolist() == [0, 0, 1, 1]


def test_relaxation_with_swapped_conductances_or_of_another_technology_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, swapped(relaxation(), 4, 5), "techB/a.tsv.gz")
    with pytest.raises(ReadError, match="level does not follow from the conductance"):
        read(path, "rram_relaxation", origin=ORIGIN)
    with pytest.raises(ReadError, match="level does not follow"):
        read(write(tmp_path, relaxation(), "techC/a.tsv.gz"), "rram_relaxation", origin=ORIGIN)
    with pytest.raises(ReadError, match="technology is not known: 'techX'; accepted: a folder techA"):
        read(write(tmp_path, relaxation(), "techX/a.tsv.gz"), "rram_relaxation", origin=ORIGIN)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, relaxation(), "techB/a.tsv.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ReadError, match="gzip data are cut"):
        read(path, "rram_relaxation", origin=ORIGIN)
    path.write_bytes(b"\x1f\x8b" + b"x" * 40)
    with pytest.raises(ReadError, match="gzip data are damaged"):
        read(path, "rram_relaxation", origin=ORIGIN)


def test_bake_pairs_the_readings_of_every_cell(tmp_path: Path) -> None:
    rows = [
        [cell, elapsed, 1.0 / g, g, celsius]
        for celsius in (100.0, 260.0)
        for elapsed, kept in ((0.0, 1.0), (5000.0, 0.5))
        for cell, g in ((2, 1e-4 * kept), (1, 2e-4 * kept))
    ]
    (curve,) = read(write(tmp_path, np.array(rows), "techA/bake.tsv.gz"), "rram_heat", origin=ORIGIN)
    assert curve["temperature"].tolist() == pytest.approx([373.15, 373.15, 533.15, 533.15])
    assert curve["g_start"].tolist() == pytest.approx([2e-4, 1e-4, 2e-4, 1e-4])
    np.testing.assert_allclose(curve["lost"], 0.5)
    with pytest.raises(ReadError, match="cells before and after the bake at 260 C differ"):
        read(write(tmp_path, np.array(rows[:-1]), "techA/b.tsv.gz"), "rram_heat", origin=ORIGIN)


def test_noise_is_relative_to_its_window(tmp_path: Path) -> None:
    trace = np.concatenate([np.full(20000, 1e-5), np.full(20000, 2e-5), np.full(5, 9e-5)])
    trace[::2] *= 1.01
    path = write(tmp_path, np.concatenate([[8.0, 0.0], trace])[None], "techA/ts.tsv.gz")
    (curve,) = read(path, "rram_read_noise", origin=ORIGIN)
    assert curve.rows == 40000, "the incomplete window is left out"
    assert np.std(curve["deviation"]) == pytest.approx(0.005, rel=0.01)
    short = write(tmp_path, np.ones((1, 9)), "techA/short.tsv.gz")
    with pytest.raises(ReadError, match="7 readings; accepted: level, offset and at least 20000 readings"):
        read(short, "rram_read_noise", origin=ORIGIN)


def test_pulse_response_has_one_curve_per_direction(tmp_path: Path) -> None:
    n = np.arange(40.0)
    path = write(tmp_path, np.stack([n / 40, -n / 40], axis=1), "pulses.csv", ",")
    up, down = read(path, "rram_pulse_response", origin=ORIGIN)
    assert (up.conditions["direction"], down.conditions["direction"]) == ("up", "down")
    assert up["block"].tolist() == [10.0] * 20 + [30.0] * 20
    turned = write(tmp_path, np.stack([-n / 40, n / 40], axis=1), "turned.csv", ",")
    with pytest.raises(
        ReadError, match="the first column must rise and the second fall: the two are swapped"
    ):
        read(turned, "rram_pulse_response", origin=ORIGIN)


@pytest.mark.measured
def test_original_with_two_columns_exchanged_is_refused(tmp_path: Path, mirror: Path) -> None:
    from measurements.registry import locate

    (path,) = locate("rram_set_sweep", mirror)
    exchange: Callable[[int, int], Path] = lambda a, b: write(  # noqa: E731
        tmp_path, swapped(np.loadtxt(path), a, b)
    )
    for pair, message in (((2, 3), "depends on v_wl"), ((4, 5), "r_before and r_after"), ((1, 2), "width")):
        with pytest.raises(ReadError, match=message):
            read(exchange(*pair), "rram_set_sweep", origin=ORIGIN)
