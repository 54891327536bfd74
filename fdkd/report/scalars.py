"""What a training logged: ``TIMESTAMP/vis_data/scalars.json``, a line of JSON per log step and per validation."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

LOGS = '*/vis_data/scalars.json'
#: Which step a line belongs to, and how long it took.
BOOKKEEPING = ('epoch', 'iter', 'step', 'time', 'data_time', 'memory')

Line = dict[str, float]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class History:
    """Lines of training and of validation, in the order of their steps.

    Attributes:
        training: Lines with ``iter`` (from 1) and, in a training by epochs, ``epoch`` (from 1).
        validation: Lines with ``step``, the epoch after which was validated, or the iteration.
    """

    training: tuple[Line, ...] = ()
    validation: tuple[Line, ...] = ()

    @property
    def by_epoch(self) -> bool:
        """Whether ``step`` of a validation counts epochs."""
        return bool(self.training) and all('epoch' in line for line in self.training)

    @property
    def epoch_length(self) -> float | None:
        """Iterations of an epoch, from the first lines of two epochs; None where a single one was logged."""
        if not self.by_epoch:
            return None
        first: dict[float, float] = {}
        for line in self.training:
            first.setdefault(line['epoch'], line['iter'])
        (start, begin), (end, last) = next(iter(first.items())), list(first.items())[-1]
        return (last - begin) / (end - start) if end > start else None

    @property
    def training_unit(self) -> str:
        """What the first numbers of :meth:`curve` count."""
        return 'epoch' if self.epoch_length else 'iteration'

    @property
    def names(self) -> list[str]:
        """What the training logged beside its bookkeeping, in the order of appearance."""
        return list(dict.fromkeys(name for line in self.training for name in line if name not in BOOKKEEPING))

    @property
    def metrics(self) -> list[str]:
        """What the validation logged, in the order of appearance."""
        return list(dict.fromkeys(name for line in self.validation for name in line if name not in BOOKKEEPING))

    def curve(self, name: str) -> Curve:
        """``name`` over the training, whose position is in epochs where their length is known, else in iterations."""
        length = self.epoch_length or 1
        return tuple((line['iter'] / length, line[name]) for line in self.training if name in line)

    def validation_curve(self, metric: str) -> Curve:
        """``metric`` over the steps of validation."""
        return tuple((line['step'], line[metric]) for line in self.validation if metric in line)


def log_files(work_dir: Path) -> list[Path]:
    """The logs of a work dir, the oldest first; a resumed run has several."""
    return sorted(path for path in work_dir.glob(LOGS) if re.fullmatch(r'\d{8}_\d{6}', path.parts[-3]))


def read_history(work_dir: Path, problems: list[str]) -> History:
    """The history of a run: where the logs of a resumed run overlap, the later one wins.

    Args:
        work_dir: Folder of the run.
        problems: Gets a message for each file with lines that cannot be read; they are left out.
    """
    training: list[Line] = []
    validation: list[Line] = []
    for path in log_files(work_dir):
        lines = _read_lines(path, problems)
        trained = [line for line in lines if 'iter' in line]
        if trained:  # what an interrupted training logged beyond the point of resuming did not happen
            start = trained[0]
            training = [line for line in training if line['iter'] < start['iter']]
            validation = [line for line in validation if line['step'] < start.get('epoch', start['iter'])]
        training += trained
        validated = {line['step']: line for line in lines if 'iter' not in line}
        validation = [line for line in validation if line['step'] not in validated] + list(validated.values())
    return History(tuple(training), tuple(validation))


def _read_lines(path: Path, problems: list[str]) -> list[Line]:
    lines, damaged = [], []
    for number, text in enumerate(path.read_text(encoding='utf-8', errors='replace').splitlines(), 1):
        try:
            line = json.loads(text)
            line = {name: float(value) for name, value in line.items() if isinstance(value, int | float)}
        except (ValueError, AttributeError, OverflowError, RecursionError):
            line = {}
        if 'step' in line and all(math.isfinite(line.get(name, 0)) for name in BOOKKEEPING):
            lines.append(line)
        elif text.strip():
            damaged.append(number)
    if damaged:
        problems.append(f'{path}: {_lines(damaged)} cut off or damaged; left out')
    return lines


def _lines(numbers: list[int]) -> str:
    shown = ', '.join(map(str, numbers[:5])) + (' ...' if len(numbers) > 5 else '')
    return f'line {shown} is' if len(numbers) == 1 else f'{len(numbers)} lines ({shown}) are'
