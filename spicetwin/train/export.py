"""Trained networks as codes: what a core's weight memory and its knobs would be loaded with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pysim.mingru import MinGruLayer as Core
from pysim.mingru import MinGruNetwork, Readout
from spicetwin.train.mingru import MinGruLayer, MinGruStack
from spicetwin.train.quantise import bias_codes, weight_levels


def network(net: MinGruStack, summary: dict[str, Any]) -> MinGruNetwork:
    """Network of the behavioural simulator with the codes of ``net``."""
    cores = tuple(core(layer, first=k == 0) for k, layer in enumerate(net.layers))
    readout = Readout(
        weight=(net.readout_gain * net.readout_weight.detach().double()).numpy(),
        bias=net.readout_bias.detach().double().numpy(),
        feature=net.shape.readout,
    )
    return MinGruNetwork(cores, readout, summary)


def core(layer: MinGruLayer, *, first: bool) -> Core:
    """Codes and knobs of one layer; the ``first`` one takes the analog signal."""
    with torch.no_grad():
        codes = ((weight_levels(layer.weight) + 3.0) / 2.0).to(torch.uint8).numpy()
        codes_b = bias_codes(layer.bias, layer.bias_step, layer.bits)
        biases = (codes_b + layer.half_steps()).double().numpy()
        slope, offset = float(layer.slope()), float(layer.offset)
    m = layer.columns
    return Core(
        weight_h=codes[:, :m],
        weight_z=codes[:, m:],
        bias_h=biases[:m],
        bias_z=biases[m : 2 * m],
        threshold=biases[2 * m :],
        bias_step=layer.bias_step,
        slope=slope,
        offset=offset,
        bits=layer.bits,
        analog=first,
    )


def write_network(net: MinGruStack, path: Path, summary: dict[str, Any]) -> None:
    """Write the NPZ file of :meth:`pysim.mingru.MinGruNetwork.save`."""
    network(net, summary).save(path)
