"""Mixed-signal co-simulation: digital blocks in Python, in lock-step with one ngspice circuit."""

from circuits.cosim.block import Block, BlockError, Drives, Signal
from circuits.cosim.result import CoSimulation, EarlyEnd, Event
from circuits.cosim.run import cosimulate

__all__ = ["Block", "BlockError", "CoSimulation", "Drives", "EarlyEnd", "Event", "Signal", "cosimulate"]
