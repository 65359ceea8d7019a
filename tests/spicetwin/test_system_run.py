import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray

from calibration.table import TableError, load, resolve
from circuits.journal import JournalError
from pysim.errors import ModelError
from pysim.interval import Serial, interval
from pysim.recurrent.chip import TableDraw
from pysim.recurrent.network import RecurrentDpi
from spicetwin.boundary import InputError
from spicetwin.cli import main
from spicetwin.system.build import describes_system, read_system, schema
from spicetwin.system.files import write_result
from spicetwin.system.processes import Processes
from spicetwin.system.report import read_learning
from spicetwin.system.simulate import simulate_system
from spicetwin.system.store import RunStore
from spicetwin.system.summary import neurobench

NETWORK = """
[task]
name = "patterns"
channels = 12
classes = 3
steps = 40
rate = 0.1
samples = 24

[[layers]]
name = "delays"
kind = "denram"
table = "assumed"
neurons = 16
weights = { mean = 0.1, sd = 0.3, seed = 1, density = 0.5 }
mean_delay = 5e-3

[[layers]]
name = "integrators"
kind = "memcap"
table = "assumed"
neurons = 12
weights = { mean = 0.2, sd = 0.3, seed = 2 }
tau = 8.5e-3

[readout]
kind = "ridge"

[run]
chips = 6
seed = 1
"""

DPI = """
[task]
name = "patterns"
channels = 4
samples = 8
[[layers]]
kind = "dpi"
table = "dpi_generic130@1.1.0"
neurons = 6
bias = { i_tau = 5e-12, i_gain = 100e-12, i_threshold = 1e-9, i_refractory = 400e-12 }
[[layers.synapses]]
name = "drive"
fan_in = 3
bias = { i_tau = 5e-12, i_gain = 10e-12, i_weight = 8e-9, i_pulse = 3e-9 }
[[layers.synapses]]
name = "brake"
sign = "inhibitory"
bias = { i_tau = 5e-12, i_gain = 10e-12, i_weight = 8e-9, i_pulse = 3e-9 }
[readout]
kind = "count"
"""


def written(folder: Path, text: str = NETWORK) -> Path:
    path = folder / "net.toml"
    path.write_text(text)
    return path


def changed(folder: Path, before: str, after: str, text: str = NETWORK) -> Path:
    assert before in text
    return written(folder, text.replace(before, after))


def test_command_runs_a_network_to_text_file_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "chips.nc", tmp_path / "report"
    path = changed(tmp_path, "chips = 6", 'chips = 16\nshares = ["within_die", "cycle"]')
    code = main(["simulate", str(path), "-o", str(out), "--report", str(page), "--jobs", "1"])
    shown = capsys.readouterr().out
    assert code == 0
    assert "16 chips of assumed devices, denram_assumed@0.0.0; patterns, 24 test samples" in shown
    assert re.search(r"within_die +-?[\d.]+ \[", shown)
    with xarray.open_dataset(out) as data:
        assert data["accuracy"].shape == (16,)
        assert data["confusion"].sum().item() == pytest.approx(3.0)
        assert len(set(data["chip_id"].values.tolist())) == 16
        assert json.loads(data.attrs["summary"])["accuracy"]["n"] == 16
        assert data.attrs["description"] == path.read_text()
    html = (page / "report" / "index.html").read_text()
    for title in (
        "Accuracy over chips",
        "Where the variance comes from",
        "Decisions",
        "One sample on one chip",
    ):
        assert title in html
    assert "activation_sparsity" in html
    assert not list(tmp_path.glob(".*journal"))


def test_processes_give_the_bits_of_one(tmp_path: Path) -> None:
    system = read_system(written(tmp_path))
    alone = interval(system.metric, system.design, 6, workers=Serial())
    many = interval(system.metric, system.design, 6, workers=Processes(2))
    assert np.array_equal(alone.values, many.values)


def test_interrupted_run_is_continued_and_its_journal_refuses_another_network(tmp_path: Path) -> None:
    out = tmp_path / "chips.nc"
    system = read_system(written(tmp_path))
    whole = interval(system.metric, system.design, 6)
    with RunStore(out, system.metric, system.design) as store:
        store.add(0, tuple(whole.values[0]))
        store.add(4, tuple(whole.values[4]))
    other = read_system(changed(tmp_path, "mean_delay = 5e-3", "mean_delay = 6e-3"))
    with pytest.raises(JournalError, match="another network"):
        simulate_system(other, out)
    result = simulate_system(system, out)
    assert np.array_equal(result.interval.values, whole.values)
    write_result(result, out)
    assert not list(tmp_path.glob(".*journal"))


