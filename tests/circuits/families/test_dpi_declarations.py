"""The netlists and the parameter declarations say the same, and nothing but numbers gets into a deck."""

from __future__ import annotations

import math
import re
from importlib.resources import files

import numpy as np
import pytest

from circuits.circuit import Circuit, ParameterError
from circuits.deck import SimulationResult, Waveforms
from circuits.families import circuits, testbenches
from circuits.families.dpi import DpiNeuron, DpiSynapse
from circuits.families.dpi_deck import level_source, merged_spikes, spike_source
from circuits.families.dpi_neuron import NeuronResponse
from circuits.families.dpi_synapse import SynapseDecay, SynapseResponse
from circuits.ngspice.errors import MeasureFailed
from circuits.process import draw_mismatch, get_process
from circuits.testbench import Conditions

SUFFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3}
DUTS = (DpiSynapse(), DpiNeuron())


def _subcircuit(circuit: Circuit) -> list[str]:
    text = files("netlists").joinpath(circuit.netlist).read_text(encoding="utf-8")
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("+") and lines:
            lines[-1] += " " + line[1:].strip()
        elif line.strip() and not line.startswith("*"):
            lines.append(line)
    return lines


def _value(text: str) -> float:
    return float(text[:-1]) * SUFFIX[text[-1]] if text[-1] in SUFFIX else float(text)


def _defaults(circuit: Circuit) -> dict[str, float]:
    head = _subcircuit(circuit)[0]
    return {name: _value(text) for name, text in re.findall(r"(\w+)=(\S+)", head)}


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_netlist_defaults_equal_the_dataclass(circuit: Circuit) -> None:
    defaults = _defaults(circuit)
    own = {n: v for n, v in defaults.items() if not n.startswith(("dvt_", "mu_")) and n != "ldif"}
    assert own.keys() == circuit.values().keys()
    for name, value in circuit.values().items():
        assert own[name] == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_every_transistor_of_the_netlist_is_declared_with_its_polarity_and_size(circuit: Circuit) -> None:
    found = {}
    for line in _subcircuit(circuit)[1:]:
        if line.startswith("M"):
            words = line.split()
            size = dict(re.findall(r"\b([wl])=\{(\w+)\}", line))
            found[words[0][1:]] = (words[5][0], size["w"], size["l"])
            assert f"delvto={{dvt_{words[0][1:]}}}" in line
            assert f"mulu0={{mu_{words[0][1:]}}}" in line
    assert found == dict(circuit.transistors)


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_mismatch_parameters_default_to_no_mismatch(circuit: Circuit) -> None:
    defaults = _defaults(circuit)
    assert {n for n in defaults if n.startswith("dvt_")} == {f"dvt_{m}" for m in circuit.transistors}
    assert all(defaults[f"dvt_{m}"] == 0 and defaults[f"mu_{m}"] == 1 for m in circuit.transistors)


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_ports_stand_in_the_order_of_the_subcircuit_line(circuit: Circuit) -> None:
    words = _subcircuit(circuit)[0].split("params:")[0].split()
    assert words[:2] == [".subckt", circuit.name]
    assert tuple(words[2:]) == circuit.ports


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_no_transistor_is_shorter_than_half_a_micrometre(circuit: Circuit) -> None:
    assert min(length for _, _, length in circuit.geometries().values()) >= 0.5e-6


@pytest.mark.parametrize(
    "bad", ["1p\n.control\nshell id\n.endc", "1p", math.nan, math.inf, -1e-12, 0.0, True, None]
)
def test_a_capacitor_that_is_no_positive_number_is_refused(bad: object) -> None:
    with pytest.raises(ParameterError, match="c_syn"):
        DpiSynapse(c_syn=bad)  # type: ignore[arg-type]


def test_a_testbench_refuses_unknown_and_unbounded_parameters() -> None:
    with pytest.raises(ParameterError, match="unknown parameter 'i_tua'"):
        SynapseDecay().at({"i_tua": 1e-12})
    with pytest.raises(ParameterError, match="i_tau"):
        SynapseDecay().at({"i_tau": 1.0})


@pytest.mark.parametrize("times", [(2e-3, 1e-3), (math.nan,), (math.inf,), (-1e-3,), (0.0,)])
def test_spike_times_out_of_order_or_not_finite_are_refused(times: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match=r"spike_times\[\d\]"):
        spike_source(times, 1e-6, 1.8)


@pytest.mark.parametrize("levels", [(), ((0.0, math.nan),), ((1e-3, 0.0), (1e-3, 1e-9))])
def test_input_levels_that_are_no_waveform_are_refused(levels: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ParameterError, match="input"):
        level_source(levels, "input current")


def test_text_in_a_stimulus_list_never_reaches_a_deck() -> None:
    bench = SynapseResponse(spike_times=("1m)\n.control",))  # type: ignore[arg-type]
    with pytest.raises((ParameterError, ValueError)):
        bench.deck(get_process("generic130"), Conditions())


def test_overlapping_spikes_merge_into_one_pulse() -> None:
    times = (1e-3, 1.5e-3, 4e-3)
    assert spike_source(times, 1e-3, 1.0).count(" 1.0") == 4
    assert merged_spikes(times, 1e-3) == 2


def test_a_waveform_without_one_of_the_input_spikes_is_no_result() -> None:
    t = np.linspace(0, 60e-3, 601)
    empty = {name: np.zeros_like(t) for name in ("spk", "xdut.vsyn", "vout#branch")}
    result = SimulationResult((Waveforms("tran", {"time": t, **empty}),), "", 0.0)
    with pytest.raises(MeasureFailed, match="0 of 4"):
        SynapseResponse().measure(result, get_process("generic130"), Conditions())


def test_numpy_spike_times_give_the_same_deck_as_floats() -> None:
    process, times = get_process("generic130"), (1e-3, 2e-3)
    from_array = SynapseResponse(spike_times=tuple(np.asarray(times)))
    decks = [bench.deck(process, Conditions()) for bench in (from_array, SynapseResponse(spike_times=times))]
    assert decks[0].digest() == decks[1].digest()


@pytest.mark.parametrize("name", sorted(testbenches()))
def test_stimulus_and_dut_parameters_have_different_names(name: str) -> None:
    bench = testbenches()[name]()  # type: ignore[call-arg]
    assert not bench.declarations().keys() & bench.dut.declarations().keys()


def test_the_registry_knows_the_family_by_name() -> None:
    assert circuits()["dpi_synapse"] is DpiSynapse
    assert circuits()["dpi_neuron"] is DpiNeuron
    assert {n for n, b in testbenches().items() if b.family == "dpi"} >= {
        "dpi_synapse_decay",
        "dpi_synapse_turn_on",
        "dpi_synapse_train",
        "dpi_synapse_pair",
        "dpi_synapse_noise",
        "dpi_neuron_rate",
        "dpi_neuron_rheobase",
        "dpi_neuron_adaptation",
    }


@pytest.mark.parametrize("circuit", DUTS, ids=lambda c: c.name)
def test_a_mismatch_draw_names_every_transistor_and_reaches_the_deck(circuit: Circuit) -> None:
    process = get_process("generic130")
    draw = draw_mismatch(circuit, process, np.random.default_rng(1))
    assert draw.keys() == circuit.transistors.keys()
    bench = SynapseResponse() if isinstance(circuit, DpiSynapse) else NeuronResponse()
    plain = bench.deck(process, Conditions())
    drawn = bench.deck(process, Conditions(mismatch=draw))
    assert plain.digest() != drawn.digest()
