"""A classifier of one modality: backbone, global pooling, linear head."""

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError
from fdkd.labels import UNLABELLED
from fdkd.registry import BACKBONES, MODELS


class GlobalPool(nn.Module):
    """The mean over positions, and over the frames of a sample.

    Shapes: ``[N * T, D, ...]`` to ``[N, D]``, where the T rows of one sample follow one another.
    """

    def forward(self, x: Tensor, samples: int) -> Tensor:
        """Pools ``x``, the rows of ``samples`` samples."""
        rows = x.mean(dim=tuple(range(2, x.ndim))) if x.ndim > 2 else x
        return rows.reshape(samples, -1, rows.shape[1]).mean(1)


@MODELS.register_module()
class Classifier(BaseModule):
    """``head(dropout(pool(activation(backbone(x)))))``.

    The submodule ``feature`` pools the same map *before* the activation, which is what distillation compares.

    Args:
        backbone: Config of a backbone. It returns a map ``[N, D, h, w]`` or a vector ``[N, D]`` from before its last
            activation, and has the attributes ``channels`` (D), ``activation`` (a module) and ``stages`` (paths).
        num_classes: K.
        dropout: Probability of dropping an entry of the head's input.
        init_cfg: As of MMEngine's ``BaseModule``.

    Raises:
        ConfigError: If the backbone lacks one of these attributes, or returns anything but D channels.
    """

    def __init__(
        self, backbone: dict | nn.Module, num_classes: int, dropout: float = 0.0, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = backbone if isinstance(backbone, nn.Module) else BACKBONES.build(backbone)
        if lacking := [name for name in ('channels', 'activation', 'stages') if not hasattr(self.backbone, name)]:
            raise ConfigError(
                f'{type(self.backbone).__name__} has no {" and no ".join(lacking)}, which a Classifier needs of its '
                'backbone: channels (of what it returns), activation (a module that follows) and stages (paths, or ())'
            )
        self.num_classes, self.feature_channels = num_classes, self.backbone.channels
        self.feature, self.pool = GlobalPool(), GlobalPool()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.feature_channels, num_classes)
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def named_features(self) -> dict[str, str | list[str]]:
        """Paths of the tensors that distillation reads.

        ``feat`` is ``[N, D]`` from before the last activation, ``logits`` ``[N, K]``; ``stages``, where the backbone
        has stages, what each puts out, and ``map`` the last of them, with a row for each frame of each sample.
        """
        paths: dict[str, str | list[str]] = {'feat': 'feature', 'logits': 'head'}
        if self.backbone.stages:
            paths['stages'] = [f'backbone.{stage}' for stage in self.backbone.stages]
            paths['map'] = paths['stages'][-1]
        return paths

    def forward(self, inputs: Tensor, data_samples: list[ClassSample] | None = None, mode: str = 'tensor') -> Any:
        """Runs the classifier.

        Args:
            inputs: ``[N, ...]`` as the backbone takes it, or frames ``[N, T, C, H, W]``, which pass it one by one and
                are pooled together.
            data_samples: Labels for ``'loss'``; what ``'predict'`` writes to.
            mode: ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            The logits ``[N, K]``; or ``loss_ce``, the mean cross-entropy over the labelled samples, 0 where there are
            none; or ``data_samples`` with ``pred_scores`` and ``pred_label``.
        """
        logits = self._logits(inputs)
        if mode == 'tensor':
            return logits
        if mode == 'loss':
            target = torch.stack([sample.gt_label for sample in data_samples])
            return {'loss_ce': mean_cross_entropy(logits, target, UNLABELLED)}
        if mode == 'predict':
            return write_predictions(logits, data_samples)
        raise ValueError(f"mode {mode!r}: expected 'tensor', 'loss' or 'predict'")

    def _logits(self, inputs: Tensor) -> Tensor:
        samples = len(inputs)
        before = self.backbone(inputs.flatten(0, 1) if inputs.ndim == 5 else inputs)
        if before.shape[1:2] != (self.feature_channels,):
            raise ConfigError(
                f'{type(self.backbone).__name__} returns {tuple(before.shape)}, expected [N, {self.feature_channels}, '
                '...] since its channels say so'
            )
        self.feature(before, samples)  # for whoever reads its output
        return self.head(self.dropout(self.pool(self.backbone.activation(before), samples)))


def mean_cross_entropy(logits: Tensor, target: Tensor, ignored: int) -> Tensor:
    """A sum over a count, since the mean over nothing that is labelled is NaN.

    Args:
        logits: ``[N, K]``, or ``[N, K, H, W]``.
        target: ``[N]``, or ``[N, H, W]``.
        ignored: The label of what does not count.
    """
    total = cross_entropy(logits.float(), target, ignore_index=ignored, reduction='sum')
    return total / (target != ignored).sum().clamp_min(1)


def write_predictions(logits: Tensor, data_samples: list[ClassSample]) -> list[ClassSample]:
    """Gives each sample the softmax of its row of the logits ``[N, K]`` as ``pred_scores``, and ``pred_label``."""
    scores = logits.float().softmax(1)
    for sample, row, label in zip(data_samples, scores, scores.argmax(1), strict=True):
        sample.pred_scores, sample.pred_label = row, label
    return data_samples
