"""What every reader must do, third-party ones of the entry-point group ``spicetwin.readers`` included.

A reader needs a sample here: one file of its format, as text. A reader whose whole data set is fixed by name and
hash (the CoACH chip) has its tests where its files are, and is checked here for what it refuses.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Campaign, Origin, ReadError
from calibration.readers import read, readers
from calibration.readers.units import SI_UNITS

ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")
NAMES = sorted(readers())


def mdm(inputs: str, outputs: str, values: str, rows: str) -> str:
    """An IC-CAP MDM file with one block."""
    return (
        f"! VERSION = 6.00\nBEGIN_HEADER\n ICCAP_INPUTS\n{inputs} ICCAP_OUTPUTS\n{outputs} ICCAP_VALUES\n{values}"
        f"END_HEADER\n\nBEGIN_DB\n{rows}END_DB\n"
    )


VG = "  vg V G GROUND SMU2 0.001 LIN 1 0 1 3 0.5\n"
ID_VG = mdm(
    VG + "  vb V B GROUND SMU4 0.1 LIN 2 0 -0.6 1 -0.6\n  vd V D GROUND SMU1 0.1 LIST 3 1 0.05\n",
    "  id I D GROUND SMU1 B\n",
    '  TYPE "1"\n  TEMP " 27.0000 "\n  MAIN.W "10.00u"\n  MAIN.L "130.0n"\n  MODULE "S1"\n',
    " ICCAP_VAR vb 0\n ICCAP_VAR vd 0.05\n\n #vg  id \n 0 1e-014\n 0.5 2.5e-010\n 1 3e-005\n",
)
MIM = mdm(
    "  vbc V B C CMU 0 LIN 1 -1 1 3 1\n",
    "  cbc C B C CMU M\n",
    '  TEMP "27"\n',
    "\n #vbc cbc\n -1 1.00e-012\n 0 1.01e-012\n 1 1.02e-012\n",
)
PULSE = "1.0e-003\t2.0\t3.0e-006\t1.0\t"
RRAM = {
    "rram_set_sweep": "1\t1e-6\t1.2\t1.8\t20000\t5000\n",
    "rram_reset_sweep": "1\t1e-6\t4.0\t3.2\t5000\t20000\n",
    "rram_read_iv": "1\t0.2\t1.5e-5\n",
    "rram_cells": "1\t12000\n",
    "rram_cycles": "1\t5000\t20000\t1\n",
}
AIXACCT = (
    "PulseResult\n\nTable 1\nPulse Points: 2\nPund Frequency [Hz]: 2500\nArea [mm2]: 0.0025\n"
    f"Time [s]\tV [V]\tI [A]\tP [uC/cm2]\t\n{PULSE}\n{PULSE}\n"
)
B1500 = (
    "SetupTitle, t1\nMetaData, TestRecord.EntryPoint, true\nDimension1, 2, 2, 2, 2\n"
    "DataName, MeasResult1_value, MeasResult2_value, MeasResult1_time, MeasResult2_time\n"
    "DataValue, 1.5, 2E-06, 3E-07, 3E-07\nDataValue, 1.6, 3E-06, 6E-07, 6E-07\n"
)
CSV = "time [ms],v_syn [V],i_syn [pA]\n0,1.5,2\n20,1.6,3\n"
LOOP = (
    "v [V],p [C/m^2]\n-3,-0.2\n-2,-0.2\n-1,-0.2\n0,-0.2\n1,-0.1\n2,0.1\n3,0.3\n"
    "2,0.2\n1,0.2\n0,0.2\n-1,0.1\n-2,0.0\n-3,-0.2\n"
)

BUTTERFLY = (
    "v [V],c [F]\n-3,1e-12\n-2,1e-12\n-1,1e-12\n0,1e-12\n1,3e-12\n2,1e-12\n3,1e-12\n"
    "2,1e-12\n1,1e-12\n0,1e-12\n-1,2e-12\n-2,1e-12\n-3,1e-12\n"
)

#: Reader -> (file name, content, a number in its data as it is written there).
SAMPLES: dict[str, tuple[str, str, str]] = {
    "csv": ("a.csv", CSV, "1.6"),
    "mdm": ("device.mdm", ID_VG, "2.5e-010"),
    "ihp_idvg": ("device.mdm", ID_VG, "2.5e-010"),
    "sky130_mim": ("large_mim_cap_40_by_40_m11(4530_1_2).mdm", MIM, "1.01e-012"),
    "aixacct": ("pund.dat", AIXACCT, "3.0e-006"),
    "b1500": ("pulse.csv", B1500, "3E-06"),
    "fecap_loop": ("loop.csv", LOOP, "0.3"),
    "fecap_butterfly": ("loop.csv", BUTTERFLY, "3e-12"),
    **{name: ("cells.txt", row * 3, row.split("\t")[1].strip()) for name, row in RRAM.items()},
}

#: Readers without a sample, and where their good files are read.
ELSEWHERE = {
    "campaign": "a TOML and its CSV files: tests/calibration/readers/test_readers_csv.py",
    "rram_cycle_pairs": "two cycles of the same cells: tests/calibration/readers/test_readers_rram.py",
    "rram_relaxation": "named by its folder: tests/calibration/readers/test_readers_rram.py",
    "rram_heat": "named by its folder: tests/calibration/readers/test_readers_rram.py",
    "rram_read_noise": "windows of 20000 readings: tests/calibration/readers/test_readers_rram.py",
    "rram_pulse_response": "two curves of one file: tests/calibration/readers/test_readers_rram.py",
    "fecap_pund": "pulses of one record: tests/calibration/test_ferroelectric.py",
    "fecap_cv": "pulses of one record: tests/calibration/test_ferroelectric.py",
    "fecap_forc": "loops of one record: tests/calibration/test_ferroelectric.py",
    "ihp_cv": "several setups: tests/calibration/test_mos_cv.py",
    "ihp_switch": "several files of a device: tests/calibration/test_switch_laws.py",
    "coach_dpi": "fixed by hash: tests/calibration/readers/test_readers_coach.py",
    "coach_fet": "fixed by hash: tests/calibration/readers/test_readers_coach.py",
    "coach_neuron": "fixed by hash: tests/calibration/readers/test_readers_coach.py",
    "coach_follower": "fixed by hash: tests/calibration/readers/test_readers_coach.py",
}
SAMPLED = sorted(SAMPLES)


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def sample(folder: Path, reader: str) -> Campaign:
    """The sample of a reader, read."""
    name, text, _ = SAMPLES[reader]
    return read(write(folder, name, text.encode()), reader, origin=ORIGIN)


def refused(folder: Path, reader: str, content: bytes) -> ReadError:
    """What a reader says of ``content`` under the file name of its sample."""
    name = SAMPLES[reader][0] if reader in SAMPLES else "data.txt"
    path = write(folder, name, content)
    with pytest.raises(ReadError) as caught:
        read(path, reader, origin=ORIGIN)
    assert caught.value.file.name == path.name
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_reader_has_a_sample_or_says_where_its_good_files_are_read() -> None:
    assert set(SAMPLES) | set(ELSEWHERE) == set(NAMES)
    assert not set(SAMPLES) & set(ELSEWHERE)
    root = Path(__file__).resolve().parents[2]
    for where in ELSEWHERE.values():
        assert (root / where.rpartition(" ")[2]).is_file(), where


@pytest.mark.parametrize("name", NAMES)
class TestReader:
    """Every reader by name."""

    def test_is_described_under_its_own_name(self, name: str) -> None:
        reader = readers()[name]
        assert reader.name == name
        assert reader.description.strip()
        assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in reader.suffixes)

    def test_refuses_an_empty_file(self, name: str, tmp_path: Path) -> None:
        assert refused(tmp_path, name, b"")

    def test_refuses_a_file_of_no_format(self, name: str, tmp_path: Path) -> None:
        assert refused(tmp_path, name, b"hello\n")

    def test_names_a_file_that_is_not_there(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ReadError) as caught:
            read(tmp_path / "absent.txt", name, origin=ORIGIN)
        assert "absent.txt" in str(caught.value)


@pytest.mark.parametrize("name", SAMPLED)
class TestSample:
    """Every reader with a sample."""

    def test_gives_finite_curves_in_si_units_that_say_where_they_come_from(
        self, name: str, tmp_path: Path
    ) -> None:
        curves = sample(tmp_path, name)
        assert curves
        for curve in curves:
            assert Path(curve.source.path).name == SAMPLES[name][0]
            assert len(curve.source.sha256) == 64
            for column, unit in curve.units.items():
                assert unit in SI_UNITS, f"{column} in {unit}"
                assert np.isfinite(curve[column]).all()
                assert curve[column].dtype == np.float64

    @pytest.mark.parametrize("written", ["nan", "inf", "", "abc"])
    def test_names_the_row_of_a_value_that_is_no_number(
        self, name: str, written: str, tmp_path: Path
    ) -> None:
        _, text, number = SAMPLES[name]
        before, _, after = text.rpartition(number)
        error = refused(tmp_path, name, (before + written + after).encode())
        assert error.row == before.count("\n") + 1

    def test_names_the_row_of_text_in_another_encoding(self, name: str, tmp_path: Path) -> None:
        _, text, number = SAMPLES[name]
        before, _, after = text.rpartition(number)
        error = refused(tmp_path, name, before.encode() + b"\xff\xfe" + after.encode())
        assert error.row == before.count("\n") + 1

    def test_refuses_a_nul_character(self, name: str, tmp_path: Path) -> None:
        _, text, number = SAMPLES[name]
        assert refused(tmp_path, name, text.replace(number, f"{number}\0").encode())

    def test_refuses_a_file_cut_in_its_last_row(self, name: str, tmp_path: Path) -> None:
        _, text, number = SAMPLES[name]
        begin = text.rindex("\n", 0, text.rindex(number)) + 1
        cut = text[: text.rindex(number)] if text.rindex(number) > begin else text[: begin + 1]
        assert refused(tmp_path, name, cut.rstrip(",\t ").encode())

    def test_reads_line_ends_of_other_systems(self, name: str, tmp_path: Path) -> None:
        plain = sample(tmp_path, name)
        file, text, _ = SAMPLES[name]
        path = write(tmp_path, file, text.replace("\n", "\r\n").encode())
        for one, other in zip(plain, read(path, name, origin=ORIGIN), strict=True):
            for column in one.units:
                np.testing.assert_array_equal(one[column], other[column])
