"""Checkpoints that are none, are damaged or belong elsewhere are refused by name, and the good ones stay."""

import shutil

import numpy as np
import pytest
import torch

from tests.robustness.bad.breaking import checkpoint, command, done, written
from tests.robustness.bad.place import new_place  # noqa: F401
from tests.robustness.bad.tools import Bad, refuses, run_tool

WITH, TEST = ('train', '{pair}', '--teacher'), ('test', '{pair}')
TEACHER, RESUME = ('train', '{pair}'), ('train', '{pair}', '--resume')
GIVEN = (*WITH, '{teacher}')


def given(content, name='given.pth'):
    return written(name, content, *TEST, name)


def saved(content, name='given.pth'):
    return done(lambda place: torch.save(content, place.root / name), *TEST, name)


def weights(**changes):
    """The teacher's weights with some entries changed."""

    def edit(content):
        content['state_dict'].update({name.replace('__', '.'): value for name, value in changes.items()})

    return edit


def meta(**changes):
    return lambda content: content['meta'].update(changes)


def entries(**changes):
    return lambda content: content.update(changes)


def without(*names):
    return lambda content: [content.pop(name) for name in names] and content


def flipped(data):
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


def resumed(edit):
    return checkpoint(edit, *RESUME, which='checkpoint')


FILES = [
    Bad('no file', command(*WITH, 'none.pth'), ['none.pth: no such checkpoint']),
    Bad('a folder', command(*WITH, 'work_dirs'), ['work_dirs: no such checkpoint']),
    Bad('an empty file', given(b''), ['given.pth: not a checkpoint, or a damaged one']),
    Bad('a web page', given('<!DOCTYPE html><html>Sign in</html>'), ['given.pth: not a checkpoint, or a damaged one']),
    Bad('a pointer of Git LFS', given('version https://git-lfs.github.com/spec/v1\n'), ['given.pth: not a checkpoint']),
    Bad('the start of an archive', given(b'PK\x03\x04' + bytes(100)), ['given.pth: not a checkpoint, or a damaged']),
    Bad('an archive of arrays', done(lambda place: np.savez(place.root / 'given.npz', a=1), *TEST, 'given.npz'),
        ['given.npz: not a checkpoint']),
    Bad('a cut file', written('work_dirs/pair/imu/student.pth', lambda data: data[:1500], *GIVEN),
        ['student.pth: not a checkpoint, or a damaged one']),
    Bad('a flipped byte', written('work_dirs/pair/image_from_imu/student.pth', flipped, *TEST, '{student}'),
        ['student.pth: damaged: record']),
    Bad('a web page as a teacher', written('given.pth', '<html>', *WITH, 'given.pth'), ['given.pth: not a checkpoint']),
    Bad('a web page, compared', written('given.pth', '<html>', 'analysis/suggest_cutoff', '{pair}', 'given.pth',
        '{teacher}'), ['given.pth: not a checkpoint']),
    Bad('a web page to start from', written('given.pth', '<html>', *TEACHER, '--cfg-options', 'load_from=given.pth'),
        ['given.pth: not a checkpoint']),
]  # fmt: skip
CONTENTS = [
    Bad('a list', saved([torch.ones(2)]), ['given.pth: holds a list, expected a dictionary of weights']),
    Bad('a tensor', saved(torch.ones(2)), ['given.pth: holds a Tensor, expected a dictionary of weights']),
    Bad('nothing', saved({}), ['does not fit Classifier in 9 of 9 entries', 'is missing']),
    Bad('a whole network', saved(torch.nn.Linear(2, 2)), ['refused', 'torch.nn.modules.linear.Linear', '--unsafe']),
    Bad('no state', saved({'state_dict': None}), ['given.pth: holds no weights by name']),
    Bad('a list of states', saved({'state_dict': [1]}), ['given.pth: holds no weights by name']),
    Bad('numbers as names', saved({3: torch.ones(1)}), ['given.pth: holds no weights by name']),
    Bad('words as meta', saved({'state_dict': {}, 'meta': 'x'}), ['given.pth: holds no weights by name']),
    Bad('numbers as weights', saved({'state_dict': {'a': 1}}), ['does not fit Classifier', 'is missing']),
    Bad('words as weights', checkpoint(weights(head__weight='x'), *GIVEN), ['head.weight is a str, expected a tensor']),
    Bad('NaN', checkpoint(weights(head__bias=torch.tensor([0, 1, np.nan])), *GIVEN),
        ['student.pth: 1 of 9 entries hold NaN, for example head.bias']),
    Bad('NaN, tested', checkpoint(weights(head__bias=torch.full((3,), np.nan)), *TEST, '{student}', which='student'),
        ['student.pth: 1 of 9 entries hold NaN, for example head.bias']),
]  # fmt: skip
OTHERS = [
    Bad('another architecture', checkpoint(lambda _: torch.nn.Linear(3, 3).state_dict(), *GIVEN),
        ['does not fit Classifier in 11 of 11 entries']),
    Bad('another width', checkpoint(weights(head__weight=torch.ones(3, 9)), *GIVEN),
        ['head.weight has the shape (3, 9), expected (3, 8)']),
    Bad('a layer more', checkpoint(weights(neck__weight=torch.ones(1)), *GIVEN), ['1 of 10', 'neck.weight is unknown']),
    Bad('other classes', checkpoint(meta(classes=['a', 'b']), *GIVEN), ['a model of 2 classes, expected 3']),
    Bad('other classes, tested', checkpoint(meta(classes=['a']), *TEST, '{student}', which='student'),
        ['a model of 1 classes, expected 3']),
    Bad("the student's as the teacher's", command(*WITH, '{student}'), ["modality 'image', expected 'imu'"]),
    Bad("the student's run as the teacher's", command(*WITH, '{checkpoint}'), ["modality 'image', expected 'imu'"]),
    Bad("the teacher's as the student's", command(*TEST, '{teacher}'), ["a model of modality 'imu', expected 'image'"]),
    Bad('both swapped', command('analysis/suggest_cutoff', '{pair}', '{teacher}', '{student}'), ["modality 'imu'"]),
    Bad("the teacher's to start from", done(lambda place: shutil.copy(place.teacher, 'given.pth'), *TEACHER,
        '--cfg-options', 'load_from=given.pth'), ['given.pth: does not fit Classifier', 'expected (8, 3, 4, 4)']),
]  # fmt: skip
RESUMED = [
    Bad('a run of another seed', checkpoint(meta(seed=7), *RESUME, which='checkpoint'),
        ['was trained with seed 7, this run has seed 0: pass --seed 7']),
    Bad('a run of another config', command(*RESUME, '--cfg-options', 'model.losses.fdkd.lambda_low=2.0'),
        ['epoch_1.pth: belongs to a run with another config', '--work-dir']),
    Bad('a student alone', done(lambda place: shutil.copy(place.student, place.run / 'epoch_2.pth'), *RESUME),
        ['epoch_2.pth: cannot be resumed, it holds no history, optimizer, param_schedulers']),
    Bad('a web page to resume', written('work_dirs/pair/image_from_imu/epoch_1.pth', '<html>', *RESUME),
        ['none of its checkpoints is intact', 'To start anew, remove']),
    Bad('no optimizer', resumed(without('optimizer')), ['epoch_1.pth: cannot be resumed, it holds no optimizer']),
    Bad('no meta', resumed(without('meta')), ['cannot be resumed, it holds no meta']),
    Bad('meta of nothing', resumed(entries(meta=None)), ['epoch_1.pth: cannot be resumed', 'does not fit this run']),
    Bad('words as optimizer', resumed(entries(optimizer='x')), ['epoch_1.pth: cannot be resumed', 'fit this run']),
    Bad("another optimizer's groups", resumed(lambda content: content['optimizer']['param_groups'].append({})),
        ['epoch_1.pth: cannot be resumed', 'different number of parameter groups']),
    Bad('a schedule less', resumed(entries(param_schedulers=[])), ['epoch_1.pth: cannot be resumed', 'shorter']),
    Bad('a number as history', resumed(entries(history=3)), ['epoch_1.pth: cannot be resumed', 'fit this run']),
    Bad('random states of nothing', resumed(meta(random_states=[{}])), ['epoch_1.pth: cannot be resumed', 'KeyError']),
    Bad('an epoch in words', resumed(meta(iter='x')), ['epoch_1.pth: cannot be resumed', 'TypeError']),
]  # fmt: skip


@pytest.mark.parametrize('bad', [*FILES, *CONTENTS, *OTHERS, *RESUMED], ids=lambda bad: bad.name)
def test_it_is_refused(bad, place, capsys):
    refuses(bad, place, capsys)


def test_a_run_without_a_checkpoint_starts_anew(place, capsys):
    """As documented of ``--resume``: the first try of a job and the later ones have one command."""
    assert run_tool(['train', place.imu, '--resume', '--work-dir', 'new']) == 0
    assert (place.root / 'new' / 'student.pth').is_file()
