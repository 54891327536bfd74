"""A teacher that is a folder of files."""

import math
from collections.abc import Mapping, Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from fdkd.datasets.class_sample import ClassSample
from fdkd.datasets.transforms.stored import tap_shapes, total_size
from fdkd.errors import ConfigError, DataError
from fdkd.models.classifier import write_predictions
from fdkd.registry import MODELS


@MODELS.register_module()
class StoredFeatures(BaseModule):
    """Stands where a teacher's network would: its taps are what another program stored for each sample.

    Its input is what :class:`~fdkd.datasets.transforms.stored.LoadFeatures` reads, and it has no weights. Distillation
    losses name its taps as they name a network's, ``on='feat'`` or ``on='logits'``. What is stored belongs to a sample
    as it is, whatever augmentation shows the student.

    Args:
        taps: Shape of each tap by name, without the batch: ``dict(feat=(512,), logits=(10,))``; ``(D,)``, ``(T, D)`` or
            ``(C, H, W)``.
        num_classes: K; known from ``logits`` where these are stored.

    Attributes:
        tap_widths: Channels of each tap by its path.

    Raises:
        ConfigError: If ``taps`` are no shapes, or the logits another number than ``num_classes``.
    """

    #: There is nothing to train first, and no checkpoint to load.
    comes_with_data = True

    def __init__(self, taps: Mapping[str, Sequence[int]], num_classes: int | None = None) -> None:
        super().__init__()
        self.shapes = tap_shapes(taps)
        logits = self.shapes.get('logits')
        if logits and num_classes not in (None, logits[0]):
            raise ConfigError(f'StoredFeatures: the logits are {logits[0]}, the classes {num_classes}')
        self.num_classes = logits[0] if logits else num_classes
        self.stored = nn.ModuleDict({name: nn.Identity() for name in self.shapes})
        self.tap_widths = {
            f'stored.{name}': shape[-1] if len(shape) == 2 else shape[0] for name, shape in self.shapes.items()
        }

    @property
    def named_features(self) -> dict[str, str]:
        """Paths of the tensors that distillation reads: a tap of each stored name, ``[N, *shape]``."""
        return {name: f'stored.{name}' for name in self.shapes}

    def forward(
        self, inputs: Tensor, data_samples: list[ClassSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[ClassSample]:
        """Passes each tap's values by.

        Args:
            inputs: ``[N, sum of the taps' sizes]``.
            data_samples: What ``'predict'`` writes to.
            mode: ``'tensor'`` or ``'predict'``.

        Returns:
            The logits, or the last tap where there are none; or ``data_samples`` with ``pred_scores`` and
            ``pred_label``.

        Raises:
            DataError: If the input has another size, or a prediction is asked for and no logits ``[K]`` are stored.
            ConfigError: If it is to be trained.
        """
        size = total_size(self.shapes)
        if inputs.shape[1:] != (size,):
            raise DataError(
                f'StoredFeatures: {tuple(inputs.shape[1:])} values of each sample, expected ({size},): LoadFeatures '
                f'needs the same taps, {self.shapes}'
            )
        parts = inputs.split([math.prod(shape) for shape in self.shapes.values()], dim=1)
        taps = {
            name: self.stored[name](part.unflatten(1, shape))
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }
        if mode == 'tensor':
            return taps['logits'] if 'logits' in taps else next(reversed(taps.values()))
        if mode != 'predict':
            raise ConfigError('StoredFeatures cannot be trained: it is a teacher for CrossModalDistiller')
        if len(self.shapes.get('logits', ())) != 1:
            raise DataError(f'no logits of whole samples are stored, only {self.shapes}')
        return write_predictions(taps['logits'], data_samples)
