"""``fdkd infer``: which word is what, and what is printed; tests/apis/test_inferencer.py asks real students."""

from pathlib import Path

import pytest

from fdkd.apis.inferencer import Written
from fdkd.apis.options import RunOptions
from fdkd.commands import infer
from fdkd.errors import ConfigError

OUT = ['--out', 'seen']


class Student:
    """Takes the place of an ``Inferencer``, which wrote ``written``."""

    written = Written([Path('seen/a.png')], '', [])
    task, modality, steps = 'segmentation', 'rgb', ['LoadRGB', 'Resize', 'PackSegmentation']

    def __init__(self, *args, **kwargs):
        self.calls.append((args, kwargs))

    def write(self, *args, **kwargs):
        self.calls.append((args, kwargs))
        return self.written


@pytest.fixture
def calls(monkeypatch):
    """What the student was made of, and what it was asked."""
    calls = []
    monkeypatch.setattr(Student, 'calls', calls, raising=False)
    monkeypatch.setattr(infer, 'Inferencer', Student)
    return calls


@pytest.mark.parametrize('config', ['mine.py', 'fdkd/nyu_rgb_from_depth', 'configs/fdkd/nyu_rgb_from_depth.py'])
def test_a_config_takes_a_checkpoint_before_the_inputs(calls, config):
    infer.main([config, 'student.pth', 'a.jpg', 'folder', *OUT])
    made, asked = calls
    assert made[0] == (config, 'student.pth', None, 8)
    assert made[1] == {'options': RunOptions(), 'leave_out': (), 'unsafe': False}
    assert asked[0] == (['a.jpg', 'folder'], 'seen')
    assert asked[1] == {'skip_unreadable': False, 'stride': None, 'clips': False, 'column': None}


@pytest.mark.parametrize('export', ['exported.onnx', 'exported.pth', 'exported.pt2'])
def test_an_export_takes_none(calls, export):
    infer.main([export, 'a.jpg', 'folder', *OUT])
    made, asked = calls
    assert made[0][:2] == (export, None)
    assert asked[0] == (['a.jpg', 'folder'], 'seen')


def test_every_option_reaches_the_student(calls):
    words = ['--batch-size', '2', '--device', 'cpu', '--stride', '3', '--clips', '--column', 'said', '--size', '64x48']
    words += ['--skip-unreadable', '--leave-out', 'AddNoise', 'Resize', '--text-model', 'bert', '--unsafe-checkpoint']
    infer.main(['mine.py', 'student.pth', 'a.mp4', *OUT, *words, '--cfg-options', 'a.b=1'])
    made, asked = calls
    assert made[0][2:] == ('cpu', 2)  # of the inference, not of a training
    options = RunOptions(size=(64, 48), text_model='bert', cfg_options={'a.b': 1})
    assert made[1] == {'options': options, 'leave_out': ['AddNoise', 'Resize'], 'unsafe': True}
    assert asked[1] == {'skip_unreadable': True, 'stride': 3, 'clips': True, 'column': 'said'}


def test_a_config_and_a_checkpoint_alone_ask_about_nothing(calls):
    with pytest.raises(ConfigError, match=r'nothing to ask about: expected mine\.py CHECKPOINT INPUT'):
        infer.main(['mine.py', 'student.pth', *OUT])
    assert calls == []


def test_a_folder_for_what_is_written_is_needed(calls, capsys):
    with pytest.raises(SystemExit) as stopped:
        infer.main(['exported.onnx', 'a.jpg'])
    assert stopped.value.code == 2
    assert 'the following arguments are required: --out' in capsys.readouterr().err
    assert calls == []


@pytest.mark.parametrize(
    ('written', 'printed'),
    [
        (Written([Path('seen/a.png')], '', []), ['seen/a.png']),
        (Written([Path('a.png'), Path('b.png'), Path('c.png')], '', []), ['a.png and 2 more files']),
        (Written([Path('predictions.csv')], '| a | cat |', []), ['| a | cat |', 'predictions.csv']),
        (Written([], '', ['b\x1b[2J.jpg: left out']), [
            'note: b\\x1b[2J.jpg: left out', 'nothing was written, since no input could be read',
        ]),
    ],
)  # fmt: skip
def test_what_was_done_is_printed(calls, monkeypatch, capsys, written, printed):
    monkeypatch.setattr(Student, 'written', written)
    infer.main(['exported.onnx', 'a.jpg', *OUT])
    assert capsys.readouterr().out.splitlines() == ['segmentation from rgb: LoadRGB, Resize', *printed]
