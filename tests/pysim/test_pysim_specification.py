"""Network descriptions in TOML, recorded input, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dpi_truth import constant, dpi_table

from calibration.table import write
from pysim.errors import ModelError
from pysim.specification import Specification, build, read_spikes

GOOD = """\
table = "dpi_virtual/1.0.0.json"
duration = 0.2
seed = 3
chips = 4

[neurons]
count = 6
i_in = 0.2e-9

[inputs.noise]
kind = "poisson"
count = 20
rate = 80.0

[[synapses]]
name = "drive"
from = "noise"
fan_in = 10

[[synapses]]
name = "loop"
from = "neurons"
sign = "inhibitory"
delay = 5e-3

[rate_response]
currents = [0.0, 2e-9]
duration = 0.2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(dpi_table(**{"synapse.i_weight": constant(20e-9, "A")}), tmp_path)
    (tmp_path / "net.toml").write_text(GOOD)
    return tmp_path


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in GOOD
    path = folder / "net.toml"
    path.write_text(GOOD.replace(old, new, 1))
    return path


def test_a_description_builds_the_network_it_describes(folder: Path) -> None:
    built = build(Specification.read(folder / "net.toml"))
    drive, loop = built.network.projections
    assert built.network.neuron.shape == (4, 6)
    assert drive.connection.sum(axis=1).tolist() == [10] * 6
    assert loop.source is None
    assert not loop.connection.diagonal().any()
    assert loop.inhibitory
    assert not drive.inhibitory


def test_chips_and_seed_of_the_caller_win(folder: Path) -> None:
    specification = Specification.read(folder / "net.toml")
    a, b = build(specification, chips=2, seed=9), build(specification, chips=2, seed=10)
    assert a.neurons.shape == (2, 6)
    assert a.neurons.id != b.neurons.id


def test_two_synapses_of_a_chip_are_two_circuits(folder: Path) -> None:
    drive, loop = build(Specification.read(folder / "net.toml")).synapses
    assert drive.id != loop.id
    assert not np.array_equal(drive.values["tau"], loop.values["tau"])


@pytest.mark.parametrize(
    ("old", "new", "line", "claim"),
    [
        ("chips = 4", "chipz = 4", 4, "unknown key 'chipz'; accepted: table"),
        ("fan_in = 10", "fanin = 10", 18, "unknown key 'fanin'"),
        ('sign = "inhibitory"', 'sign = "bad"', 23, "is not one of"),
        ("delay = 5e-3", "delay = -1.0", 24, "minimum"),
        ("rate = 80.0", "rate = inf", 13, "not a finite number"),
        ("count = 6", 'count = "6"', 7, "integer"),
        ("i_in = 0.2e-9", "bias = { i_tau = 0.0 }", 8, "minimum of 0"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(
    folder: Path, old: str, new: str, line: int, claim: str
) -> None:
    with pytest.raises(ModelError) as caught:
        Specification.read(changed(folder, old, new))
    assert f"net.toml:{line}: " in str(caught.value)
    assert claim in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "claim"),
    [
        ('from = "noise"', 'from = "nose"', 17, "accepted: noise, neurons"),
        ("delay = 5e-3", "delay = 0.0", 24, "delay > 0"),
        ("fan_in = 10", "fan_in = 21", 18, "accepted: 1 to 20"),
        ("fan_in = 10", 'connect = "one-to-one"', 18, "needs 6 sources"),
        ('name = "loop"', 'name = "drive"', 21, "used twice"),
        ("rate = 80.0", "", 10, "needs 'rate'"),
        ("rate = 80.0", 'rate = 1.0\nfile = "x.csv"', 14, "no meaning"),
    ],
)
def test_a_network_that_cannot_be_wired_is_named_with_its_line(
    folder: Path, old: str, new: str, line: int, claim: str
) -> None:
    specification = Specification.read(changed(folder, old, new))
    with pytest.raises(ModelError) as caught:
        build(specification)
    assert f"net.toml:{line}: " in str(caught.value)
    assert claim in str(caught.value)


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"", b"[neurons]\ncount=1\n[neurons]\n"])
def test_what_is_no_description_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.toml"):
        Specification.read(path)


def test_an_unknown_bias_current_is_refused(folder: Path) -> None:
    specification = Specification.read(changed(folder, "i_in = 0.2e-9", "bias = { i_typo = 1e-12 }"))
    with pytest.raises(ModelError, match="i_typo"):
        build(specification)


def test_recorded_spikes_are_read_alike_from_csv_and_npz(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("source,time [s]\n0,0.5\n2,0.25\n")
    np.savez(tmp_path / "a.npz", source=np.array([0, 2]), time=np.array([0.5, 0.25]))
    for name in ("a.csv", "a.npz"):
        source = read_spikes(tmp_path / name)
        assert (source.source.tolist(), source.time.tolist(), source.count) == ([0, 2], [0.5, 0.25], 3)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("", "row 1"),
        ("source,time\n0,1\n", "accepted: source,time"),
        ("source,time [s]\n0,1\nx,2\n", "row 3"),
        ("source,time [s]\n0\n", "row 2"),
        ("source,time [s]\n0,1,2\n", "row 2"),
        ("source,time [s]\n0,nan\n", "finite"),
        ("source,time [s]\n-1,0.1\n", "indices"),
    ],
)
def test_a_bad_spike_csv_names_its_row(tmp_path: Path, text: str, claim: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(ModelError, match=claim):
        read_spikes(path)


def test_pickled_objects_in_an_npz_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", source=np.array([print], dtype=object), time=np.array([0.0]))
    with pytest.raises(ModelError, match="no NPZ file"):
        read_spikes(tmp_path / "p.npz")


def test_a_truncated_npz_is_a_clear_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", source=np.arange(9), time=np.arange(9.0))
    whole = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"t\.npz"):
        read_spikes(tmp_path / "t.npz")


def test_importing_pysim_loads_no_heavy_library() -> None:
    code = (
        "import sys, pysim, pysim.chip, pysim.network, pysim.specification\n"
        "heavy = {'lmfit', 'xarray', 'matplotlib', 'PySpice', 'numba', 'scipy', 'pandas', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
