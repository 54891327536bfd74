"""What the report knows of one work dir."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from fdkd.errors import DataError, FdkdError
from fdkd.report.config import read_config
from fdkd.report.predictions import Prediction, read_predictions
from fdkd.report.scalars import LOGS, History, log_files, read_history

RESULTS_FILE = 'results.json'
SPECTRUM_FILE = 'spectral_cka.json'
PICTURES = ('samples.png', 'predictions.png', 'confusion.png')
MODELS = ('student', 'teacher')

Read = TypeVar('Read')


@dataclass(frozen=True)
class Picture:
    """A PNG as a ``data:`` URI, and its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass
class Run:
    """A run, finished or not; what its work dir lacks is None or empty.

    Attributes:
        folder: The work dir.
        label: Name of the run on the page.
        results: What ``results.json`` holds.
        history: What was logged.
        config: The dumped config.
        predictions: Of the test samples, for classification.
        spectrum: What ``spectral_cka.json`` holds.
        pictures: File name to picture.
        problems: What could not be read.
    """

    folder: Path
    label: str
    results: dict[str, Any] | None = None
    history: History = field(default_factory=History)
    config: dict[str, Any] | None = None
    predictions: list[Prediction] | None = None
    spectrum: dict[str, Any] | None = None
    pictures: dict[str, Picture] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """Which of student and teacher were scored."""
        return [name for name in MODELS if name in (self.results or {})]

    def metrics(self, model: str) -> dict[str, float | None]:
        """Scores of a model in %, empty without results."""
        return (self.results or {}).get(model, {}).get('metrics', {})

    def per_class(self, model: str) -> dict[str, dict[str, float | None]]:
        """Figures of a model for each class."""
        return (self.results or {}).get(model, {}).get('per_class', {})

    @property
    def classes(self) -> list[str]:
        """Names of the classes, as far as they are known."""
        return list(dict.fromkeys(name for model in self.models for name in self.per_class(model)))

    @property
    def task(self) -> str:
        """``'segmentation'``, ``'classification'`` or ``'unknown'``, by the metrics or the config."""
        evaluator = (self.config or {}).get('test_evaluator')
        known = {*self.metrics('student'), *self.history.metrics}
        if 'mIoU' in known or 'Segmentation' in str(evaluator):
            return 'segmentation'
        return 'classification' if 'accuracy' in known or 'Classification' in str(evaluator) else 'unknown'

    @property
    def progress(self) -> str:
        """How far a training without results has come."""
        if not self.history.training:
            return 'nothing logged yet'
        last, loop = self.history.training[-1], (self.config or {}).get('train_cfg') or {}
        unit, at = ('epoch', last['epoch']) if self.history.by_epoch else ('iteration', last['iter'])
        whole = loop.get('max_epochs' if unit == 'epoch' else 'max_iters')
        return f'{unit} {at:.0f}' + (f' of {whole}' if whole else '')


def read_run(folder: Path) -> Run:
    """Reads a work dir; what is damaged becomes a problem of the run and the rest is kept.

    Raises:
        DataError: If the folder is missing or no run ever wrote to it.
    """
    if not folder.is_dir():
        raise DataError(f'{folder}: no such folder, expected the work dir of a run')
    logs = log_files(folder)
    if not (folder / RESULTS_FILE).exists() and not logs:
        inside = sorted(path.parent.name for path in folder.glob(f'*/{RESULTS_FILE}'))
        hint = f'; runs lie inside it, pass them instead: {", ".join(inside[:3])}' if inside else ''
        raise DataError(f'{folder}: not the work dir of a run: neither {RESULTS_FILE} nor {LOGS} is there{hint}')
    run = Run(folder, folder.resolve().name)
    run.results = _attempt(read_results, folder / RESULTS_FILE, run.problems)
    run.history = read_history(folder, run.problems)
    if config := _config_file(folder, logs, run.problems):
        run.config = _attempt(read_config, config, run.problems)
    run.predictions = _attempt(
        lambda path: read_predictions(path, run.problems), folder / 'predictions.csv', run.problems
    )
    run.spectrum = _attempt(read_spectrum, folder / SPECTRUM_FILE, run.problems)
    pictures = {name: _attempt(read_picture, folder / name, run.problems) for name in PICTURES}
    run.pictures = {name: picture for name, picture in pictures.items() if picture}
    return run


