"""The SAR ADC alone: ideal codes, knobs, what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from circuits.circuit import ParameterError
from circuits.deck import Simulator
from circuits.families.mingru_converters import SarTransfer
from circuits.families.sar import PHASES, IdealSarAdc, SarAdc
from circuits.families.sar_run import Servo, run_samples
from circuits.ngspice.pool import Pool
from circuits.plan import Plan
from circuits.process import get_process
from circuits.testbench import Conditions


@dataclass(frozen=True)
class Case:
    adc: SarAdc
    voltages: tuple[float, ...]


def convert(simulator: Simulator, case: Case) -> tuple[list[int], list[str], list[int]]:
    """Codes, the phases in the order of the log, and the signal ``code``."""
    codes, result = run_samples(simulator, case.adc, get_process("generic130"), Conditions(), case.voltages)
    phases = [PHASES[event.signals["phase"]] for event in result.events]
    return codes, phases, result.signal("code")[1].tolist()


def test_ideal_codes_are_the_floor_of_the_input_over_the_lsb(pool: Pool) -> None:
    adc = IdealSarAdc(bits=5.0, v_reset=7e-3, c_load=300e-15)
    voltages = tuple(np.random.default_rng(0).uniform(-0.4, 0.4, 12).tolist())
    (outcome,) = pool.map(convert, [Case(adc, voltages)])
    assert outcome.value is not None, outcome.error
    codes, phases, shown = outcome.value
    offset = adc.threshold(0)
    expected = np.clip(np.floor((np.array(voltages) - offset) / adc.lsb), 0, 31).astype(int)
    assert codes == expected.tolist()
    assert phases[:4] == ["sample", "hold", "set", "decide"]
    assert phases.count("result") == 12
    assert shown[-1] == codes[-1]


def test_a_loaded_converter_has_a_larger_lsb_and_its_reset_code_shifts_it() -> None:
    plain, loaded = SarAdc(), SarAdc(c_load=1.28e-12)
    assert loaded.lsb == pytest.approx(2 * plain.lsb)
    assert SarAdc(code_reset=40.0).threshold(32) == pytest.approx(-8 * plain.lsb)


def test_the_servo_halves_its_interval_with_every_conversion() -> None:
    adc = IdealSarAdc(bits=2.0)
    servo = Servo(adc, 1.8, (1, 2), halvings=3, reach=2.0)
    truth = [adc.threshold(1) + 0.3 * adc.lsb, adc.threshold(2) + 0.3 * adc.lsb]
    voltage = servo.first()
    for conversion in range(servo.count):
        servo.inputs.append(voltage)
        servo.codes.append(sum(voltage >= level for level in truth))
        if conversion < servo.count - 1:
            voltage = servo.after(servo.codes[-1])
    assert servo.finish() == pytest.approx(truth, abs=2 * adc.lsb / 2**3)


@pytest.mark.parametrize("values", [{"bits": 2.5}, {"code_reset": 0.1}, {"bits": 7.0}, {"c_hold": -1.0}])
def test_values_that_make_no_converter_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        SarAdc(**values)


def test_the_digest_of_a_plan_covers_the_cells_of_a_generated_circuit() -> None:
    plan = Plan(SarTransfer(), get_process("generic130"))
    assert "mingru/mingru_comparator.cir" in plan.testbench.dut.netlist_files()
    ideal = Plan(SarTransfer(dut=IdealSarAdc(bits=3.0)), get_process("generic130"))
    assert plan.circuit_digest != ideal.circuit_digest
