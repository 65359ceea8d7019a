"""A chip: the effects of every core of a network, with the costs of its energy count."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pysim.errors import ModelError
from pysim.mingru.effects import CoreEffects
from pysim.mingru.energy import ASSUMED, EnergyCost
from pysim.mingru.layer import MinGruLayer


@dataclass(frozen=True)
class MinGruChip:
    """Frozen instance of all cores of a network.

    Attributes
    ----------
    cores
        Effects, one per layer.
    energy
        Cost of each layer's events.
    id, seed, sources, temperature, table
        What the draw came from: digest of all of it, seed, sources of spread, K, table.
    """

    cores: tuple[CoreEffects, ...]
    energy: EnergyCost = ASSUMED
    id: str = ""
    seed: int = 0
    sources: tuple[str, ...] = ()
    temperature: float = 300.15
    table: str = ""

    def without(self, *groups: str) -> MinGruChip:
        """The same chip with these groups of effects ideal; see :data:`~pysim.mingru.effects.GROUPS`."""
        changed = f"{self.id}-{'-'.join(sorted(groups))}" if groups else self.id
        return replace(self, cores=tuple(core.without(*groups) for core in self.cores), id=changed)

    def only(self, *groups: str) -> MinGruChip:
        """The same chip with every other group ideal."""
        changed = f"{self.id}+{'+'.join(sorted(groups))}"
        return replace(self, cores=tuple(core.only(*groups) for core in self.cores), id=changed)

    def check(self, layers: tuple[MinGruLayer, ...]) -> None:
        """Refuse a chip of another size.

        Raises
        ------
        ModelError
            Naming the layer.
        """
        if len(self.cores) != len(layers):
            raise ModelError(
                f"chip of {len(self.cores)} cores for a network of {len(layers)} layers; accepted: equal"
            )
        for k, (core, layer) in enumerate(zip(self.cores, layers, strict=True)):
            size = (core.rows, core.columns, core.bits)
            if size != (layer.rows, layer.columns, layer.bits):
                raise ModelError(
                    f"layer {k}: core of {size[0]} x {size[1]}, {size[2]} bits for a layer of "
                    f"{layer.rows} x {layer.columns}, {layer.bits} bits; accepted: equal"
                )


def ideal_chip(layers: tuple[MinGruLayer, ...]) -> MinGruChip:
    """A chip without any effect: computes what the layers say, by the general path."""
    cores = tuple(CoreEffects(rows=n.rows, columns=n.columns, bits=n.bits) for n in layers)
    return MinGruChip(cores, id="ideal")
