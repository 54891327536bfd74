"""Comparing exported students with the student that they come from, batch by batch."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from torch import Tensor
from torch.nn.functional import interpolate

from fdkd.algorithms import Algorithm
from fdkd.errors import ExportError
from fdkd.export.graph import raw_inputs
from fdkd.export.plain import is_segmentor
from fdkd.export.reading import Exported
from fdkd.models.classifier import write_predictions
from fdkd.models.foreign import write_label_maps

#: Largest difference of logits up to 10 (of larger ones as much more as they are larger), and smallest share of equal
#: decisions, of an exported student that is not quantised.
TOLERANCE, SAME = 1e-4, 0.999


@torch.no_grad()
def eager_logits(algorithm: Algorithm, batch: dict[str, Any]) -> Tensor:
    """The logits of a batch as the trained model itself computes them, dense ones in the size of the input."""
    x = algorithm.data_preprocessor(batch, False)['inputs'][algorithm.modality]
    logits = algorithm.student(x, None, mode='tensor')
    if logits.ndim == 4:
        corners = getattr(algorithm.student, 'align_corners', False)
        return interpolate(logits, size=x.shape[2:], mode='bilinear', align_corners=corners)
    return logits


def pad_token(algorithm: Algorithm) -> int:
    """What fills token ids up, where the student reads text."""
    return getattr(getattr(algorithm.student, 'backbone', None), 'pad', 0)


def raw(algorithm: Algorithm, batch: dict[str, Any]) -> dict[str, Tensor]:
    """The same batch as an exported student takes it."""
    modality = algorithm.modality
    normalizer = algorithm.data_preprocessor.normalizers[modality]
    return raw_inputs(batch['inputs'][modality], modality, normalizer, pad_token(algorithm))


def arrays(algorithm: Algorithm, batch: dict[str, Any]) -> dict[str, np.ndarray]:
    """:func:`raw` as arrays."""
    return {name: x.numpy() for name, x in raw(algorithm, batch).items()}


class Scored:
    """One model's predictions against the labels, and its logits against those of the trained model.

    Args:
        algorithm: The trained model.
        evaluator: Config of the metric.
        metainfo: Of the data set.
        exported: What is compared; ``None`` for the trained model itself.

    Attributes:
        difference: The largest between two logits.
        largest: The largest of the trained model's logits, without its sign.
        same, decisions: How many samples or pixels get the same class, of how many.
    """

    def __init__(
        self, algorithm: Algorithm, evaluator: Any, metainfo: dict[str, Any], exported: Exported | None = None
    ) -> None:
        self._algorithm, self._exported = algorithm, exported
        self._evaluator = Evaluator(copy.deepcopy(evaluator))
        self._evaluator.dataset_meta = metainfo
        self.difference, self.largest, self.same, self.decisions, self._samples = 0.0, 0.0, 0, 0, 0

    @property
    def share(self) -> float:
        """Of equal decisions."""
        return self.same / self.decisions

    def add(self, batch: dict[str, Any], eager: Tensor, labelled: bool) -> None:
        """Compares a batch; ``eager`` are the trained model's logits of it."""
        logits = eager
        if self._exported is not None:
            logits = torch.from_numpy(self._exported.run(arrays(self._algorithm, batch)))
        if logits.shape != eager.shape:
            raise ExportError(f'the exported student puts out {tuple(logits.shape)}, expected {tuple(eager.shape)}')
        self.largest = max(self.largest, eager.abs().max().item())
        difference = (logits - eager).abs().max().item()
        # a comparison with NaN is false, so that max() would keep either
        self.difference = difference if np.isnan(difference) else max(self.difference, difference)
        same = logits.argmax(1) == eager.argmax(1)
        self.same, self.decisions = self.same + int(same.sum()), self.decisions + same.numel()
        if labelled:
            predictions = predicted(self._algorithm, logits, batch['data_samples'])
            self._evaluator.process(data_samples=predictions, data_batch=batch)
            self._samples += len(predictions)

    def metrics(self) -> dict[str, float]:
        """Of the labelled batches; none, where there were none."""
        return self._evaluator.evaluate(self._samples) if self._samples else {}

    @property
    def tolerance(self) -> float:
        """What the difference of logits has to stay below; rounding grows with them."""
        return max(1.0, self.largest / 10) * TOLERANCE

    def refuse_nonfinite(self) -> None:
        """Refuses a student, quantised or not, that puts out NaN or infinite logits.

        Raises:
            ExportError: If it did.
        """
        if not np.isfinite(self.difference):
            raise ExportError('the exported student puts out NaN or infinite logits; nothing was written')

    def refuse_difference(self) -> None:
        """Refuses a student whose logits or decisions differ by more than rounding.

        Raises:
            ExportError: With the numbers.
        """
        if not self.difference < self.tolerance or self.share < SAME:
            raise ExportError(
                f'the exported student differs from the trained one: its logits by up to {self.difference:.2g} '
                f'(expected below {self.tolerance:.2g} for logits up to {self.largest:.2g}), its decisions on '
                f'{100 * (1 - self.share):.2f} % of {self.decisions:,} (expected {100 * (1 - SAME):.1f} % at most); '
                'nothing was written'
            )


def predicted(algorithm: Algorithm, logits: Tensor, samples: Sequence[Any]) -> list[Any]:
    """Copies of the samples with what follows from the logits, as the student's own prediction writes it."""
    samples = copy.deepcopy(list(samples))
    if is_segmentor(algorithm.student):
        return algorithm.student.postprocess_result(logits, samples)
    return write_label_maps(logits, samples) if logits.ndim == 4 else write_predictions(logits, samples)


def cropped(batch: dict[str, Any], modality: str) -> dict[str, Any]:
    """A batch of images in three quarters of their height and width, to see that another size works."""
    images = [x[..., : x.shape[-2] * 3 // 4, : x.shape[-1] * 3 // 4] for x in batch['inputs'][modality]]
    return {**batch, 'inputs': {modality: images}}
