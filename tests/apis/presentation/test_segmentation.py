"""How a segmentation run is shown."""

import math

from fdkd.apis.presentation.segmentation import table

RESULTS = {
    'config': 'configs/x.py',
    'seed': 3,
    'epoch': 24,
    'selection': 'last epoch',
    'student': {
        'modality': 'rgb',
        'samples': 654,
        'metrics': {'mIoU': 12.5, 'mAcc': 20.0, 'aAcc': 50.25},
        'per_class': {'wall': {'IoU': 25.0, 'Acc': 40.0}, 'bag': {'IoU': math.nan, 'Acc': math.nan}},
    },
    'teacher': {
        'modality': 'depth',
        'metrics': {'mIoU': 13.0, 'mAcc': 21.0, 'aAcc': 51.0},
        'per_class': {'wall': {'IoU': 26.0, 'Acc': 41.0}, 'bag': {'IoU': 0.5, 'Acc': 1.0}},
    },
}


def rows(text):
    lines = [line.strip('|').split('|') for line in text.splitlines() if line.startswith('|')]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_table_shows_the_student_beside_its_teacher():
    drawn = table(RESULTS)
    assert 'configs/x.py: last epoch (24), 654 test samples, seed 3' in drawn
    assert rows(drawn)['IoU (%)'] == ['student (rgb)', 'teacher (depth)']
    assert rows(drawn)['wall'] == ['25.00', '26.00']
    assert rows(drawn)['bag'] == ['-', '0.50']
    assert rows(drawn)['mean IoU'] == ['12.50', '13.00']
    assert rows(drawn)['pixel accuracy'] == ['50.25', '51.00']


def test_the_table_of_a_student_alone_has_one_column_and_the_classes_that_occur():
    alone = {key: value for key, value in RESULTS.items() if key != 'teacher'}
    assert rows(table(alone))['mean accuracy'] == ['20.00']
    assert 'bag' not in rows(table(alone))
