"""``fdkd train``: its arguments, and how it refuses."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import train


def test_what_is_not_said_is_left_to_the_config(calls_of):
    calls = calls_of(train, 'train')
    train.main(['a.py'])
    settings = {'work_dir': None, 'teacher': None, 'resume': False, 'launcher': 'none', 'unsafe_checkpoint': False}
    assert calls == [(('a.py', RunOptions()), settings)]


def test_arguments_reach_the_training(calls_of):
    calls = calls_of(train, 'train')
    words = ['--work-dir', 'w', '--teacher', 'untrained', '--resume', '--launcher', 'pytorch', '--unsafe-checkpoint']
    words += ['--epochs', '3', '--seed', '0', '--amp-dtype', 'bf16', '--cache-teacher', '--views', '2']
    train.main(['a.py', *words, '--cfg-options', 'a.b=1', 'c=x', '--local-rank', '1'])
    options = RunOptions(
        epochs=3, seed=0, amp='bf16', cache_teacher='work_dirs/teacher_cache', views=2,
        cfg_options={'a.b': 1, 'c': 'x'},
    )  # fmt: skip
    settings = {'work_dir': 'w', 'teacher': 'untrained', 'resume': True, 'launcher': 'pytorch'}
    assert calls == [(('a.py', options), {**settings, 'unsafe_checkpoint': True})]


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['--launcher', 'ray'], "argument --launcher: invalid choice: 'ray'"),
        (['--epochs', '0'], "argument --epochs: '0', expected a whole number above 0"),
        (['--seed', '-1'], 'argument --seed: '),
        (['--teacher'], 'argument --teacher: expected one argument'),
    ],
)
def test_arguments_that_cannot_be_meant(calls_of, capsys, words, told):
    calls = calls_of(train, 'train')
    with pytest.raises(SystemExit) as stopped:
        train.main(['a.py', *words], 'fdkd train')
    assert stopped.value.code == 2
    assert f'fdkd train: error: {told}' in capsys.readouterr().err
    assert calls == []


def test_failure_is_one_message():
    with pytest.raises(SystemExit, match=r'^error: none\.py: no such config file'):
        guarded(lambda: train.main(['none.py']))
