"""The file that a training leaves of a step."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData
from mmseg.structures import SegDataSample

from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.nonfinite.saved import pack, read, unpack_samples
from fdkd.errors import CheckpointError, NonFiniteLossError
from tests.support.small_training import Training

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    with pytest.raises(NonFiniteLossError):
        Training(folder).step(-1.0)
    return folder / 'nonfinite' / 'iter_1.pth'


def test_samples_of_both_kinds_come_back(tmp_path):
    maps = PixelData(data=torch.arange(6).view(1, 2, 3))
    segmented = SegDataSample(metainfo={'sample_id': '0001', 'ori_shape': (2, 3), 'scale_factor': np.ones(2)})
    segmented.gt_sem_seg = maps
    classed = ClassSample(metainfo={'sample_id': 'a', 'present': ('x', 'label')}, gt_label=torch.tensor(4))
    other = BaseDataElement(metainfo={'name': np.int64(3), 'path': CPU}, gt_label=torch.tensor(1))
    torch.save(pack([segmented, classed, other]), tmp_path / 'samples.pth')
    back = unpack_samples(torch.load(tmp_path / 'samples.pth', weights_only=True), CPU)
    assert [type(sample) for sample in back] == [SegDataSample, ClassSample, BaseDataElement]
    assert type(back[0].gt_sem_seg) is PixelData
    assert torch.equal(back[0].gt_sem_seg.data, maps.data)
    assert back[0].metainfo == {'sample_id': '0001', 'ori_shape': (2, 3), 'scale_factor': [1.0, 1.0]}
    assert back[1].metainfo == classed.metainfo
    assert back[1].gt_label == 4
    assert back[2].metainfo == {'name': 3, 'path': 'cpu'}


def test_of_a_view_only_what_is_seen_is_saved():
    packed = pack({'x': torch.zeros(1000)[:3], 'lists': [(1, torch.ones(1))]})
    assert packed['x'].untyped_storage().nbytes() == 12
    assert packed['lists'] == [(1, torch.ones(1))]


def test_the_file_needs_no_trust_and_holds_the_configs_text(file):
    content = torch.load(file, weights_only=True)
    assert "config_hash = 'abc'" in content['config']
    assert read(file)['finding'].ids == content['finding']['ids'] == ['0a']


def test_every_other_file_is_refused_by_name(file, tmp_path):
    content = torch.load(file, weights_only=True)
    others = {
        'weights': {'state_dict': {}},
        'lacking': {key: value for key, value in content.items() if key != 'seed'},
        'stepless': {**content, 'step': {'inputs': {}}},
        'newer': {**content, 'finding': {**content['finding'], 'more': 1}},
    }
    for name, other in others.items():
        torch.save(other, tmp_path / f'{name}.pth')
        match = 'another version' if name == 'newer' else 'not the file that a training leaves'
        with pytest.raises(CheckpointError, match=rf'{name}\.pth: .*{match}'):
            read(tmp_path / f'{name}.pth')
    with pytest.raises(CheckpointError, match='no such checkpoint'):
        read(tmp_path / 'none.pth')
