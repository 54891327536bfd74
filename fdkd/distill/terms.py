"""The distillation losses of one training: which tap each compares, through which connector, with which weight."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from fdkd.errors import ConfigError, LossError
from fdkd.registry import CONNECTORS, DISTILL_LOSSES

#: What a tap reads: a tensor, or a list of tensors.
Feature = Tensor | list[Tensor]
#: What losses may be told of the models, as arguments of these names that their configs do not state.
FACTS = ('num_classes', 'channels', 'student_channels', 'teacher_channels', 'margins')
#: Answers which of :data:`FACTS` is what at a tap; ``None`` where it is unknown.
Facts = Callable[[str, str], Any]


def tapped(losses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The taps that the losses of a config compare, sorted.

    Raises:
        ConfigError: If a loss names no tap.
    """
    if nameless := [name for name, config in losses.items() if 'on' not in config]:
        raise ConfigError(f"the loss {nameless[0]!r} names no tap: add on='feat', on='logits' or a path")
    return sorted({config['on'] for config in losses.values()})


class DistillationTerms(nn.Module):
    """Builds the losses of a config and evaluates them on what the taps of both models read.

    Args:
        losses: For each name a loss's config with ``on``, the tap that it compares, and optionally ``weight`` (1),
            ``warmup`` (0), the epochs over which the weight rises, in the first to ``weight / warmup``,
            ``connector``, the config of an adapter of the student's feature, or a list of such, applied in turn, and
            ``teacher``, which the algorithm reads.
        facts: Called with the name of an argument, one of :data:`FACTS`, and a tap, for every loss that takes the
            argument and whose config does not state it. Its answer is passed on unless it is ``None``. Or what to call,
            by the name of the loss, where losses belong to several teachers.

    Attributes:
        taps: The tap of each loss.
        epoch: The epoch of the training, from 0, which the algorithm keeps up to date.

    Raises:
        ConfigError: If a loss names no tap.
        LossError: If a tap reads a list and its loss has no ``takes_lists = True``.
    """

    def __init__(
        self, losses: Mapping[str, Mapping[str, Any]], facts: Facts | Mapping[str, Facts] | None = None
    ) -> None:
        super().__init__()
        tapped(losses)
        self.losses, self.connectors = nn.ModuleDict(), nn.ModuleDict()
        self.taps: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        self.warmups: dict[str, int] = {}
        self.epoch = 0
        for name, config in losses.items():
            own = facts.get(name) if isinstance(facts, Mapping) else facts
            self._add(name, dict(config), own or (lambda key, tap: None))

    def _add(self, name: str, config: dict[str, Any], facts: Facts) -> None:
        self.taps[name] = config.pop('on')
        config.pop('teacher', None)
        self.weights[name], self.warmups[name] = config.pop('weight', 1.0), config.pop('warmup', 0)
        connectors = config.pop('connector', [])
        connectors = [connectors] if isinstance(connectors, Mapping) else connectors
        self.connectors[name] = nn.ModuleList(CONNECTORS.build(connector) for connector in connectors)
        loss = DISTILL_LOSSES.get(config['type'])
        taken = inspect.signature(loss).parameters
        known = {key: facts(key, self.taps[name]) for key in FACTS if key in taken and key not in config}
        if any(isinstance(value, list) for value in known.values()):
            self._expect_lists(name, loss)
        for connector in self.connectors[name]:
            if 'student_channels' in known and hasattr(connector, 'out_channels'):
                known['student_channels'] = connector.out_channels
        unknown = [key for key, value in known.items() if value is None and taken[key].default is taken[key].empty]
        if unknown:
            raise LossError(
                f'the loss {name!r} ({config["type"]}) needs {", ".join(unknown)}, which the models do not tell at '
                f'{self.taps[name]!r}: state it in its config'
            )
        self.losses[name] = DISTILL_LOSSES.build(
            {key: value for key, value in known.items() if value is not None} | config
        )

    def _expect_lists(self, name: str, loss: Any) -> None:
        if not getattr(loss, 'takes_lists', False):
            raise LossError(
                f'the loss {name!r} compares one tensor, and its tap {self.taps[name]!r} reads several: choose '
                "on='feat', on='map', on='logits' or one path"
            )

    def forward(
        self,
        student: Mapping[str, Feature],
        teacher: Mapping[str, Feature],
        target: Tensor | None,
        names: Collection[str] | None = None,
    ) -> dict[str, Tensor]:
        """The weighted parts ``NAME.loss...`` of every loss.

        Args:
            student: What the student's taps read, by tap.
            teacher: The same of the teacher.
            target: Labels ``[N]`` or label maps ``[N, H, W]``.
            names: The losses to evaluate, those of this teacher; ``None`` for all.

        Raises:
            LossError: If a loss returns a part that would not be trained on.
        """
        losses: dict[str, Tensor] = {}
        for name in self.taps if names is None else names:
            tap = self.taps[name]
            if isinstance(student[tap], list) or isinstance(teacher[tap], list):
                self._expect_lists(name, self.losses[name])
            ours, theirs = (_match_labels(tap, features[tap], target) for features in (student, teacher))
            value = self.losses[name](self._connect(name, ours, theirs), theirs, target)
            parts = {'loss': value} if isinstance(value, Tensor) else value
            if lost := [key for key in parts if 'loss' not in key]:
                raise LossError(f"the loss {name!r} returns {lost}; only keys that contain 'loss' are trained on")
            weight = self.weights[name] * min((self.epoch + 1) / max(self.warmups[name], 1), 1.0)
            losses |= {f'{name}.{key}': weight * part for key, part in parts.items()}
        return losses

    def only(self, names: Collection[str]) -> nn.ModuleList:
        """The modules of some of the losses."""
        return nn.ModuleList(part for name in names for part in (self.losses[name], self.connectors[name]))

    @property
    def heads(self) -> tuple[str, ...]:
        """``NAME.HEAD`` for every classifier that a loss trains on the student's feature (its ``heads``)."""
        return tuple(f'{name}.{head}' for name, loss in self.losses.items() for head in getattr(loss, 'heads', ()))

    def classify(self, student: Mapping[str, Feature]) -> dict[str, Tensor]:
        """Logits of every one of :attr:`heads`."""
        logits: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            if getattr(loss, 'heads', ()):
                feature = student[self.taps[name]]
                found = loss.classify(self._connect(name, feature, feature))
                logits |= {f'{name}.{head}': x for head, x in found.items()}
        return logits

    def _connect(self, name: str, student: Feature, teacher: Feature) -> Feature:
        for connector in self.connectors[name]:
            student = connector(student, teacher)
        return student


def untouched(module: nn.Module) -> dict[str, Tensor]:
    """A zero in place of the losses of a batch in which no sample has the teacher's modality.

    It depends on every parameter of ``module``, since DistributedDataParallel expects each in every step.
    """
    zeros = [parameter.flatten()[:0].sum() for parameter in module.parameters()]
    return {'pairs.loss_none': sum(zeros)} if zeros else {}


def _match_labels(tap: str, feature: Feature, target: Tensor | None) -> Feature:
    """Dense logits are compared at the size of the label map; every other tap as it is."""
    if tap != 'logits' or isinstance(feature, list) or feature.ndim != 4:
        return feature
    return interpolate(feature, size=target.shape[-2:], mode='bilinear', align_corners=False)
