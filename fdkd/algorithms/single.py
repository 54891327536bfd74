"""Training on one modality: the baseline of every table, and how teachers are made."""

from fdkd.algorithms.base import Algorithm
from fdkd.registry import ALGORITHMS


@ALGORITHMS.register_module()
class SingleModality(Algorithm):
    """A student without a teacher.

    Args: as :class:`~fdkd.algorithms.base.Algorithm`.
    """
