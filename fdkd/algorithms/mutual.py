"""Two students of different modalities that teach each other while both learn their task."""

from typing import Any

from torch import Tensor, nn

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.facts import TapFacts
from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.algorithms.teacher import build_teacher
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.distill.terms import DistillationTerms, Feature, tapped, untouched
from fdkd.registry import ALGORITHMS


@ALGORITHMS.register_module()
class MutualDistiller(Algorithm):
    r"""Deep mutual learning (Zhang et al., CVPR 2018, arXiv 1706.00384): the teacher trains too, and both teach.

    Each model minimises its own task loss and the distillation losses towards the other, which is held fixed in them:

    .. math:: L^a = L^a_\mathrm{task} + d(x^a, \bar x^b), \qquad L^b = L^b_\mathrm{task} + d(x^b, \bar x^a)

    With ``d`` the divergence of the logits, KL(other || own) at temperature 1, this is DML. One optimizer steps both
    models at once from one batch, while the paper updates one after the other, the second with the first's new
    predictions: that would cost a further forward pass a step, and published re-implementations leave it out too.

    The teacher's losses are named ``teacher.*``. It learns from the samples that have its modality.

    Args:
        student: As for :class:`~fdkd.algorithms.distiller.CrossModalDistiller`.
        teacher: Likewise; it starts from scratch, as the student does.
        losses: Likewise; each is built twice, once in each direction, so connectors and parameters are not shared.
        data_preprocessor: Config of the preprocessor.
    """

    teacher_comes_trained = False

    def __init__(
        self,
        student: dict[str, Any],
        teacher: dict[str, Any],
        losses: dict[str, dict[str, Any]],
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(student['modality'], student['model'], data_preprocessor)
        self.teacher_modality = teacher['modality']
        self.teacher = build_teacher({**teacher, 'checkpoint': None}, self.student)
        names = tapped(losses)
        paths = resolve_taps(self.student, names, student.get('taps'))
        teacher_paths = resolve_taps(self.teacher, names, teacher.get('taps'))
        self.student_taps, self._teacher_taps = TapReader(self.student, paths), TapReader(self.teacher, teacher_paths)
        self.terms = DistillationTerms(losses, TapFacts(self.student, self.teacher, paths, teacher_paths))
        self.teacher_terms = DistillationTerms(losses, TapFacts(self.teacher, self.student, teacher_paths, paths))

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.modality, self.teacher_modality)

    @property
    def trained(self) -> dict[str, tuple[str, nn.Module]]:
        return {**super().trained, 'teacher': (self.teacher_modality, self.teacher)}

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """Task losses of both models and ``NAME.loss...`` of each distillation loss, the teacher's as ``teacher.*``."""
        places = paired_places(data_samples, self.teacher_modality)
        losses, student = self.student_taps.run(self.student, inputs[self.modality], data_samples, mode='loss')
        if not places:
            return losses | untouched(self.terms, self.teacher, self.teacher_terms)
        paired = [data_samples[place] for place in places]
        task, teacher = self._teacher_taps.run(self.teacher, inputs[self.teacher_modality], paired, mode='loss')
        student, teacher = per_sample(student, len(data_samples)), per_sample(teacher, len(paired))
        target = labels(paired)
        if len(paired) < len(data_samples):
            student = select_rows(student, on_device(places, target.device))
        back = self.teacher_terms(teacher, _fixed(student), target)
        losses |= self.terms(student, _fixed(teacher), target)
        return losses | {f'teacher.{name}': value for name, value in {**task, **back}.items()}


def _fixed(features: dict[str, Feature]) -> dict[str, Feature]:
    """The features as they are now, without their history."""
    return {
        tap: [x.detach() for x in feature] if isinstance(feature, list) else feature.detach()
        for tap, feature in features.items()
    }
