"""Rows of a batch by what its samples have."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import LossError

CPU = torch.device('cpu')


def test_rows_of_the_samples_that_have_the_modality():
    samples = [ClassSample(metainfo={'present': present}) for present in (('a', 'b'), ('a',), ('b', 'label'))]
    assert paired_places(samples, 'b') == [0, 2]
    assert paired_places(samples, 'c') == []
    assert on_device([0, 2], CPU).tolist() == [0, 2]
    assert on_device([], CPU).dtype == torch.int64


def test_a_sample_that_does_not_say_what_it_has_has_all():
    assert paired_places([ClassSample(), ClassSample()], 'b') == [0, 1]


def test_rows_are_selected_from_tensors_and_lists():
    features = {'feat': torch.arange(6.0).view(3, 2), 'stages': [torch.arange(3.0), 10 * torch.arange(3.0)]}
    selected = select_rows(features, torch.tensor([0, 2]))
    assert selected['feat'].tolist() == [[0, 1], [4, 5]]
    assert [x.tolist() for x in selected['stages']] == [[0, 2], [0, 20]]


def test_what_has_a_row_for_each_frame_is_averaged_over_the_frames_of_a_sample():
    frames = torch.tensor([[1.0], [3.0], [10.0], [20.0]])
    found = per_sample({'feat': frames[:2], 'stages': [frames, frames[:2]]}, samples=2)
    assert found['feat'].tolist() == [[1], [3]]
    assert [x.tolist() for x in found['stages']] == [[[2], [15]], [[1], [3]]]


def test_rows_that_are_no_frames_of_the_samples_are_refused():
    with pytest.raises(LossError, match="'stages' has 5 rows for 2 samples"):
        per_sample({'stages': [torch.zeros(5, 4)]}, samples=2)


def test_labels_of_classes_and_of_maps():
    assert labels([ClassSample(gt_label=torch.tensor(label)) for label in (3, -1)]).tolist() == [3, -1]
    maps = [SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 2, 2), label))) for label in (4, 255)]
    assert labels(maps).tolist() == [[[4, 4], [4, 4]], [[255, 255], [255, 255]]]
