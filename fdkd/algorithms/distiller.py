"""Cross-modal distillation with a frozen teacher."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.facts import TapFacts
from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.algorithms.teacher import Frozen, build_teacher, without_checkpoint
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.distill.terms import DistillationTerms, Feature, tapped, untouched
from fdkd.registry import ALGORITHMS


@ALGORITHMS.register_module()
class CrossModalDistiller(Algorithm):
    """A student of one modality learns its task and, through distillation losses on taps, from a teacher of another.

    A sample without the teacher's modality contributes its task loss alone, a sample without a label its distillation
    losses alone. As a control, the teacher's modality may be the student's own: both then see the same input.

    Args:
        student: ``modality``, ``model`` and, where the default taps do not serve, ``taps`` (name to path).
        teacher: ``modality``; ``config`` (the file that trains it) or ``model``; ``checkpoint``, which
            ``fdkd.apis.train`` fills in, ``None`` for a teacher that is not trained at all; and ``taps``.
        losses: As for :class:`~fdkd.distill.terms.DistillationTerms`, which are told the facts that
            :class:`~fdkd.algorithms.facts.TapFacts` knows of the two models.
        data_preprocessor: Config of the preprocessor.

    Attributes:
        teacher_cache: ``None``, or what gives the teacher's tensors without running it on samples that it knows. It is
            called with the teacher's input, its samples and a function that runs the teacher on an input of so many
            samples, and returns what that function would.

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
            raise without_checkpoint(teacher)
        self.teacher_modality, self._untrained = teacher['modality'], teacher['checkpoint'] is None
        self._frozen = Frozen(build_teacher(teacher, self.student))
        names = tapped(losses)
        student_paths = resolve_taps(self.student, names, student.get('taps'))
        self.teacher_tap_paths = resolve_taps(self.teacher, names, teacher.get('taps'))
        self.student_taps = TapReader(self.student, student_paths)
        self.teacher_taps = TapReader(self.teacher, self.teacher_tap_paths, stop_early=True)
        self.teacher_cache: Callable[[Tensor, list, Callable], dict[str, Feature]] | None = None
        self.terms = DistillationTerms(
            losses, TapFacts(self.student, self.teacher, student_paths, self.teacher_tap_paths)
        )

    @property
    def teacher(self) -> nn.Module:
        """The frozen teacher, always in evaluation mode."""
        return self._frozen.module

    @property
    def heads(self) -> tuple[str, ...]:
        return self.terms.heads

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.modality, self.teacher_modality)

    def start_epoch(self, epoch: int) -> None:
        """Tells the losses, whose weights may rise over the first epochs."""
        self.terms.epoch = epoch

    def _apply(self, fn: Any, recurse: bool = True) -> 'CrossModalDistiller':
        """Takes the teacher along to another device, dtype or memory format."""
        self.teacher._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def init_weights(self) -> None:
        """Initialises the student, as under any teacher, and then a teacher that came without weights."""
        self.student.init_weights()
        if self._untrained:
            self.teacher.init_weights()

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """The student's task losses and ``NAME.loss...`` for each distillation loss."""
        places = paired_places(data_samples, self.teacher_modality)
        paired = [data_samples[place] for place in places]
        teacher = self._ask_teacher(inputs[self.teacher_modality], paired) if places else None
        losses, student = self.student_taps.run(self.student, inputs[self.modality], data_samples, mode='loss')
        if teacher is None:
            return losses | untouched(self.terms)
        target, student = labels(data_samples), per_sample(student, len(data_samples))
        if len(places) < len(data_samples):
            rows = on_device(places, target.device)
            target, student = target[rows], select_rows(student, rows)
        return losses | self.terms(student, teacher, target)

    @torch.no_grad()
    def _ask_teacher(self, inputs: Tensor, data_samples: list) -> dict[str, Feature]:
        if self.teacher_cache is not None:
            return self.teacher_cache(inputs, data_samples, self._run_teacher)
        return self._run_teacher(inputs, len(data_samples))

    def _run_teacher(self, inputs: Tensor, samples: int) -> dict[str, Feature]:
        return per_sample(self.teacher_taps.run(self.teacher, inputs, mode='tensor')[1], samples)
