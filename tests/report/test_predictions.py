"""What is read from predictions.csv."""

import pytest

from fdkd.apis.presentation.classification import write_predictions
from fdkd.errors import DataError
from fdkd.report.predictions import Prediction, confusion, mistakes, read_predictions


def test_reads_what_a_run_writes(tmp_path):
    rows = [
        {'sample_id': 'a,"b', 'label': 1, 'predicted': 0, 'score': 0.25},
        {'sample_id': 'c', 'label': -1, 'predicted': 1, 'score': 1},
    ]
    write_predictions(tmp_path / 'p.csv', rows, ['x', 'y\nz'])
    problems = []
    assert read_predictions(tmp_path / 'p.csv', problems) == [
        Prediction('a,"b', 'y\nz', 'x', 0.25),
        Prediction('c', '', 'y\nz', 1.0),
    ]
    assert problems == []


def test_cut_off_rows_are_told_and_left_out(tmp_path):
    path = tmp_path / 'p.csv'
    path.write_text('sample_id,label,predicted,score\na,x,x,0.5\nb,x,y,high\nc,x')
    problems = []
    assert [sample.sample_id for sample in read_predictions(path, problems)] == ['a']
    assert problems == [f'{path}: 2 row(s) are cut off or damaged, first line 3; left out']


@pytest.mark.parametrize('content', [b'', b'a,b\n1,2\n', b'\xff\xfe', b'sample_id,label,predicted,score\n\xff,a,b,1\n'])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / 'p.csv').write_bytes(content)
    with pytest.raises(DataError, match=r'p\.csv: .*; left out'):
        read_predictions(tmp_path / 'p.csv', [])


def test_mistakes_are_the_most_confident_ones():
    right = [Prediction('r', 'x', 'x', 0.99), Prediction('u', '', 'x', 0.99)]
    wrong = [Prediction(str(number), 'x', 'y', number / 20) for number in range(12)]
    assert [sample.sample_id for sample in mistakes(right + wrong)] == [str(number) for number in range(11, 1, -1)]


def test_confusion_counts_truth_by_row():
    pairs = [('b', 'a'), ('b', 'a'), ('a', 'a'), ('', 'b'), ('new', 'b')]
    names, counts = confusion([Prediction('s', *pair, 0.5) for pair in pairs], ['b', 'a', 'never'])
    assert names == ['b', 'a', 'never', 'new']
    assert counts.tolist() == [[0, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
