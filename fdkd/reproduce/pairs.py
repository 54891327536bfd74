"""The pairs of a data set, found among the configs: who learns from whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fdkd.errors import ConfigError
from fdkd.reproduce.runs import Run, Workshop

#: The order of a table's columns.
_ORDER = ('audio', 'visual', 'text', 'image', 'depth', 'rgb')
#: The method every pair has, by which pairs are found.
_EVERYWHERE = 'feat'


@dataclass(frozen=True)
class Pair:
    """A student and a teacher of two modalities.

    Attributes:
        data: Name of the data set in the configs, for example ``'grid'``.
        student: Word for the student's modality in the configs' names.
        teacher: The same of the teacher's.
        student_config: Config that trains the student alone.
        teacher_config: Config that trains the teacher.
        student_modality: What the student sees, as samples call it (``noisy``, where the configs say ``audio``).
        teacher_modality: The same of the teacher.
        projected: Whether the student's feature needs a projection to the width of the teacher's.
        validation: The publishers' validation split, where there is one.
        repository: Where the configs are.
    """

    data: str
    student: str
    teacher: str
    student_config: str
    teacher_config: str
    student_modality: str
    teacher_modality: str
    projected: bool
    validation: str | None
    repository: Path

    @property
    def name(self) -> str:
        """As the configs are called, for example ``grid_visual_from_audio``."""
        return f'{self.data}_{self.student}_from_{self.teacher}'

    @property
    def column(self) -> str:
        """What a table calls it."""
        return f'{self.data} {self.student}'

    def config(self, method: str) -> str | None:
        """The config of a method, or ``None`` where the method does not apply."""
        path = f'configs/{method}/{self.name}.py'
        return path if (self.repository / path).is_file() else None

    def alone(self, seed: int) -> Run:
        """The student that learns alone."""
        return Run(self.student_config, seed)

    def taught(
        self, method: str, seed: int, *changes: tuple[str, object], teacher: Run | str | None = None
    ) -> Run | None:
        """The student that learns by a method, from ``teacher`` or else from the pair's own of the same seed.

        ``None`` where the method does not apply.
        """
        config = self.config(method)
        return config and Run(config, seed, changes, teacher or Run(self.teacher_config, seed))


def find_pairs(workshop: Workshop, data: str) -> list[Pair]:
    """The pairs of a data set in the order of a table's columns.

    Raises:
        ConfigError: If no config is called after the data set.
    """
    folder = workshop.repository / 'configs' / _EVERYWHERE
    names = sorted(path.stem for path in folder.glob(f'{data}_*_from_*.py'))
    if not names:
        known = sorted({path.stem.partition('_')[0] for path in folder.glob('*_from_*.py')})
        raise ConfigError(f'--data {data}: no config is called after it; the data sets are {", ".join(known)}')
    pairs = [_pair(workshop, data, *name.removeprefix(f'{data}_').split('_from_')) for name in names]
    return sorted(pairs, key=lambda pair: _ORDER.index(pair.student) if pair.student in _ORDER else len(_ORDER))


def _pair(workshop: Workshop, data: str, student: str, teacher: str) -> Pair:
    cfg = workshop.load(f'configs/{_EVERYWHERE}/{data}_{student}_from_{teacher}.py')
    model, tested, validated = cfg.model, cfg.test_dataloader.dataset.split, cfg.val_dataloader.dataset.split
    return Pair(
        data=data,
        student=student,
        teacher=teacher,
        student_config=f'configs/unimodal/{data}_{student}.py',
        teacher_config=model.teacher.config,
        student_modality=model.student.modality,
        teacher_modality=model.teacher.modality,
        projected=any('connector' in loss for loss in model.losses.values()),
        validation=validated if validated != tested else None,
        repository=workshop.repository,
    )


def methods(workshop: Workshop, pairs: Sequence[Pair], order: Sequence[str]) -> list[str]:
    """The methods that at least one of the pairs has a config of, in ``order`` and then by name."""
    folders = [path.name for path in (workshop.repository / 'configs').iterdir() if path.is_dir()]
    found = [name for name in folders if name != 'unimodal' and any(pair.config(name) for pair in pairs)]
    return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))
