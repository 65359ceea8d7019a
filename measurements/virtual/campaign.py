"""Write virtual data sets: CSV files, the campaign that lists them, and their truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from calibration.measured import FloatArray
from calibration.readers.csv_table import Table, format_csv

SEED = 20260101
DIGITS = 7
Conditions = Mapping[str, float | str]


def rounded(values: FloatArray) -> FloatArray:
    """Values with as many digits as the files hold."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])


def campaign_head(
    name: str, description: str, signs: Mapping[str, str], floors: Mapping[str, float] | None = None
) -> str:
    """The part of a campaign TOML above its files."""
    lines = [
        "# Virtual data of known truth (truth.toml), not a measurement: measurements/virtual/generate.py.",
        f"# Seed {SEED}.",
        "",
        "[campaign]",
        f'name = "{name}"',
        f'description = "{description}"',
        'kind = "virtual"',
        'licence = "Apache-2.0"',
        'reference = "measurements/virtual/generate.py"',
    ]
    lines += [
        line for column, sign in signs.items() for line in ("", f"[columns.{column}]", f'sign = "{sign}"')
    ]
    for column, floor in (floors or {}).items():
        lines += ["", f"[columns.{column}]", f'floor = "{floor:g} A"']
    return "\n".join(lines) + "\n"


def write_campaign(
    folder: Path, head: str, curves: Mapping[str, Conditions], tables: Mapping[str, Table]
) -> None:
    """The CSVs and the campaign that lists them; conditions are plain numbers in SI units."""
    folder.mkdir(parents=True, exist_ok=True)
    text = head
    for name, conditions in curves.items():
        write_text(
            folder / f"{name}.csv",
            format_csv(tables[name], ["virtual data, not a measurement: see truth.toml"]),
        )
        text += f'\n[[file]]\npath = "{name}.csv"\nname = "{name}"\n[file.conditions]\n'
        for key, value in conditions.items():
            text += (
                f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {float(f'{value:.9g}')!r}\n"
            )
    write_text(folder / "campaign.toml", text)


def truth_text(sections: Mapping[str, Mapping[str, float]]) -> str:
    """True parameters in SI units as TOML."""
    lines = [
        "# True parameters of the virtual data beside this file, in SI units; equations in generate.py.",
        "",
    ]
    lines += [f"seed = {SEED}"]
    for section, values in sections.items():
        lines += ["", f"[{section}]", *(f"{name} = {value!r}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write through a temporary file, so that an interrupted run leaves the old one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
