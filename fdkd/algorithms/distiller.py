"""Cross-modal distillation with frozen teachers."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.facts import TapFacts
from fdkd.algorithms.frozen import FrozenTeacher, losses_by_teacher
from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.algorithms.teacher import teacher_configs
from fdkd.distill.taps import TapPath, TapReader, resolve_taps
from fdkd.distill.terms import DistillationTerms, Feature, tapped, untouched
from fdkd.errors import ConfigError
from fdkd.registry import ALGORITHMS


@ALGORITHMS.register_module()
class CrossModalDistiller(Algorithm):
    """A student of one modality learns its task and, through distillation losses on taps, from a teacher of another.

    A sample without a teacher's modality contributes its task loss, and the losses of the other teachers, alone; a
    sample without a label its distillation losses alone. As a control, the teacher's modality may be the student's own:
    both then see the same input.

    Args:
        student: ``modality``, ``model`` and, where the default taps do not serve, ``taps`` (name to path).
        teacher: ``modality``; ``config`` (the file that trains it) or ``model``; ``checkpoint``, which
            ``fdkd.apis.train`` fills in, ``None`` for a teacher whose weights come with its model, or that is not
            trained at all; and ``taps``. Its classes may be others than the student's where no loss is on logits.
        losses: As for :class:`~fdkd.distill.terms.DistillationTerms`, which are told the facts that
            :class:`~fdkd.algorithms.facts.TapFacts` knows of the two models.
        data_preprocessor: Config of the preprocessor.
        teachers: Several teachers by name, each as ``teacher``, in place of it. Each loss then says with ``teacher``
            whose taps it compares.

    Attributes:
        teachers: The :class:`~fdkd.algorithms.frozen.FrozenTeacher` by name; a single one is called ``'teacher'``.

    Raises:
        ConfigError: If a teacher has no checkpoint, or a loss names no tap or no teacher.
        CheckpointError: If a teacher's checkpoint does not fit.
    """

    def __init__(
        self,
        student: dict[str, Any],
        teacher: dict[str, Any] | None = None,
        *,
        losses: dict[str, dict[str, Any]],
        data_preprocessor: dict | None = None,
        teachers: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(student['modality'], student['model'], data_preprocessor)
        configs = teacher_configs({'teacher': teacher, 'teachers': teachers})
        if not configs:
            raise ConfigError('CrossModalDistiller: there is neither a teacher nor teachers')
        own = losses_by_teacher(losses, list(configs))
        self.teachers = {name: FrozenTeacher(config, self.student, own[name]) for name, config in configs.items()}
        paths = resolve_taps(self.student, tapped(losses), student.get('taps'))
        self.student_taps = TapReader(self.student, paths)
        facts = {
            loss: TapFacts(self.student, teacher.network, paths, teacher.paths)
            for teacher in self.teachers.values()
            for loss in teacher.losses
        }
        self.terms = DistillationTerms(losses, facts)

    @property
    def teacher(self) -> nn.Module:
        """The network of the teacher, where there is one."""
        return self._only.network

    @property
    def teacher_modality(self) -> str:
        """What the teacher sees, where there is one."""
        return self._only.modality

    @property
    def teacher_tap_paths(self) -> dict[str, TapPath | list[TapPath]]:
        """Where the taps of the teacher lie, where there is one."""
        return self._only.paths

    @property
    def teacher_taps(self) -> TapReader:
        """What reads the teacher, where there is one."""
        return self._only.reader

    @property
    def teacher_cache(self) -> Callable[[Tensor, list, Callable], dict[str, Feature]] | None:
        """The cache of the teacher, where there is one."""
        return self._only.cache

    @teacher_cache.setter
    def teacher_cache(self, cache: Callable[[Tensor, list, Callable], dict[str, Feature]] | None) -> None:
        self._only.cache = cache

    @property
    def _only(self) -> FrozenTeacher:
        if len(self.teachers) > 1:
            raise ConfigError(f'there are several teachers ({", ".join(self.teachers)}), and this is made for one')
        return next(iter(self.teachers.values()))

    @property
    def heads(self) -> tuple[str, ...]:
        return self.terms.heads

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.modality, *(teacher.modality for teacher in self.teachers.values()))

    @property
    def networks(self) -> dict[str, tuple[str, nn.Module]]:
        taught_by = {name: (teacher.modality, teacher.network) for name, teacher in self.teachers.items()}
        if len(taught_by) > 1:
            taught_by = {f'teacher {name}': entry for name, entry in taught_by.items()}
        return {**super().networks, **taught_by}

    def start_epoch(self, epoch: int) -> None:
        """Tells the losses, whose weights may rise over the first epochs."""
        self.terms.epoch = epoch

    def _apply(self, fn: Any, recurse: bool = True) -> 'CrossModalDistiller':
        """Takes the teachers along to another device, dtype or memory format."""
        for teacher in self.teachers.values():
            teacher.network._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def init_weights(self) -> None:
        """Initialises the student, as under any teacher, and then the teachers that came without a checkpoint."""
        self.student.init_weights()
        for teacher in self.teachers.values():
            teacher.init_weights()

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """The student's task losses and ``NAME.loss...`` for each distillation loss."""
        places = {name: paired_places(data_samples, teacher.modality) for name, teacher in self.teachers.items()}
        taught = {
            name: teacher.ask(inputs[teacher.modality], [data_samples[place] for place in places[name]])
            for name, teacher in self.teachers.items()
            if places[name]
        }
        losses, student = self.student_taps.run(self.student, inputs[self.modality], data_samples, mode='loss')
        if absent := [loss for name, teacher in self.teachers.items() if name not in taught for loss in teacher.losses]:
            losses |= untouched(self.terms.only(absent))
        if not taught:
            return losses
        target, student = labels(data_samples), per_sample(student, len(data_samples))
        for name, features in taught.items():
            ours, truth = student, target
            if len(places[name]) < len(data_samples):
                rows = on_device(places[name], target.device)
                truth, ours = target[rows], select_rows(student, rows)
            losses |= self.terms(ours, features, truth, list(self.teachers[name].losses))
        return losses
