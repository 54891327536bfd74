"""Cross-modal distillation with a frozen teacher."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.teacher import Frozen, build_teacher
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.errors import ConfigError, LossError
from fdkd.registry import ALGORITHMS, CONNECTORS, DISTILL_LOSSES


@ALGORITHMS.register_module()
class CrossModalDistiller(Algorithm):
    """A student of one modality learns its task and, through distillation losses on taps, from a teacher of another.

    Args:
        student: ``modality``, ``model`` and, where the default taps do not serve, ``taps`` (name to path).
        teacher: ``modality``; ``config`` (the file that trains it) or ``model``; ``checkpoint``, which
            ``fdkd.apis.train`` fills in; and ``taps``.
        losses: For each name a loss's config with ``on``, the tap that it compares, and optionally ``weight`` (1)
            and ``connector``, the config of an adapter of the student's feature. It is logged as ``NAME.loss...``.
        data_preprocessor: Config of the preprocessor.

    Raises:
        ConfigError: If ``teacher`` names no checkpoint, or a loss no tap.
        CheckpointError: If the teacher's checkpoint does not fit.
    """

    def __init__(
        self,
        student: dict[str, Any],
        teacher: dict[str, Any],
        losses: dict[str, dict[str, Any]],
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(student['modality'], student['model'], data_preprocessor)
        if 'checkpoint' not in teacher:
            raise ConfigError(
                f'the teacher of modality {teacher["modality"]!r} has no checkpoint: start with tools/train.py, which '
                'trains one where none exists, or set model.teacher.checkpoint'
            )
        self.teacher_modality = teacher['modality']
        self._frozen = Frozen(build_teacher(teacher, self.student))
        self.losses, self.connectors = nn.ModuleDict(), nn.ModuleDict()
        self.taps: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        for name, config in losses.items():
            self._add_loss(name, dict(config))
        names = sorted(set(self.taps.values()))
        self._student_taps = TapReader(self.student, resolve_taps(self.student, names, student.get('taps')))
        self._teacher_taps = TapReader(
            self.teacher, resolve_taps(self.teacher, names, teacher.get('taps')), stop_early=True
        )

    def _add_loss(self, name: str, config: dict[str, Any]) -> None:
        if 'on' not in config:
            raise ConfigError(f"the loss {name!r} names no tap: add on='feat', on='logits' or a path")
        self.taps[name] = config.pop('on')
        self.weights[name] = config.pop('weight', 1.0)
        connector = config.pop('connector', None)
        self.connectors[name] = nn.Identity() if connector is None else CONNECTORS.build(connector)
        self.losses[name] = DISTILL_LOSSES.build(config)

    @property
    def teacher(self) -> nn.Module:
        """The frozen teacher, always in evaluation mode."""
        return self._frozen.module

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.modality, self.teacher_modality)

    def _apply(self, fn: Any, recurse: bool = True) -> 'CrossModalDistiller':
        """Takes the teacher along to another device, dtype or memory format."""
        self.teacher._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def init_weights(self) -> None:
        """Initialises the student; the teacher came with its weights."""
        self.student.init_weights()

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """The student's task losses and ``NAME.loss...`` for each distillation loss."""
        teacher = self._read_teacher(inputs[self.teacher_modality])
        losses, student = self._student_taps.run(self.student, inputs[self.modality], data_samples, mode='loss')
        target = _targets(data_samples)
        for name, tap in self.taps.items():
            pair = [_match_labels(tap, features[tap], target) for features in (student, teacher)]
            value = self.losses[name](self.connectors[name](pair[0]), pair[1], target)
            parts = {'loss': value} if isinstance(value, Tensor) else value
            if lost := [key for key in parts if 'loss' not in key]:
                raise LossError(f"the loss {name!r} returns {lost}; only keys that contain 'loss' are trained on")
            losses |= {f'{name}.{key}': self.weights[name] * part for key, part in parts.items()}
        return losses

    @torch.no_grad()
    def _read_teacher(self, inputs: Tensor) -> dict[str, Tensor | list[Tensor]]:
        return self._teacher_taps.run(self.teacher, inputs, mode='tensor')[1]


def _targets(data_samples: list) -> Tensor:
    """Label maps ``[N, H, W]`` of the batch."""
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])


def _match_labels(tap: str, feature: Any, target: Tensor) -> Any:
    """Dense logits are compared at the size of the label map; every other tap as it is."""
    if tap != 'logits' or feature.ndim != 4:
        return feature
    return interpolate(feature, size=target.shape[-2:], mode='bilinear', align_corners=False)
