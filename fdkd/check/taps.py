"""What the taps of a step read: which loss compares what in the two models."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.both import BothTrain
from fdkd.distill.terms import DistillationTerms, Feature


@dataclass
class Exchange:
    """What passed between two models in a step.

    Attributes:
        prefix: Before the names of its losses: ``'teacher.'`` where the teacher learns from the student.
        terms: The losses; ``None`` for an algorithm that has its own, as C2KD.
        learner: By tap what is read in the model that learns.
        other: The same of the model that it learns from.
        names: The losses, where these are not all of ``terms``.
    """

    prefix: str
    terms: DistillationTerms | None
    learner: Mapping[str, Feature]
    other: Mapping[str, Feature]
    names: Collection[str] | None = None


@contextmanager
def exchanged(algorithm: Algorithm) -> Iterator[list[Exchange]]:
    """Within it, the list fills with what passes between the algorithm's models."""
    seen: list[Exchange] = []
    handles = []
    for prefix, name in (('', 'terms'), ('teacher.', 'teacher_terms')):
        if isinstance(terms := getattr(algorithm, name, None), DistillationTerms):

            def record(module: nn.Module, args: tuple, prefix: str = prefix) -> None:
                seen.append(Exchange(prefix, module, args[0], args[1], *args[3:]))

            handles.append(terms.register_forward_pre_hook(record))
    if not handles and isinstance(algorithm, BothTrain):
        exchange = algorithm.exchange

        def recorded(student: dict, teacher: dict, target: Tensor) -> dict[str, Tensor]:
            seen.append(Exchange('', None, student, teacher))
            return exchange(student, teacher, target)

        algorithm.exchange = recorded
    try:
        yield seen
    finally:
        vars(algorithm).pop('exchange', None)
        for handle in handles:
            handle.remove()


def tap_rows(
    algorithm: Algorithm, exchanges: list[Exchange], configs: Mapping[str, Any], values: Mapping[str, float]
) -> list[dict[str, Any]]:
    """A row for each loss and tap.

    ``loss``, ``tap``, ``student_path``, ``student_shape``, ``connector``, ``teacher_path``, ``teacher_shape``,
    ``weight`` and ``value``, the weighted loss of this step; paths and shapes are lists where the tap reads one.
    """
    student_paths = getattr(getattr(algorithm, 'student_taps', None), 'taps', {})
    rows = []
    for exchange in exchanges:
        ours, theirs = (exchange.learner, exchange.other)[:: -1 if exchange.prefix else 1]
        for name, tap in losses_of(exchange):
            teacher_paths = _teacher_reader(algorithm, exchange).taps
            parts = [value for part, value in values.items() if part.startswith(f'{exchange.prefix}{name}.')]
            rows.append(
                {
                    'loss': exchange.prefix + name,
                    'tap': tap,
                    'student_path': student_paths.get(tap, tap),
                    'student_shape': _shape(ours[tap]),
                    'connector': connector_words(configs.get(name, {})),
                    'teacher_path': teacher_paths.get(tap, tap),
                    'teacher_shape': _shape(theirs[tap]),
                    'weight': exchange.terms.weights[name] if exchange.terms else None,
                    'value': sum(parts),
                }
            )
    return rows


def _teacher_reader(algorithm: Algorithm, exchange: Exchange) -> Any:
    """What reads the teacher that losses of an exchange compare with."""
    for teacher in getattr(algorithm, 'teachers', {}).values():
        if exchange.names == list(teacher.losses):
            return teacher.reader
    return algorithm.teacher_taps


def connector_words(loss: Mapping[str, Any]) -> str:
    """The connectors of a loss's config: ``'Resize, Projection(768, 1280)'``."""
    connectors = loss.get('connector') or []
    connectors = [connectors] if isinstance(connectors, Mapping) else connectors
    words = []
    for connector in connectors:
        settings = ', '.join(str(value) for key, value in connector.items() if key != 'type')
        words.append(f'{connector["type"]}({settings})' if settings else str(connector['type']))
    return ', '.join(words)


def losses_of(exchange: Exchange) -> list[tuple[str, str]]:
    """Names of losses with the tap of each; an algorithm with losses of its own reads every tap for them."""
    if exchange.terms is not None:
        names = exchange.terms.taps if exchange.names is None else exchange.names
        return [(name, exchange.terms.taps[name]) for name in names]
    return [('c2kd', tap) for tap in exchange.learner]


def _shape(feature: Feature) -> Any:
    return [list(x.shape) for x in feature] if isinstance(feature, list) else list(feature.shape)
