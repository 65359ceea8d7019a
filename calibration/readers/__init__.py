"""Readers of measured files: an explicit registry, open to third parties through ``spicetwin.readers``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from calibration.measured import Campaign, Origin, ReadError
from calibration.readers import rram, rram_levels
from calibration.readers.aixacct import read_aixacct
from calibration.readers.b1500 import read_b1500
from calibration.readers.coach import read_coach_dpi, read_coach_fet, read_coach_follower, read_coach_neuron
from calibration.readers.csv_campaign import read_campaign
from calibration.readers.csv_table import read_csv
from calibration.readers.ferroelectric import read_forc, read_large_signal_cv, read_pund
from calibration.readers.hysteresis import read_butterfly, read_loop
from calibration.readers.ihp import ORIGIN as IHP_ORIGIN
from calibration.readers.ihp import read_ihp_idvg
from calibration.readers.ihp_cv import read_ihp_cv
from calibration.readers.ihp_switch import read_ihp_switch
from calibration.readers.mdm import read_mdm
from calibration.readers.mim import read_sky130_mim

ENTRY_POINTS = "spicetwin.readers"
UNKNOWN = Origin("silicon", "not stated", "not stated")
"""Origin of files read without saying where they came from."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A way to read files of one format.

    Parameters
    ----------
    name
        Name in the registry and on the command line.
    description
        One line on the format.
    read
        Takes the files and their origin, returns one :class:`~calibration.measured.Measured` per curve. A
        reader of files that carry their own origin (campaigns, named data sets) ignores the second argument.
    suffixes
        File-name endings for which this reader is the default, lower case with the dot.
    """

    name: str
    description: str
    read: Callable[[Sequence[Path], Origin], Campaign]
    suffixes: tuple[str, ...] = ()


def _own_readers() -> tuple[Reader, ...]:
    """Readers of this project."""
    return (
        Reader(
            "campaign",
            "TOML that lists CSV files with units in the header",
            lambda p, _: read_campaign(p),
            (".toml",),
        ),
        Reader("csv", "CSV with units in the header, on its own", read_csv, (".csv",)),
        Reader("mdm", "IC-CAP MDM, one curve per data block", read_mdm, (".mdm",)),
        Reader(
            "ihp_idvg",
            "IHP SG13G2 Id-Vg (MDM) at V_b = 0, |V_d| = 0.05 V",
            lambda p, _: read_ihp_idvg(p, IHP_ORIGIN),
        ),
        Reader(
            "ihp_switch", "IHP SG13G2 Id-Vg (MDM) as on-resistance and leakage of a switch", read_ihp_switch
        ),
        Reader("ihp_cv", "IHP SG13G2 MOS C-V (MDM), gate to channel and gate to body", read_ihp_cv),
        Reader("sky130_mim", "sky130 MIM capacitor C(V) (MDM), geometry from the file name", read_sky130_mim),
        Reader("coach_dpi", "CoACH chip, DPI synapse records", lambda p, _: read_coach_dpi(p)),
        Reader("coach_fet", "CoACH chip, transistor curves", lambda p, _: read_coach_fet(p)),
        Reader("coach_neuron", "CoACH chip, membrane traces", lambda p, _: read_coach_neuron(p)),
        Reader("coach_follower", "CoACH chip, source followers", lambda p, _: read_coach_follower(p)),
        Reader("aixacct", "aixACCT TF Analyzer pulse export, one curve per pulse", read_aixacct, (".dat",)),
        Reader("b1500", "Keysight B1500 WGFMU export", read_b1500),
        Reader(
            "fecap_pund", "PUND of a ferroelectric capacitor (aixACCT or B1500), switched part", read_pund
        ),
        Reader("fecap_forc", "first-order reversal curves of a ferroelectric capacitor (B1500)", read_forc),
        Reader(
            "fecap_cv",
            "large-signal C(V) of a PUND (aixACCT or B1500), current over ramp",
            read_large_signal_cv,
        ),
        Reader("fecap_butterfly", "CSV with v and c: a C-V butterfly, one curve per branch", read_butterfly),
        Reader("fecap_loop", "CSV with v and p: a hysteresis loop, one curve per branch", read_loop),
        Reader("rram_set_sweep", "RRAM array: resistance before and after a SET pulse", rram.SET_SWEEP.read),
        Reader(
            "rram_reset_sweep", "RRAM array: resistance around a RESET pulse of 3 V", rram.RESET_SWEEP.read
        ),
        Reader("rram_read_iv", "RRAM array: read current against voltage", rram.read_iv),
        Reader("rram_cells", "RRAM array: resistance of every cell", rram.CELLS.read),
        Reader("rram_cycles", "RRAM array: low and high resistance over cycles", rram.CYCLES.read),
        Reader(
            "rram_cycle_pairs", "RRAM array: cells below a level in both of two cycles", rram.read_cycle_pairs
        ),
        Reader("rram_relaxation", "RRAM levels: conductance after programming", rram_levels.read_relaxation),
        Reader("rram_heat", "RRAM levels: conductance before and after bakes", rram_levels.read_bake),
        Reader("rram_read_noise", "RRAM levels: long read traces", rram_levels.read_noise),
        Reader(
            "rram_pulse_response",
            "RRAM conductance after equal pulses, up and down",
            rram_levels.read_pulse_response,
        ),
    )


def readers() -> dict[str, Reader]:
    """All readers by name: the project's own and those of installed packages (a name clash is an error)."""
    known = {reader.name: reader for reader in _own_readers()}
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in known:
            raise ValueError(f"reader {point.name!r} of {point.value} has the name of an existing reader")
        known[point.name] = point.load()
    return known


def read(
    paths: Path | str | Sequence[Path | str], reader: str | None = None, *, origin: Origin = UNKNOWN
) -> Campaign:
    """Read measured files.

    Parameters
    ----------
    paths
        One file, or all files of a data set.
    reader
        Name of a reader; without it the ending of the first file decides.
    origin
        Kind, licence and reference of the files, for readers whose files do not say it themselves.

    Raises
    ------
    ReadError
        For an unknown reader or ending, and for whatever the reader finds wrong with a file.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not files:
        raise ReadError("no file to read", file=".", accepted="at least one file")
    known = readers()
    chosen = known.get(reader) if reader else _by_suffix(files[0], known)
    if chosen is None:
        names = ", ".join(sorted(known))
        if reader:
            raise ReadError("unknown reader", file=files[0], value=reader, accepted=names)
        raise ReadError(
            "no reader for this kind of file",
            file=files[0],
            value=files[0].suffix,
            accepted=f"a reader: {names}",
        )
    return chosen.read(files, origin)


def _by_suffix(path: Path, known: dict[str, Reader]) -> Reader | None:
    """Reader that claims the ending of a file."""
    return next((reader for reader in known.values() if path.suffix.lower() in reader.suffixes), None)
