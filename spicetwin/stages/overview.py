"""Opening of the report: what it is, the two circuits, what it was made with."""

from __future__ import annotations

import platform
from importlib import metadata

from spicetwin.report.document import Figure, Section, Table
from spicetwin.stages.context import RunContext

#: Measured sources that the fits use, and what stands in for them.
MEASURED = {
    "coach_dpi": "DPI synapse of the CoACH chip",
    "ihp_sg13g2_idvg": "transistors of the IHP SG13G2 process",
}

LIBRARIES = ("numpy", "scipy", "lmfit", "xarray", "netCDF4", "numba", "matplotlib")


def notices(quick: bool) -> tuple[str, ...]:
    """What a reader must know before the numbers: absent measured data, a quick run."""
    found = [
        f"The measured data of the {text} are not on this machine: its fits use virtual data"
        f" (fetch the originals with 'spicetwin data pull {name}')."
        for name, text in MEASURED.items()
        if not present(name)
    ]
    if quick:
        found.append("Quick run: fewer points, corners and samples than 'spicetwin run' without --quick.")
    return tuple(found)


def present(source: str) -> bool:
    """Whether the originals of a measured source are here."""
    from measurements.registry import MissingDataError, locate

    try:
        locate(source)
    except MissingDataError:
        return False
    return True


def overview(context: RunContext) -> Section:
    """Text, schematics and the table of versions."""
    from spicetwin.report.schematics import write_schematic

    figures = []
    for circuit, caption in (
        ("dpi_synapse", "DPI synapse with pulse extender. Every transistor of the netlist is drawn."),
        ("dpi_neuron", "DPI neuron with positive feedback, refractory capacitor and adaptation."),
    ):
        file = f"figures/{circuit}.svg"
        write_schematic(circuit, context.folder / file)
        alt = f"Schematic of {circuit}, transistor names as in the netlist"
        figures.append(Figure(file, alt, caption))
    return Section(
        "overview",
        "What this is",
        text=(
            "Neuromorphic circuits from the netlist to calibrated behavioural models: a differential-pair"
            " integrator synapse and a DPI neuron, calibrated by this run, then a switched-capacitor minGRU core,"
            " dendritic delay cells and a memcapacitive integrator, whose packaged calibration is compared with"
            " ngspice. Every number below was computed by this run; simulations are transistor level (BSIM4), fits"
            " use measured data where it is available.",
            "Each check names the command that repeats it. Hand-analysis values in tables come from closed"
            " forms and device parameters alone, not from the simulation they are compared with.",
        ),
        figures=tuple(figures),
        tables=(versions_table(context),),
    )


def versions_table(context: RunContext) -> Table:
    """What the run was made with."""
    from circuits.provenance import package_provenance

    package = package_provenance()
    rows = [("spicetwin", package["package_version"])]
    if "git_commit" in package:
        changed = " with uncommitted changes" if package["git_dirty"] == "yes" else ""
        rows.append(("commit", package["git_commit"] + changed))
    rows += [
        ("ngspice library (sha256)", context.pool.simulator),
        (f"cards of {context.process.name}, tt (sha256)", context.process.digest("tt", ())),
        ("simulator workers", str(context.pool.jobs)),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
    ]
    rows += [(name, metadata.version(name)) for name in LIBRARIES]
    return Table("Made with", ("Item", "Version"), tuple(rows), folded=True)
