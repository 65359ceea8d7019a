"""Intervals of a metric over drawn chips, with the share of the variance that each source of spread has."""

from pysim.interval.design import Design, Point
from pysim.interval.estimate import Mean, Share
from pysim.interval.run import Interval, Metric, Outcome, Serial, Store, Workers, interval, stream

__all__ = [
    "Design",
    "Interval",
    "Mean",
    "Metric",
    "Outcome",
    "Point",
    "Serial",
    "Share",
    "Store",
    "Workers",
    "interval",
    "stream",
]
