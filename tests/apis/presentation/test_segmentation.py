"""How a segmentation run is shown."""

import math

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from fdkd.algorithms import SingleModality
from fdkd.apis.config import load_config
from fdkd.apis.evaluate import evaluate
from fdkd.apis.evaluate import test_loader as loader_of
from fdkd.apis.options import RunOptions
from fdkd.apis.presentation.segmentation import draw, table, write_images

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


def test_counts_per_image_are_read_back_without_unpickling(tmp_path):
    images = {'ids': np.array(['b', 'a long id']), 'labelled': np.array([[1, 2**40], [0, 3]])}
    write_images(tmp_path / 'images.npz', images)
    with np.load(tmp_path / 'images.npz', allow_pickle=False) as file:
        assert {name: file[name].tolist() for name in file} == {name: x.tolist() for name, x in images.items()}
    assert [path.name for path in tmp_path.iterdir()] == ['images.npz']


class Walls(torch.nn.Module):
    """Sees a wall everywhere."""

    def forward(self, inputs, data_samples, mode):
        for sample in data_samples:
            sample.pred_sem_seg = PixelData(data=torch.zeros_like(sample.gt_sem_seg.data))
        return data_samples


@pytest.mark.parametrize('modality', ['rgb', 'depth'])
def test_a_run_leaves_the_counts_that_its_figures_are_sums_of(nyu_root, tmp_path, modality):
    options = RunOptions(data_root=str(nyu_root), size=(32, 24), pretrained='none', workers=0)
    cfg = load_config('configs/fdkd/nyu_rgb_from_depth.py', options)
    student = SingleModality(modality, Walls(), cfg.data_preprocessor)
    loader = loader_of(cfg, modality)
    found = evaluate(student, loader, cfg.test_evaluator, 'testing')
    draw(cfg, {'student': student}, {'student': found.metric}, tmp_path)
    with np.load(tmp_path / 'images.npz') as file:
        images = dict(file)
    labels = [sample.gt_sem_seg.data.numpy() for batch in loader for sample in batch['data_samples']]
    counts = np.stack([np.bincount(label[label != 255], minlength=40) for label in labels])
    assert images['ids'].tolist() == ['0005', '0006', '0007']
    assert images['labelled'].tolist() == counts.tolist()
    assert images['predicted'].tolist() == [[row.sum(), *[0] * 39] for row in counts]
    assert images['intersection'].tolist() == [[row[0], *[0] * 39] for row in counts]
    right, predicted, true = (images[name].sum(0) for name in ('intersection', 'predicted', 'labelled'))
    with np.errstate(invalid='ignore'):
        iou = right / (predicted + true - right)
    assert found.scores['metrics']['mIoU'] == round(100 * float(np.nanmean(iou)), 2)
    with Image.open(tmp_path / 'predictions.png') as picture:
        assert picture.format == 'PNG'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['images.npz', 'predictions.png']
