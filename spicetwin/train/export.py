"""Trained networks in the format of the behavioural simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spicetwin.train.mingru import MinGruStack


def write_network(net: MinGruStack, path: Path, summary: dict[str, Any]) -> None:
    """Write weights, biases, gates and readout."""
