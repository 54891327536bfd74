"""A distilled student whose losses trained classifiers of their own on its feature: what each of them predicts."""

from typing import Any

from torch import Tensor

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.distiller import CrossModalDistiller


class StudentWithHeads(Algorithm):
    """Predicts as the student does and adds ``head_scores``, the softmax of every further classifier.

    Args:
        distiller: The trained algorithm. Its student, connectors and losses are shared, its teacher is not run.
    """

    def __init__(self, distiller: CrossModalDistiller) -> None:
        super().__init__(distiller.modality, distiller.student)
        self.data_preprocessor = distiller.data_preprocessor
        self.terms, self._taps = distiller.terms, distiller.student_taps

    def forward(self, inputs: dict[str, Tensor], data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """As the student alone; with ``mode='predict'`` the samples hold ``head_scores`` beside its prediction."""
        if mode != 'predict':
            return super().forward(inputs, data_samples, mode)
        predictions, features = self._taps.run(self.student, inputs[self.modality], data_samples, mode='predict')
        scores = {name: logits.float().softmax(1) for name, logits in self.terms.classify(features).items()}
        for row, sample in enumerate(predictions):
            sample.head_scores = {name: rows[row] for name, rows in scores.items()}
        return predictions
