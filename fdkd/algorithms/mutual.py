"""Two students of different modalities that teach each other while both learn their task."""

import inspect
from typing import Any

from torch import Tensor

from fdkd.algorithms.both import BothTrain
from fdkd.algorithms.facts import TapFacts
from fdkd.distill.taps import resolve_taps
from fdkd.distill.terms import DistillationTerms, Feature, tapped
from fdkd.errors import ConfigError
from fdkd.registry import ALGORITHMS, DISTILL_LOSSES


@ALGORITHMS.register_module()
class MutualDistiller(BothTrain):
    r"""Deep mutual learning (Zhang et al., CVPR 2018, arXiv 1706.00384): the teacher trains too, and both teach.

    Each model minimises its own task loss and the distillation losses towards the other, which is held fixed in them:

    .. math:: L^a = L^a_\mathrm{task} + d(x^a, \bar x^b), \qquad L^b = L^b_\mathrm{task} + d(x^b, \bar x^a)

    With ``d`` the divergence of the logits, KL(other || own) at temperature 1, this is DML. One optimizer steps both
    models at once from one batch, while the paper updates one after the other, the second with the first's new
    predictions: that would cost a further forward pass a step, and published re-implementations leave it out too.

    Args:
        student: As for :class:`~fdkd.algorithms.distiller.CrossModalDistiller`.
        teacher: Likewise; it starts from scratch, as the student does.
        losses: Likewise; each is built twice, once in each direction, so connectors and parameters are not shared.
        data_preprocessor: Config of the preprocessor.

    Raises:
        ConfigError: If a loss names no tap, or the teacher a checkpoint, or if a loss takes something of the teacher
            before training that a teacher which trains does not keep.
    """

    teacher_comes_trained = False

    def __init__(
        self,
        student: dict[str, Any],
        teacher: dict[str, Any],
        losses: dict[str, dict[str, Any]],
        data_preprocessor: dict | None = None,
    ) -> None:
        if teacher.get('checkpoint'):
            raise ConfigError(f'MutualDistiller trains its teacher from scratch: leave out {teacher["checkpoint"]}')
        if 'teacher' in losses:
            raise ConfigError("a loss may not be named 'teacher', as the losses of the teacher are")
        _refuse_frozen(losses)
        super().__init__(student, {**teacher, 'checkpoint': None}, data_preprocessor)
        names = tapped(losses)
        paths = resolve_taps(self.student, names, student.get('taps'))
        teacher_paths = resolve_taps(self.teacher, names, teacher.get('taps'))
        self.read_at(paths, teacher_paths)
        self.terms = DistillationTerms(losses, TapFacts(self.student, self.teacher, paths, teacher_paths))
        self.teacher_terms = DistillationTerms(losses, TapFacts(self.teacher, self.student, teacher_paths, paths))

    @property
    def heads(self) -> tuple[str, ...]:
        return self.terms.heads

    def start_epoch(self, epoch: int) -> None:
        """Tells the losses, whose weights may rise over the first epochs."""
        self.terms.epoch = self.teacher_terms.epoch = epoch

    def exchange(self, student: dict[str, Feature], teacher: dict[str, Feature], target: Tensor) -> dict[str, Tensor]:
        """``NAME.loss...`` for each distillation loss, and the teacher's as ``teacher.NAME.loss...``."""
        back = self.teacher_terms(teacher, _fixed(student), target)
        there = self.terms(student, _fixed(teacher), target)
        return there | {f'teacher.{name}': value for name, value in back.items()}


def _refuse_frozen(losses: dict[str, dict[str, Any]]) -> None:
    """Refuses losses made for a frozen teacher: OFD reads margins off trained batch norms, FreeKD learns prompts."""
    for name, config in losses.items():
        if 'teacher' in config:
            raise ConfigError(f'the loss {name!r} names a teacher, and MutualDistiller has one: leave it out')
        loss = DISTILL_LOSSES.get(config['type'])
        if hasattr(loss, 'prompted') or ('margins' in inspect.signature(loss).parameters and 'margins' not in config):
            raise ConfigError(
                f'the loss {name!r}: {config["type"]} takes what it compares from a trained teacher, and '
                'MutualDistiller trains its teacher from scratch: use CrossModalDistiller, or another loss'
            )


def _fixed(features: dict[str, Feature]) -> dict[str, Feature]:
    """The features as they are now, without their history."""
    return {
        tap: [x.detach() for x in feature] if isinstance(feature, list) else feature.detach()
        for tap, feature in features.items()
    }