def test_counts_have_the_names_of_neurobench(tmp_path: Path) -> None:
    system = read_system(written(tmp_path))
    result = simulate_system(system, None)
    found = neurobench(result)
    delays, integrators = system.metric.network.layers
    absent = np.count_nonzero(delays.weights == 0.0)  # type: ignore[attr-defined]
    assert found["connection_sparsity"] == pytest.approx(absent / (12 * 16 + 16 * 12))
    assert found["footprint"] == (12 * 16 * 24 + 16 * 12 * 16 + 12 * 8) / 8
    ops = found["synaptic_operations"]
    assert ops["Dense"] == (12 * 16 + 16 * 12) * 40
    assert ops["Effective_MACs"] == 0.0
    assert 0.0 < ops["Effective_ACs"] < ops["Dense"]
    assert found["energy_per_inference_j"] is None
    assert found["layers_without_energy"] == ["delays", "integrators"]
    assert integrators.outputs == 12


def test_dpi_layer_runs_from_its_description(tmp_path: Path) -> None:
    system = read_system(written(tmp_path, DPI))
    assert system.metric.network.tables(system.metric.tables)[0].reference == "dpi_generic130@1.1.0"  # type: ignore[union-attr]
    found = interval(system.metric, system.design, 2)
    assert found.of("active.dpi0").min() >= 0.0


def test_recurrent_layer_runs_trained_weights_and_comes_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", weights=0.5 * rng.standard_normal((4 + 6, 6 + 3)))
    text = """
[task]
name = "patterns"
channels = 4
classes = 3
samples = 9
[[layers]]
kind = "recurrent"
table = "dpi_generic130@1.1.0"
neurons = 6
outputs = 3
merge = 2
weights = "w.npz"
[readout]
kind = "network"
"""
    system = read_system(written(tmp_path, text))
    metric = system.metric
    chip = metric.network.draw(metric.tables, 3)
    run = metric.network.run(metric.signal, chip)
    counts = metric.signal.dense().reshape(9, 50, 2, 4).sum(axis=2)
    alone = RecurrentDpi(
        np.load(tmp_path / "w.npz")["weights"],
        TableDraw(load(resolve("dpi_generic130@1.1.0")), metric.network.layers[0].design).chip(3),  # type: ignore[attr-defined]
        2e-3,
    ).run(counts)
    assert np.array_equal(run.classes, alone.decisions)
    assert np.array_equal(run.layers[0].output.dense(), alone.spikes)
    more = text.replace("[readout]", '[[layers]]\nkind = "memcap"\ntable = "assumed"\n[readout]')
    more = more.replace('"assumed"\n', '"assumed"\nneurons = 2\nweights = { sd = 1.0 }\ntau = 8e-3\n')
    with pytest.raises(ModelError, match=r"net.toml:7: layers.0: a recurrent layer can only be the last one"):
        read_system(written(tmp_path, more))


