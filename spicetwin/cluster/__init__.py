"""Chips and characterisation points on a Dask scheduler, from two processes of one machine to a lab's cluster."""

from spicetwin.cluster.connection import Cluster

__all__ = ["Cluster"]
