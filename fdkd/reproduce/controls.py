"""Controls that the paper lacks: does the frequency matter, does the teacher, does the logarithm?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fdkd.apis.teacher import UNTRAINED
from fdkd.reproduce.pairs import Pair
from fdkd.reproduce.plans import Plan
from fdkd.reproduce.runs import Run
from fdkd.reproduce.tables import DENSE, Protocol

Changes = Sequence[tuple[str, Any]]

_DECOUPLER = 'model.losses.fdkd.decoupler'
#: Length of a logMSE's gradient over that of an MSE, measured on random bands of unit norm at D = 512.
EQUAL_GRADIENT = 0.92
#: Cutoffs that are tried, as fractions of Nyquist; 0.5 is the published code's.
CUTOFFS = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Which axes are decoupled, on what. Maps have no classifier on their bands, so the vector is shown without as well.
AXES = {
    'vector, channels': {},
    'map, positions': {'on': 'map', 'decoupler.axes': 'spatial', 'connector.type': 'Resize'},
    'map, channels': {'on': 'map', 'decoupler.axes': 'channel', 'connector.type': 'Resize'},
}
#: The share of training that becomes the validation split, where the data set has none of its own.
HELD_OUT = 0.2
#: A teacher of the student's own modality gets another seed, lest it begin as the same network.
OTHER_SEED = 1000


def frequency(protocol: Protocol) -> Plan:
    """The same loss where "low" and "high" do not mean frequencies."""
    variants = {
        'FD-CMKD': {},
        'channels in a fixed random order': {'type': 'PermutedDecoupler'},
        'a random half of the spectrum': {'type': 'RandomBandDecoupler'},
    }
    rows = [
        *protocol.references(),
        protocol.row('Feat', _method('feat')),
        *(protocol.row(name, _method('fdkd', _below(_DECOUPLER, change))) for name, change in variants.items()),
    ]
    note = (
        'The order and the random half are drawn once, the same for student, teacher and all seeds. '
        'If frequency matters, FD-CMKD beats both.'
    )
    return protocol.plan('frequency', 'Control: does frequency matter?', ('split of the feature',), rows, note)


def cutoff(protocol: Protocol) -> Plan:
    """Where the bands meet and along which axes, on a validation split; the test set has no say."""
    rows = [protocol.row(('alone', ''), _alone_validated)]
    for value in CUTOFFS:
        change = _below(_DECOUPLER, {'type': 'FourierDecoupler', 'cutoff': value})
        rows.append(protocol.row(('vector, channels', str(value)), partial(_validated, change)))
    plain = {'align': False, 'band_task': False}
    for name, change in AXES.items():
        typed = {'decoupler.type': 'FourierDecoupler'} if change else {}
        changes = _below('model.losses.fdkd', {**plain, **typed, **change})
        make = partial(_of_equal_width if change else _validated, changes)
        rows.append(protocol.row((f'{name}, no classifiers', '0.5'), make))
    note = (
        'Tested on the official validation split, or where a data set has none on '
        f'{HELD_OUT:.0%} of the training samples of every class, on which neither student nor teacher was trained. '
        'Nothing was chosen by it: it shows how much a choice would matter.'
    )
    title = 'Control: cutoff and axes, on validation samples'
    return protocol.plan('cutoff', title, ('axes', 'cutoff'), rows, note, alone=_alone_validated)


def teacher(protocol: Protocol) -> Plan:
    """The same loss with a teacher that knows less."""
    rows = [
        *protocol.references(),
        protocol.row('FD-CMKD', _method('fdkd')),
        protocol.row('pairs shuffled within a class', partial(_mispaired, 'class')),
        protocol.row('pairs shuffled', partial(_mispaired, 'any')),
        protocol.row('untrained teacher', lambda pair, seed: pair.taught('fdkd', seed, teacher=UNTRAINED)),
        protocol.row("teacher of the student's modality", _same_modality),
    ]
    note = (
        'Shuffled: every sample gets the teacher modality of another one, fixed for all epochs and seeds. '
        "The teacher of the student's own modality was trained alone with another seed."
    )
    return protocol.plan('teacher', 'Control: does the teacher matter?', ('teacher',), rows, note)


def logarithm(protocol: Protocol) -> Plan:
    """logMSE against MSE at an equal share of the gradient, and both where the bands weigh more."""
    equal = {'log': False, 'lambda_high': EQUAL_GRADIENT}
    variants = {
        ('mean (the paper)', 'logMSE'): {},
        ('mean (the paper)', 'MSE'): {'log': False},
        ('mean (the paper)', 'MSE, equal gradient'): equal,
        ('batchmean', 'logMSE'): {'reduction': 'batchmean'},
        ('batchmean', 'MSE, equal gradient'): {'reduction': 'batchmean', **equal},
    }
    rows = [
        *protocol.references(blanks=1),
        *(protocol.row(name, _method('fdkd', _below('model.losses.fdkd', c))) for name, c in variants.items()),
    ]
    note = (
        f'Equal gradient: the weight {EQUAL_GRADIENT} gives the MSE of unit-norm bands of 512 channels the gradient '
        'of the logMSE. batchmean divides by the number of samples, mean by that times the channels: 512 times less.'
    )
    return protocol.plan('log', 'Control: does the logarithm matter?', ('reduction', 'high band'), rows, note)


def _method(method: str, changes: Changes = ()) -> Any:
    return lambda pair, seed: pair.taught(method, seed, *changes)


def _below(prefix: str, changes: Mapping[str, Any]) -> Changes:
    """Changes of keys below ``prefix``."""
    return tuple((f'{prefix}.{key}', value) for key, value in changes.items())


def _held_out(pair: Pair) -> Changes:
    """Changes under which a run is tested on validation samples."""
    if pair.validation:
        return (('test_dataloader.dataset.split', pair.validation),)
    loaders = ('train', 'val', 'test')
    shares = [(f'{name}_dataloader.dataset.validation', HELD_OUT) for name in loaders]
    return (*shares, *((f'{name}_dataloader.dataset.split', 'val') for name in loaders[1:]))


def _alone_validated(pair: Pair, seed: int) -> Run | None:
    return Run(pair.student_config, seed, _held_out(pair)) if _has_validation(pair) else None


def _validated(changes: Changes, pair: Pair, seed: int) -> Run | None:
    if not _has_validation(pair):
        return None
    held = _held_out(pair)
    without = () if pair.validation else held  # a teacher beside an official split is the usual one
    return pair.taught('fdkd', seed, *held, *changes, teacher=Run(pair.teacher_config, seed, without))


def _has_validation(pair: Pair) -> bool:
    """Whether there are validation samples, or some can be held out, which takes one class a sample."""
    return pair.validation is not None or pair.data not in DENSE


def _of_equal_width(changes: Changes, pair: Pair, seed: int) -> Run | None:
    return None if pair.projected else _validated(changes, pair, seed)


def _mispaired(within: str, pair: Pair, seed: int) -> Run | None:
    if within == 'class' and pair.data in DENSE:
        return None
    return pair.taught('fdkd', seed, (f'train_dataloader.dataset.mispair.{pair.teacher_modality}', within))


def _same_modality(pair: Pair, seed: int) -> Run | None:
    if pair.projected:  # to the width of the other modality
        return None
    changes = (('model.teacher.modality', pair.student_modality), ('model.teacher.config', pair.student_config))
    return pair.taught('fdkd', seed, *changes, teacher=Run(pair.student_config, seed + OTHER_SEED))
