"""Synapses with delays: the delay element of a dendritic branch, and networks of them driven by events."""
