"""Tasks that networks are trained and judged on: images as sequences of pixels."""

from pysim.tasks.digits import digits
from pysim.tasks.mnist import mnist
from pysim.tasks.task import Task, TaskError

__all__ = ["Task", "TaskError", "digits", "mnist"]
