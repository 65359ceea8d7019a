"""End of the report: what failed, and from what every characterisation was made."""

from __future__ import annotations

from spicetwin.report.document import Check, Section
from spicetwin.stages.context import RunContext


def failures(context: RunContext) -> Section:
    """Failed points with their reasons over all characterisations, and provenance."""
    from spicetwin.report.content import failures_table, provenance_table

    results = tuple(context.characterisations.values())
    total = sum(int(result.dataset["status"].size) for result in results)
    failed = sum(len(result.failures) for result in results)
    value = f"{failed} of {total}"
    check = Check("Simulated points that failed", value, "≤ 1 %", failed <= 0.01 * total, "spicetwin run")
    text = (
        f"{total} points were simulated or taken from the result cache; {failed} gave no result. A point that"
        " fails is kept with its reason and never enters a statistic.",
    )
    tables = (*([failures_table(results)] if failed else []), provenance_table(results))
    return Section("failures", "Failed points and provenance", text=text, checks=(check,), tables=tables)
