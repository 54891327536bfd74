"""Where a config cannot be built or run as a whole: its parts one by one, so that the mistakes of all of them show."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from fdkd.algorithms.facts import TapFacts
from fdkd.algorithms.pairs import labels, per_sample
from fdkd.algorithms.teacher import student_weights
from fdkd.check.findings import Findings, building, in_short
from fdkd.checkpoint import load_weights
from fdkd.datasets.base import seeded
from fdkd.distill.connectors import shapes
from fdkd.distill.losses.checks import same_shape
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.distill.terms import DistillationTerms, Feature
from fdkd.errors import ConfigError, LossError
from fdkd.models.misfit import misfit
from fdkd.registry import MODELS

Batch = dict[str, Any]


def check_apart(cfg: Config, batch: Batch | None, found: Findings) -> Config | None:
    """Enters the mistakes of student, teacher and each loss, and leaves out what cannot be used.

    Args:
        cfg: The config, teacher included.
        batch: A collated batch; without one nothing is run, and only what is built is checked.
        found: Where mistakes are entered.

    Returns:
        A config with what is left: without the losses that fail, or with the student alone. ``None`` where not even
        the student works.
    """
    preprocessed = _preprocessed(cfg, batch, found)
    roles = ('student', 'teacher') if 'student' in cfg.model else ('model',)
    parts = {role: Part(role, cfg.model if role == 'model' else cfg.model.get(role), found) for role in roles}
    works = {role: part.build() for role, part in parts.items()}
    if roles == ('model',):
        parts['model'].read({}, preprocessed)
        return None
    student, teacher = parts['student'], parts['teacher']
    agree = all(works.values()) and _same_classes(student, teacher, found)
    losses = cfg.model.get('losses', {})
    losses = {name: loss for name, loss in losses.items() if _names_tap(name, loss, found)}
    features = {role: part.read(losses, preprocessed) for role, part in parts.items() if works[role]}
    target = labels(preprocessed['data_samples']) if preprocessed else None
    compare = Comparison(student, teacher, features, target, found)
    good = {name: loss for name, loss in losses.items() if compare(name, loss)}
    if not works['student'] or (preprocessed and features['student'] is None):
        return None
    return _remaining(cfg, good if agree else {})


class Part:
    """One of the two models.

    Args:
        role: ``'student'``, ``'teacher'``, or ``'model'`` for one that trains alone.
        config: Its entry in the config.
        found: Where mistakes are entered.

    Attributes:
        network: What was built, or ``None``.
        paths: Where its taps lie, of those that exist.
    """

    def __init__(self, role: str, config: Any, found: Findings) -> None:
        self.role, self.config, self.found = role, config, found
        self.place = role if role == 'model' else f'model.{role}'
        self.network: nn.Module | None = None
        self.paths: dict[str, Any] = {}

    def build(self) -> bool:
        """Builds the network; whether that went well."""
        if not isinstance(self.config, Mapping) or 'model' not in self.config:
            self.found.mistake(f'{self.place}.model: missing')
            return False
        with self.found.noting(f'{self.place}.model'):
            self.network = MODELS.build(copy.deepcopy(self.config['model']))
        if self.network is None or not self.config.get('checkpoint'):
            return self.network is not None
        with self.found.noting(f'{self.place}.checkpoint'):
            path = self.config['checkpoint']
            weights = student_weights(path, self.config['modality'], getattr(self.network, 'num_classes', None))
            load_weights(self.network, weights, path)
            return True
        self.config['checkpoint'] = None
        return True

    def read(self, losses: Mapping[str, Any], batch: Batch | None) -> dict[str, Feature] | None:
        """What each tap reads of the batch, of those that exist; ``None`` where the network cannot be run."""
        for tap in sorted({loss['on'] for loss in losses.values()} | set(self.config.get('taps') or {})):
            users = ', '.join(name for name, loss in losses.items() if loss['on'] == tap)
            with self.found.noting(f'model.losses.{users}, {self.role}' if users else f'{self.place}.taps'):
                path = resolve_taps(self.network, [tap], self.config.get('taps'))
                TapReader(self.network, path)
                self.paths |= path
        if batch is None or self.config.get('modality') not in batch['inputs']:
            return None
        inputs, samples = batch['inputs'][self.config['modality']], batch['data_samples']
        try:
            read = self._run(self.paths, inputs, samples)
        except ConfigError:  # a tap that did not fire; the others may
            read = {}
            for tap, path in list(self.paths.items()):
                with self.found.doubting(f'{self.place}, tap {tap!r}', self.config['modality']):
                    read |= self._run({tap: path}, inputs, samples)
        except Exception as error:
            self._fails(inputs, error)
            return None
        return read

    def _fails(self, inputs: Tensor, error: Exception) -> None:
        modality = self.config['modality']
        what = misfit(self.network, modality, inputs, error)
        if what is None:
            kind, first = type(error).__name__, str(error).strip().partition('\n')[0]
            what = f'does not run on {modality} {tuple(inputs.shape)}: {kind}: {first}'
        self.found.doubt(f'{self.place}: {what}', modality)

    def _run(self, paths: Mapping[str, Any], inputs: Tensor, samples: list) -> dict[str, Feature]:
        mode = 'tensor' if self.role == 'teacher' else 'loss'
        return per_sample(TapReader(self.network, paths).run(self.network, inputs, samples, mode=mode)[1], len(samples))


def _preprocessed(cfg: Config, batch: Batch | None, found: Findings) -> Batch | None:
    """The batch as the networks get it, without the modalities of which that fails."""
    place, preprocessor = 'model.data_preprocessor', None
    with found.noting(place):
        preprocessor = MODELS.build(copy.deepcopy(cfg.model.data_preprocessor))
    if preprocessor is None or batch is None:
        return None
    try:
        return preprocessor(copy.deepcopy(batch), True)
    except Exception as error:
        failure, inputs = error, {}
    for modality, tensors in batch['inputs'].items():
        with found.doubting(place, modality):
            inputs |= preprocessor(copy.deepcopy({**batch, 'inputs': {modality: tensors}}), True)['inputs']
    if len(inputs) == len(batch['inputs']):  # each by itself is no mistake
        found.failed(failure, place)
        return None
    return {**batch, 'inputs': inputs}


def _same_classes(student: Part, teacher: Part, found: Findings) -> bool:
    ours, theirs = (getattr(part.network, 'num_classes', None) for part in (student, teacher))
    if ours != theirs:
        found.mistake(f'model.teacher: knows {theirs} classes, the student {ours}')
    return ours == theirs


def _names_tap(name: str, loss: Any, found: Findings) -> bool:
    if not isinstance(loss, Mapping) or 'on' not in loss:
        found.mistake(f"model.losses.{name}: names no tap: add on='feat', on='logits' or a path")
        return False
    return True


@dataclass
class Comparison:
    """Builds losses by themselves, and evaluates them on what both models' taps read.

    Attributes:
        student: The student.
        teacher: The teacher.
        features: What the taps of each read, by role; ``None``, or no entry, for a model that was not run.
        target: The labels, where one was.
        found: Where mistakes are entered.
    """

    student: Part
    teacher: Part
    features: Mapping[str, Mapping[str, Feature] | None]
    target: Tensor | None
    found: Findings

    @torch.no_grad()
    def __call__(self, name: str, loss: Mapping[str, Any]) -> bool:
        """Whether a loss works; what it lacks is entered."""
        tap = loss['on']
        if not all(tap in part.paths for part in (self.student, self.teacher)):
            return False  # said already
        sees = [part.config['modality'] for part in (self.student, self.teacher)]
        with self.found.doubting(f'model.losses.{name}', *sees), seeded(0, 0, name):
            with building():
                facts = TapFacts(self.student.network, self.teacher.network, self.student.paths, self.teacher.paths)
                terms = DistillationTerms({name: copy.deepcopy(loss)}, facts)
            read = [self.features.get(role) or {} for role in ('student', 'teacher')]
            if all(tap in features for features in read):
                self._evaluate(terms, tap, loss, *(features[tap] for features in read))
                return True
        return False

    def _evaluate(
        self, terms: DistillationTerms, tap: str, loss: Mapping[str, Any], student: Feature, teacher: Feature
    ) -> None:
        try:
            terms({tap: student}, {tap: teacher}, self.target)
        except (ValueError, RuntimeError) as error:
            advice = missing_connector(student, teacher)
            if not advice and loss.get('connector'):
                advice = f'of the taps alone the shapes are {shapes(student)} and {shapes(teacher)}'
            if not advice or 'connector=' in str(error):
                raise
            raise LossError(f'{in_short(error)}; {advice}') from error


def missing_connector(student: Feature, teacher: Feature) -> str:
    """The connector that would bring the student's feature to the teacher's shape, in words; empty where none would."""
    if isinstance(student, list) and isinstance(teacher, list) and len(student) == len(teacher):
        advice = {missing_connector(*pair) for pair in zip(student, teacher, strict=True)} - {''}
        return advice.pop() if len(advice) == 1 else ''
    try:
        same_shape(student, teacher)
    except (LossError, AttributeError) as error:
        return str(error).partition(': ')[2]
    return ''


def _remaining(cfg: Config, losses: Mapping[str, Any]) -> Config:
    rest = copy.deepcopy(cfg)
    if losses:
        rest.model.losses = dict(losses)
        return rest
    student = rest.model.student
    rest.model = {
        'type': 'SingleModality', 'modality': student.modality, 'model': student.model,
        'data_preprocessor': rest.model.data_preprocessor,
    }  # fmt: skip
    return rest
