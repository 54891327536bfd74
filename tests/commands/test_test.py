"""``fdkd test``: its arguments, which are those that change an evaluation alone."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import test as command


def test_arguments_reach_the_evaluation(calls_of):
    calls = calls_of(command, 'test')
    command.main(['a.py', 'student.pth'])
    command.main(['a.py', 'student.pth', '--work-dir', 'w', '--size', '64x48', '--workers', '0', '--launcher', 'slurm'])
    settings = {'work_dir': None, 'launcher': 'none', 'unsafe_checkpoint': False}
    first = (('a.py', 'student.pth', RunOptions()), settings)
    options = RunOptions(size=(64, 48), workers=0)
    assert calls == [first, (('a.py', 'student.pth', options), {**settings, 'work_dir': 'w', 'launcher': 'slurm'})]


@pytest.mark.parametrize('words', [['--epochs', '2'], ['--seed', '1'], ['--amp'], ['--teacher', 't.pth'], ['--resume']])
def test_options_of_a_training_are_none_of_its(calls_of, capsys, words):
    calls = calls_of(command, 'test')
    with pytest.raises(SystemExit) as stopped:
        command.main(['a.py', 'student.pth', *words])
    assert stopped.value.code == 2
    assert f'unrecognized arguments: {" ".join(words)}' in capsys.readouterr().err
    assert calls == []


def test_a_checkpoint_is_needed_and_failure_is_one_message(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(['a.py'])
    assert stopped.value.code == 2
    assert 'the following arguments are required: checkpoint' in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r'^error: none\.py: no such config file'):
        guarded(lambda: command.main(['none.py', 'student.pth']))
