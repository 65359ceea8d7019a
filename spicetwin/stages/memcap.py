"""Leaky integrator of memcapacitor and memristor: its twin against transistor level."""

from __future__ import annotations

from spicetwin.compare.memcap import MemcapComparison, compare_memcap, write_points
from spicetwin.report.document import Cell, Section, Table
from spicetwin.stages.context import RunContext


def memcap(context: RunContext) -> Section:
    """Compare steps and time constants at held-out states; a quick run takes fewer."""
    comparison = compare_memcap(context.pool, quick=context.quick)
    data = context.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_points(comparison, data / "compare_memcap.nc")
    text = (
        "One ferroelectric stack is capacitor and weight: its state sets the time constant of a leaky integrator and"
        " the step of a spike. The device's numbers are assumed (the stack's own are not published); the twin knows"
        " the device equations, so that what is compared is what the circuit around them adds. Measured loops and"
        " varactors: 'spicetwin fit fecap_pund', 'fecap_forc', 'varactor_sky130'. Neuron, network and calibration"
        " table of this family do not exist yet.",
    )
    return Section(
        "memcap",
        "Memristive-memcapacitive integrator",
        text=text,
        checks=comparison.checks(),
        tables=(_points(comparison),),
    )


def _points(comparison: MemcapComparison) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            float(state),
            1e3 * float(comparison.spice["tau"][k]),
            100 * float(comparison.error("tau")[k]),
            1e3 * float(comparison.spice["v_step"][k]),
            100 * float(comparison.error("v_step")[k]),
        )
        for k, state in enumerate(comparison.states)
    ]
    heads = ("State", "tau (ms)", "Error of tau (%)", "Step (mV)", "Error of the step (%)")
    return Table("Held-out states and inputs", heads, tuple(rows))