def test_shipped_descriptions_fit_the_schema() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    examples = Path(__file__).parents[2] / "examples"
    assert describes_system(examples / "system_mixed.toml")
    assert not describes_system(examples / "dpi_population.toml")
    assert read_system(examples / "system_mixed.toml", chips=2).metric.network.names[0] == "encoder"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "neurons = 16",
            "neurones = 16",
            r"net.toml:14: layers.0.neurones: unknown key .* accepted: name, kind",
        ),
        ('kind = "memcap"', 'kind = "optical"', r"net.toml:20: layers.1.kind: 'optical' is not one of"),
        ("tau = 8.5e-3", "tau = -1", r"net.toml:24: layers.1.tau"),
        ("tau = 8.5e-3", "tau = [8.5e-3, 8e-3]", r"net.toml:18: layers.1: .*broadcast"),
        (
            "tau = 8.5e-3",
            "tau = 1.0",
            r"net.toml:18: layers.1: target time constant 1 s .* accepted: 0.0075 to",
        ),
        ("samples = 24", 'samples = "all"', r"net.toml:8: task.samples: 'all' is not"),
        (
            'kind = "ridge"',
            'kind = "network"',
            r"net.toml:27: readout.kind: the last layer is no minGRU network",
        ),
        ('kind = "ridge"', 'kind = "file"', r"net.toml:26: readout: kind 'file' needs the key 'file'"),
        (
            'kind = "ridge"',
            'kind = "ridge"\nfeature = "rate"',
            r"readout.feature: 'rate'; accepted: mean_output",
        ),
        ("seed = 1\n", "seed = -1\n", r"net.toml:31: run.seed: -1 is less than the minimum"),
        ('name = "patterns"', 'name = "imagenet"', r"net.toml:3: task.name: 'imagenet' is not one of"),
        (
            "weights = { mean = 0.2, sd = 0.3, seed = 2 }",
            'weights = "none.npz"',
            r"none.npz: cannot be read",
        ),
    ],
)
def test_mistakes_name_file_line_and_what_is_accepted(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = changed(tmp_path, before, after)
    with pytest.raises(ModelError, match=message):
        read_system(path)


def test_layers_that_do_not_connect_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", weights=np.ones((9, 12)))
    text = NETWORK.replace("weights = { mean = 0.2, sd = 0.3, seed = 2 }", 'weights = "w.npz"')
    with pytest.raises(
        ModelError, match=r"net.toml:23: layers.1.weights: layers do not connect: .*\(16, 12\)"
    ):
        read_system(written(tmp_path, text))
    layer = '[[layers]]\nkind = "mingru"\nnetwork = "mingru_digits_spread"\ntable = "assumed"\n'
    text = NETWORK.replace("[readout]", f"{layer}[readout]")
    with pytest.raises(ModelError, match=r"net.toml:.*mingru2.* takes analog levels|do not connect"):
        read_system(written(tmp_path, text))


def test_table_without_an_entry_names_it_and_the_command_that_makes_it(tmp_path: Path) -> None:
    path = changed(
        tmp_path, 'kind = "denram"\ntable = "assumed"', 'kind = "denram"\ntable = "dpi_generic130"'
    )
    with pytest.raises(
        ModelError,
        match=r"net.toml:13: layers.0.table: .*lacks the entry denram.r_hrs.*'spicetwin table build denram'",
    ):
        read_system(path)


@pytest.mark.parametrize("table", ["denram_generic130@9.9.9", "no_such_table"])
def test_unknown_table_or_version_names_what_there_is(tmp_path: Path, table: str) -> None:
    path = changed(tmp_path, 'kind = "denram"\ntable = "assumed"', f'kind = "denram"\ntable = "{table}"')
    with pytest.raises(
        (ModelError, TableError), match=r"net.toml:13: layers.0.table: .*(1.1.0|denram_generic130)"
    ):
        read_system(path)


@pytest.mark.parametrize(("task", "command"), [("mnist", "data pull mnist"), ("fsdd", "data pull fsdd")])
def test_missing_task_data_names_the_pull_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, command: str
) -> None:
    import measurements.registry as registry

    monkeypatch.setattr(registry, "mirror_folder", lambda mirror=None: None)
    monkeypatch.setattr(registry, "data_folder", lambda: tmp_path / "none")
    path = changed(tmp_path, 'name = "patterns"', f'name = "{task}"')
    with pytest.raises(InputError, match=rf"task {task}: .*{command}"):
        read_system(path)


def test_task_that_the_first_layer_cannot_take_is_refused(tmp_path: Path) -> None:
    text = NETWORK.replace('name = "patterns"', 'name = "digits"\nencoding = "pixels"')
    pytest.importorskip("sklearn")
    with pytest.raises(InputError, match="the first layer takes spikes, which is encoding 'rate'"):
        read_system(written(tmp_path, text))


def test_options_of_layered_networks_are_refused_for_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = Path(__file__).parents[2] / "examples"
    assert main(["simulate", str(examples / "dpi_population.toml"), "--half-width", "0.1"]) == 2
    assert "--half-width needs a network of layers" in capsys.readouterr().err
    path = written(tmp_path)
    assert main(["simulate", str(path), "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_log_of_a_training_is_read_or_refused_by_row(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,train,validation\n1,2.3,0.1,0.2\n2,2.0,0.4,0.3\n")
    epochs, series = read_learning(log)
    assert epochs.tolist() == [1.0, 2.0]
    assert set(series) == {"train", "validation"}
    log.write_text("epoch,train\n1,high\n")
    with pytest.raises(ModelError, match=r"log.csv: row 2"):
        read_learning(log)
    log.write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match=r"accepted: columns epoch and train"):
        read_learning(log)


def test_scheduler_that_cannot_be_used_ends_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    assert main(["simulate", str(path), "--scheduler", "ftp://nowhere"]) == 2
    line = capsys.readouterr().err
    assert "ftp://nowhere cannot be reached" in line or "pip install 'spicetwin[dask]'" in line
    assert line.count("\n") == 1
