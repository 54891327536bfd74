"""What the runner trains."""

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.c2kd import C2KD
from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.algorithms.heads import StudentWithHeads
from fdkd.algorithms.mutual import MutualDistiller
from fdkd.algorithms.single import SingleModality

__all__ = ['C2KD', 'Algorithm', 'CrossModalDistiller', 'MutualDistiller', 'SingleModality', 'StudentWithHeads']
