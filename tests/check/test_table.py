"""What a check found, as text."""

from fdkd.check.findings import Findings
from fdkd.check.table import described, summary


def found():
    row = {
        'loss': 'ofd', 'tap': 'stages', 'student_path': ['a', 'b'], 'student_shape': [[4, 8], [4, 9]],
        'connector': 'Resize', 'teacher_path': 'c', 'teacher_shape': [4, 7, 2], 'weight': 0.5, 'value': 1.23456,
    }  # fmt: skip
    return Findings(
        'a.py',
        mistakes=['first', 'second'],
        notes=['by the way'],
        taps=[row],
        losses={'ofd.loss': 1.23456, 'loss_ce': 2.0},
        parameters={'student': {'total': 1234, 'trainable': 1200}, 'teacher': {'total': 0, 'trainable': 0}},
        memory={'weights': 2**20, 'total': 3 * 2**20},
        batch={'samples': 4, 'config': 64, 'shapes': {'audio': [1, 9, 8]}},
        schedule='SGD, lr 0.003; 10 epochs; batches of 64',
        seconds=1.25,
    )


def test_everything_is_shown():
    text = described(found())
    assert text.startswith('a.py: 2 mistakes (1.2 s)')
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines() if line.startswith('|')]
    assert rows[1] == ['ofd', 'stages', 'a', '4x8', 'Resize', 'c', '4x7x2', '0.5', '1.235']
    assert rows[2] == ['', '', 'b', '4x9', '', '', '', '', '']
    assert rows[3] == ['loss_ce', '', '', '', '', '', '', '', '2']
    assert len(rows) == 4
    assert 'parameters: student 1,234 (1,200 trainable)\n' in text
    assert 'batches of 64 from a step with 4 of audio 1x9x8: 3.0 MiB (weights 1.0)' in text
    assert text.endswith(
        '  trained with SGD, lr 0.003; 10 epochs; batches of 64\n  note: by the way\n  1. first\n  2. second'
    )


def test_a_config_that_did_not_come_to_a_step_has_its_mistakes_alone():
    assert described(Findings('a.py', ['wrong'])) == 'a.py: 1 mistake (0.0 s)\n  1. wrong'


def test_summary_has_a_row_for_each_config():
    text = summary([found(), Findings('b.py')])
    assert '2 configs, 1 with mistakes' in text
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines() if line.startswith('| ')]
    assert rows[-2:] == [['a.py', '2', '1', '2', '1,200', '3.0', '1.2'], ['b.py', '-', '-', '0', '0', '-', '0.0']]
