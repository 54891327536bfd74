"""What algorithms share whose teacher trains beside the student."""

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.algorithms.teacher import build_teacher
from fdkd.distill.taps import TapReader, Taps
from fdkd.distill.terms import Feature, untouched


class BothTrain(Algorithm):
    """A student and a teacher that learn their tasks side by side; subclasses say what passes between them.

    The teacher learns from the samples that have its modality, and its losses are named ``teacher.*``. Where no more
    than one of a batch has it, the student learns its task alone, since the teacher's batch norms may need two.

    Args:
        student: ``modality`` and ``model``.
        teacher: ``modality``; ``config`` (the file that trains it) or ``model``; ``checkpoint``, ``None`` for random
            weights.
        data_preprocessor: Config of the preprocessor.

    Raises:
        CheckpointError: If the teacher's checkpoint does not fit.
    """

    def __init__(self, student: dict[str, Any], teacher: dict[str, Any], data_preprocessor: dict | None = None) -> None:
        super().__init__(student['modality'], student['model'], data_preprocessor)
        self.teacher_modality = teacher['modality']
        self.teacher = build_teacher(teacher, self.student)

    def read_at(self, student: Taps, teacher: Taps) -> None:
        """Names what :meth:`exchange` gets of the two models."""
        self.student_taps, self.teacher_taps = TapReader(self.student, student), TapReader(self.teacher, teacher)

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.modality, self.teacher_modality)

    @property
    def trained(self) -> dict[str, tuple[str, nn.Module]]:
        return {**super().trained, 'teacher': (self.teacher_modality, self.teacher)}

    @property
    def networks(self) -> dict[str, tuple[str, nn.Module]]:
        return self.trained

    @abstractmethod
    def exchange(self, student: dict[str, Feature], teacher: dict[str, Feature], target: Tensor) -> dict[str, Tensor]:
        """The losses between the two models.

        Args:
            student: What the student's taps read, by tap, for the samples that have both modalities.
            teacher: The same of the teacher.
            target: Their labels ``[N]`` or ``[N, H, W]``.
        """

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """Task losses of both models, the teacher's as ``teacher.*``, and what :meth:`exchange` adds."""
        places = paired_places(data_samples, self.teacher_modality)
        losses, student = self.student_taps.run(self.student, inputs[self.modality], data_samples, mode='loss')
        if not places or len(places) == 1 < len(data_samples):
            return losses | untouched(self)
        paired = [data_samples[place] for place in places]
        task, teacher = self.teacher_taps.run(self.teacher, inputs[self.teacher_modality], paired, mode='loss')
        student, teacher = per_sample(student, len(data_samples)), per_sample(teacher, len(paired))
        target = labels(paired)
        if len(paired) < len(data_samples):
            student = select_rows(student, on_device(places, target.device))
        exchanged = self.exchange(student, teacher, target)
        return losses | {f'teacher.{name}': value for name, value in task.items()} | exchanged
