"""One frozen teacher of a distiller: the network, where it is read, and how it is asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fdkd.algorithms.pairs import per_sample
from fdkd.algorithms.teacher import Frozen, build_teacher, comes_trained, without_checkpoint
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.distill.terms import Feature, tapped
from fdkd.errors import ConfigError


class FrozenTeacher:
    """A network of one modality that a student learns from and that does not change.

    Args:
        config: As for :class:`~fdkd.algorithms.distiller.CrossModalDistiller`.
        student: The built student.
        losses: The configs of the losses that compare with this teacher.

    Attributes:
        losses: Those configs, by name.
        modality: What it sees.
        untrained: Whether it has no checkpoint, so that :meth:`init_weights` gives it its weights.
        paths: Where its taps lie, by name.
        reader: What reads them, as far as the last of them.
        cache: ``None``, or what gives its tensors without running it on samples that it knows. It is called with the
            teacher's input, its samples and a function that runs the teacher on an input of so many samples, and
            returns what that function would.

    Raises:
        ConfigError: If it has no checkpoint, or a loss compares logits of other classes.
        CheckpointError: If the checkpoint does not fit.
    """

    def __init__(self, config: dict[str, Any], student: nn.Module, losses: Mapping[str, Mapping[str, Any]]) -> None:
        if 'checkpoint' not in config and not comes_trained(config):
            raise without_checkpoint(config)
        self.losses = losses
        config = {'checkpoint': None, **config}
        self.modality, self.untrained = config['modality'], config['checkpoint'] is None
        self._frozen = Frozen(build_teacher(config, student, any_classes=bool(losses) and not self._compared()))
        self.paths = resolve_taps(self.network, tapped(losses), config.get('taps'))
        self.reader = TapReader(self.network, self.paths, stop_early=True)
        self.cache: Callable[[Tensor, list, Callable], dict[str, Feature]] | None = None

    @property
    def network(self) -> nn.Module:
        """The network, always in evaluation mode."""
        return self._frozen.module

    def init_weights(self) -> None:
        """Gives a teacher without a checkpoint the weights that its model's config says.

        Raises:
            ConfigError: If its pretrained weights have no classifier of these classes, and a loss compares its logits.
        """
        if not self.untrained:
            return
        self.network.init_weights()
        if getattr(self.network, 'head_is_new', False) and (names := self._compared()):
            raise ConfigError(
                f'the loss {names[0]!r} compares logits, and the pretrained weights of the teacher '
                f'({self.network.name}) have no classifier of {self.network.num_classes} classes: choose losses on '
                "its features, such as on='map', or give it a checkpoint"
            )

    @torch.no_grad()
    def ask(self, inputs: Tensor, data_samples: list) -> dict[str, Feature]:
        """What its taps read of ``inputs``, which belong to ``data_samples``, a row for each of these."""
        if self.cache is not None:
            return self.cache(inputs, data_samples, self._run)
        return self._run(inputs, len(data_samples))

    def _run(self, inputs: Tensor, samples: int) -> dict[str, Feature]:
        return per_sample(self.reader.run(self.network, inputs, mode='tensor')[1], samples)

    def _compared(self) -> Sequence[str]:
        """The losses that compare its logits."""
        return logit_losses(self.losses)


def logit_losses(losses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of the losses that compare logits, for which two models have to know the same classes."""
    return [name for name, config in losses.items() if config.get('on') == 'logits']


def losses_by_teacher(
    losses: Mapping[str, Mapping[str, Any]], teachers: Sequence[str]
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The losses of each teacher, by name; each says with ``teacher`` whose it is, unless there is one alone.

    Raises:
        ConfigError: If a loss names no teacher, or one that is not there, or a teacher has no loss.
    """
    alone = teachers[0] if len(teachers) == 1 else None
    found: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in teachers}
    for name, config in losses.items():
        teacher = config.get('teacher', alone)
        if teacher not in found:
            what = 'names no teacher' if teacher is None else f'names the teacher {teacher!r}, which is not there'
            raise ConfigError(
                f'the loss {name!r} {what}: add {" or ".join(f"teacher={choice!r}" for choice in teachers)}'
            )
        found[teacher][name] = config
    if alone is None and (idle := [name for name, own in found.items() if not own]):
        raise ConfigError(
            f'no loss compares with the teacher {idle[0]!r}: give one teacher={idle[0]!r}, or leave it out'
        )
    return found
