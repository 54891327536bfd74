"""Students that are asked in batches, whatever they come from."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError
from fdkd.export.reading import Exported
from fdkd.inference.students import ExportedStudent


def exported(compute, task, *inputs):
    meta = {
        'modality': 'x',
        'task': task,
        'align_corners': False,
        'inputs': [{'name': n, 'dtype': d, 'shape': s, 'holds': ''} for n, d, s in inputs],
    }
    return ExportedStudent(Exported(meta, compute))


def test_label_maps_get_the_size_of_each_sample():
    student = exported(
        lambda arrays: np.stack([arrays['x'][:, 0], 9 - arrays['x'][:, 0]], 1),
        'segmentation',
        ('x', 'float32', ['N', 1, 4, 4]),
    )
    assert not student.pads
    samples = [
        {'inputs': {'x': torch.full((1, 4, 4), value)}, 'data_samples': SegDataSample(metainfo={'ori_shape': size})}
        for value, size in ((9.0, (8, 6)), (0.0, (2, 3)))
    ]
    (first, none), (second, _) = student.ask(samples, scores=False)
    assert none is None
    assert (first.shape, second.shape) == ((8, 6), (2, 3))
    assert (first == 0).all()
    assert (second == 1).all()


def test_one_output_channel_is_refused():
    student = exported(lambda arrays: arrays['x'], 'segmentation', ('x', 'float32', ['N', 1, 4, 4]))
    sample = {'inputs': {'x': torch.zeros(1, 4, 4)}, 'data_samples': SegDataSample(metainfo={'ori_shape': (4, 4)})}
    with pytest.raises(ConfigError, match='one output channel'):
        student.ask([sample], scores=False)


def test_texts_are_filled_up_and_masked():
    seen = {}
    student = exported(
        lambda arrays: seen.update(arrays) or np.zeros((2, 3), np.float32),
        'classification',
        ('input_ids', 'int64', ['N', 'L']),
        ('attention_mask', 'int64', ['N', 'L']),
    )
    assert student.pads
    samples = [{'inputs': {'x': torch.tensor(ids)}, 'data_samples': ClassSample()} for ids in ([5, 6, 7], [8])]
    scores = student.ask(samples, scores=False)
    assert seen['input_ids'].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert seen['attention_mask'].tolist() == [[1, 1, 1], [1, 0, 0]]
    np.testing.assert_allclose(scores, np.full((2, 3), 1 / 3), rtol=1e-6)
