"""Circuits and testbenches of every family, by name; third parties add theirs through entry points."""

from __future__ import annotations

import importlib.metadata
from typing import TypeVar

from circuits.circuit import Circuit, ParameterError
from circuits.testbench import Testbench

#: Entry-point groups: an entry names a Circuit or Testbench subclass, registered under the class's ``name``.
CIRCUIT_ENTRY_POINTS = "spicetwin.circuits"
TESTBENCH_ENTRY_POINTS = "spicetwin.testbenches"

_T = TypeVar("_T")


def circuits() -> dict[str, type[Circuit]]:
    """Every known circuit class by name.

    Raises
    ------
    ParameterError
        An entry point names something that is no Circuit, or takes a name that is already in use.
    """
    from circuits.families import denram, memcap, rram
    from circuits.families.dpi import DpiNeuron, DpiSynapse
    from circuits.families.fet import NFet, PFet
    from circuits.families.memcap_fecap import FECAP_CELLS
    from circuits.families.memcap_integrator import INTEGRATOR_CELLS
    from circuits.families.memcap_neuron import NEURON_CELLS
    from circuits.families.memcap_stack import STACK_CELLS
    from circuits.families.memcap_weight import WEIGHT_CELLS
    from circuits.families.mingru import CELLS

    own = (
        DpiSynapse,
        DpiNeuron,
        NFet,
        PFet,
        *CELLS,
        *denram.CELLS,
        *rram.CELLS,
        *memcap.CELLS,
        *INTEGRATOR_CELLS,
        *NEURON_CELLS,
        *STACK_CELLS,
        *WEIGHT_CELLS,
        *FECAP_CELLS,
    )
    return _with_third_party(own, Circuit, CIRCUIT_ENTRY_POINTS)


def testbenches() -> dict[str, type[Testbench]]:
    """Every known testbench class by name.

    Raises
    ------
    ParameterError
        An entry point names something that is no Testbench, or takes a name that is already in use.
    """
    from circuits.families.denram_delay import DELAY_TESTBENCHES
    from circuits.families.denram_derived import DERIVED_TESTBENCHES
    from circuits.families.denram_network import NETWORK_TESTBENCHES
    from circuits.families.denram_spiking import SPIKING_TESTBENCHES
    from circuits.families.denram_static import STATIC_TESTBENCHES as DELAY_STATIC
    from circuits.families.dpi_neuron import NEURON_TESTBENCHES
    from circuits.families.dpi_synapse import SYNAPSE_TESTBENCHES
    from circuits.families.dpi_synapse_static import STATIC_TESTBENCHES
    from circuits.families.fet import FetIdVg, PFetIdVg
    from circuits.families.memcap_bench import MEMCAP_TESTBENCHES
    from circuits.families.memcap_fecap import FECAP_TESTBENCHES
    from circuits.families.memcap_integrator import INTEGRATOR_TESTBENCHES
    from circuits.families.memcap_neuron import NEURON_TESTBENCHES as MEMCAP_NEURON
    from circuits.families.memcap_program import PROGRAM_TESTBENCHES
    from circuits.families.memcap_stack import STACK_TESTBENCHES
    from circuits.families.memcap_weight import WEIGHT_TESTBENCHES as MEMCAP_WEIGHT
    from circuits.families.mingru_converters import CONVERTER_TESTBENCHES
    from circuits.families.mingru_dynamic import DYNAMIC_TESTBENCHES
    from circuits.families.mingru_static import LINE_TESTBENCHES
    from circuits.families.rram_bench import RRAM_TESTBENCHES

    dpi = (*SYNAPSE_TESTBENCHES, *STATIC_TESTBENCHES, *NEURON_TESTBENCHES)
    mingru = (*LINE_TESTBENCHES, *DYNAMIC_TESTBENCHES, *CONVERTER_TESTBENCHES)
    denram = (
        *DELAY_TESTBENCHES,
        *DELAY_STATIC,
        *DERIVED_TESTBENCHES,
        *NETWORK_TESTBENCHES,
        *SPIKING_TESTBENCHES,
        *RRAM_TESTBENCHES,
    )
    own = (
        *dpi,
        *mingru,
        *denram,
        *MEMCAP_TESTBENCHES,
        *INTEGRATOR_TESTBENCHES,
        *PROGRAM_TESTBENCHES,
        *MEMCAP_NEURON,
        *STACK_TESTBENCHES,
        *MEMCAP_WEIGHT,
        *FECAP_TESTBENCHES,
        FetIdVg,
        PFetIdVg,
    )
    return _with_third_party(own, Testbench, TESTBENCH_ENTRY_POINTS)


testbenches.__test__ = False  # type: ignore[attr-defined]  # keeps pytest from collecting an imported name


def _with_third_party(own: tuple[type[_T], ...], kind: type[_T], group: str) -> dict[str, type[_T]]:
    known: dict[str, type[_T]] = {cls.name: cls for cls in own}  # type: ignore[attr-defined]
    for point in importlib.metadata.entry_points(group=group):
        cls = point.load()
        if not (isinstance(cls, type) and issubclass(cls, kind)):
            raise ParameterError(f"entry point {point.value!r} in {group} is not a {kind.__name__}")
        name: str = cls.name  # type: ignore[attr-defined]
        if name in known:
            raise ParameterError(
                f"entry point {point.value!r} in {group}: the name {name!r} is already in use"
            )
        known[name] = cls
    return known