def _config_file(folder: Path, logs: Sequence[Path], problems: list[str]) -> Path | None:
    """The config of the run that logged last, which lies beside its log; else the only one in the work dir.

    A work dir holds several where runs of several configs wrote to it, and times of files do not outlive a copy.
    """
    if logs and (beside := logs[-1].with_name('config.py')).is_file():
        return beside
    configs = sorted(folder.glob('*.py'))
    if len(configs) > 1:
        names = ', '.join(path.name for path in configs)
        problems.append(f"{folder}: holds the configs {names}, and no log says which is this run's; left out")
        return None
    return configs[0] if configs else None


def _attempt(read: Callable[[Path], Read], path: Path, problems: list[str]) -> Read | None:
    if not path.exists():
        return None
    try:
        return read(path)
    except FdkdError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f'{path}: cannot be read ({error.strerror or error}); left out')
    return None


def read_results(path: Path) -> dict[str, Any]:
    """What ``results.json`` holds.

    Raises:
        DataError: If it is damaged, or not such a file.
    """
    results = _json(path)
    for model in MODELS:
        if model == 'teacher' and model not in results:
            continue
        scores = results.get(model)
        figures = scores.get('metrics') if isinstance(scores, dict) else None
        if not _are_numbers(figures):
            raise DataError(f'{path}: {model}.metrics is {figures!r:.60}, expected a number by name; left out')
        classes = scores.get('per_class', {})
        if not (isinstance(classes, dict) and all(map(_are_numbers, classes.values()))):
            raise DataError(f'{path}: {model}.per_class is not a table of numbers by class; left out')
    return results


def read_spectrum(path: Path) -> dict[str, Any]:
    """What ``spectral_cka.json`` holds: the ``edges`` of ``B`` bands, and for each band ``cka``, ``debiased`` and the
    ``energy`` of student and teacher, lists of ``B`` numbers or nulls.

    Raises:
        DataError: If it is damaged, or not such a file.
    """
    spectrum = _json(path)
    edges, energy = spectrum.get('edges'), spectrum.get('energy') or {}
    finite = isinstance(edges, list) and all(_is_number(edge) and math.isfinite(edge) for edge in edges)
    if not finite or len(edges) < 2:
        raise DataError(f'{path}: edges is {edges!r:.60}, expected a list of numbers; left out')
    if not isinstance(energy, dict):
        raise DataError(f'{path}: energy is {energy!r:.60}, expected student and teacher; left out')
    for name, values in {'cka': spectrum.get('cka'), 'debiased': spectrum.get('debiased'), **energy}.items():
        fits = isinstance(values, list) and len(values) == len(edges) - 1
        if values is not None and not (fits and all(value is None or _is_number(value) for value in values)):
            raise DataError(f'{path}: {name} is {values!r:.60}, expected {len(edges) - 1} numbers; left out')
    return spectrum | {'energy': energy}


def read_picture(path: Path) -> Picture:
    """A PNG to embed.

    Raises:
        DataError: If it is damaged, or no PNG.
    """
    try:
        with Image.open(path, formats=['PNG']) as image:
            image.load()
            width, height = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f'{path}: not a readable PNG ({error}); left out') from error
    return Picture(f'data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}', width, height)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path}: damaged ({error}); left out') from error
    if not isinstance(found, dict):
        raise DataError(f'{path}: holds a {type(found).__name__}, expected an object; left out')
    return found


def _are_numbers(figures: Any) -> bool:
    return isinstance(figures, dict) and all(value is None or _is_number(value) for value in figures.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
