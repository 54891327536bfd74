"""The distillation losses of one training: which tap each compares, through which connector, with which weight."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from fdkd.errors import ConfigError, LossError
from fdkd.registry import CONNECTORS, DISTILL_LOSSES

#: What a tap reads: a tensor, or a list of tensors.
Feature = Tensor | list[Tensor]


class DistillationTerms(nn.Module):
    """Builds the losses of a config and evaluates them on what the taps of both models read.

    Args:
        losses: For each name a loss's config with ``on``, the tap that it compares, and optionally ``weight`` (1) and
            ``connector``, the config of an adapter of the student's feature.
        num_classes: Classes of both models, for losses that take ``num_classes`` and whose config does not say it.
        channels: Width of the teacher's ``feat``, likewise for ``channels`` of losses on that tap.

    Attributes:
        taps: The tap of each loss.

    Raises:
        ConfigError: If a loss names no tap.
    """

    def __init__(
        self, losses: Mapping[str, Mapping[str, Any]], num_classes: int | None = None, channels: int | None = None
    ) -> None:
        super().__init__()
        self.losses, self.connectors = nn.ModuleDict(), nn.ModuleDict()
        self.taps: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        for name, config in losses.items():
            self._add(name, dict(config), num_classes, channels)

    def _add(self, name: str, config: dict[str, Any], num_classes: int | None, channels: int | None) -> None:
        if 'on' not in config:
            raise ConfigError(f"the loss {name!r} names no tap: add on='feat', on='logits' or a path")
        self.taps[name] = config.pop('on')
        self.weights[name] = config.pop('weight', 1.0)
        connector = config.pop('connector', None)
        self.connectors[name] = nn.Identity() if connector is None else CONNECTORS.build(connector)
        sizes = {'num_classes': num_classes, 'channels': channels if self.taps[name] == 'feat' else None}
        taken = inspect.signature(DISTILL_LOSSES.get(config['type'])).parameters
        config = {key: size for key, size in sizes.items() if key in taken and size is not None} | config
        self.losses[name] = DISTILL_LOSSES.build(config)

    def forward(
        self, student: Mapping[str, Feature], teacher: Mapping[str, Feature], target: Tensor | None
    ) -> dict[str, Tensor]:
        """The weighted parts ``NAME.loss...`` of every loss.

        Args:
            student: What the student's taps read, by tap.
            teacher: The same of the teacher.
            target: Labels ``[N]`` or label maps ``[N, H, W]``.

        Raises:
            LossError: If a loss returns a part that would not be trained on.
        """
        losses: dict[str, Tensor] = {}
        for name, tap in self.taps.items():
            pair = [_match_labels(tap, features[tap], target) for features in (student, teacher)]
            value = self.losses[name](self.connectors[name](pair[0]), pair[1], target)
            parts = {'loss': value} if isinstance(value, Tensor) else value
            if lost := [key for key in parts if 'loss' not in key]:
                raise LossError(f"the loss {name!r} returns {lost}; only keys that contain 'loss' are trained on")
            losses |= {f'{name}.{key}': self.weights[name] * part for key, part in parts.items()}
        return losses

    def without_pairs(self) -> dict[str, Tensor]:
        """Zeros in place of the losses of a batch in which no sample has the teacher's modality.

        They touch every parameter, which DistributedDataParallel expects of each step.
        """
        untouched = [parameter.flatten()[:0].sum() for parameter in self.parameters()]
        return {'pairs.loss_none': sum(untouched)} if untouched else {}

    @property
    def heads(self) -> tuple[str, ...]:
        """``NAME.HEAD`` for every classifier that a loss trains on the student's feature (its ``heads``)."""
        return tuple(f'{name}.{head}' for name, loss in self.losses.items() for head in getattr(loss, 'heads', ()))

    def classify(self, student: Mapping[str, Feature]) -> dict[str, Tensor]:
        """Logits of every one of :attr:`heads`."""
        logits: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            if getattr(loss, 'heads', ()):
                found = loss.classify(self.connectors[name](student[self.taps[name]]))
                logits |= {f'{name}.{head}': x for head, x in found.items()}
        return logits


def _match_labels(tap: str, feature: Feature, target: Tensor | None) -> Feature:
    """Dense logits are compared at the size of the label map; every other tap as it is."""
    if tap != 'logits' or feature.ndim != 4:
        return feature
    return interpolate(feature, size=target.shape[-2:], mode='bilinear', align_corners=False)
