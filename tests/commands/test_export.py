"""``fdkd export``: its arguments, and that it prints the report; tests/apis/test_export.py has real exports."""

import pytest

from fdkd.apis.options import RunOptions
from fdkd.commands import export

WORDS = ['a.py', 'student.pth', '--format']


def test_arguments_reach_the_export_whose_report_is_printed(calls_of, capsys):
    calls = calls_of(export, 'export', 'the report')
    export.main([*WORDS, 'weights'])
    more = [
        '--int8',
        '--out',
        'b.onnx',
        '--work-dir',
        'w',
        '--check',
        '4',
        '--text-model',
        'bert',
        '--unsafe-checkpoint',
    ]
    export.main([*WORDS, 'onnx', *more])
    assert capsys.readouterr().out == 'the report\n' * 2
    settings = {'int8': False, 'out': None, 'work_dir': None, 'check': 32, 'unsafe_checkpoint': False}
    assert calls[0] == (('a.py', 'student.pth', 'weights', RunOptions()), settings)
    settings = {'int8': True, 'out': 'b.onnx', 'work_dir': 'w', 'check': 4, 'unsafe_checkpoint': True}
    assert calls[1] == (('a.py', 'student.pth', 'onnx', RunOptions(text_model='bert')), settings)


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (
            [*WORDS, 'tflite'],
            "argument --format: invalid choice: 'tflite'",
        ),
        (WORDS[:2], 'the following arguments are required: --format'),
        ([*WORDS, 'onnx', '--launcher', 'pytorch'], 'unrecognized arguments: --launcher pytorch'),
        ([*WORDS, 'onnx', '--check', '0'], "argument --check: '0', expected a whole number above 0"),
    ],
)
def test_arguments_that_cannot_be_meant(calls_of, capsys, words, told):
    calls = calls_of(export, 'export')
    with pytest.raises(SystemExit) as stopped:
        export.main(words)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err
    assert calls == []
