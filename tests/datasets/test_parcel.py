"""A batch is after the journey what it was before."""

import io
import pickle
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn
from torch.utils.data import DataLoader

from fdkd.datasets.collate import collate_pairs
from fdkd.datasets.parcel import Parcel


def sent(value):
    """``value`` after a journey, as a plain pickle."""
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize(
    'tensor',
    [
        torch.arange(24.0).reshape(2, 3, 4),
        torch.randn(2, 3, 5).mT,
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.randn(1, 7, 3).mT,
        torch.tensor(5),
        torch.zeros(0, 2),
        torch.tensor([True, False, True]),
        torch.arange(5, dtype=torch.int16),
        torch.randn(3).bfloat16(),
        torch.randint(256, (3, 5, 7), dtype=torch.uint8),
    ],
)
def test_tensors_keep_values_and_memory_order(tensor):
    found = sent(Parcel(odd=torch.ones(3, dtype=torch.uint8), it=[tensor, tensor]))
    assert type(found) is dict
    for one in found['it']:
        assert one.dtype == tensor.dtype
        assert one.stride() == tensor.stride()
        assert torch.equal(one, tensor)


def test_parts_of_larger_tensors_travel_alone_and_in_their_order():
    large = torch.randn(4, 50, 60)
    for part in (large[:, 3:9, 5:8], large[:, 3:9, 5:8].permute(1, 2, 0), large[0].expand(3, 50, 60)):
        [found] = sent(Parcel(part=part)).values()
        assert torch.equal(found, part)
        assert found.untyped_storage().nbytes() <= part.numel() * 4 + 64
    order = sent(Parcel(part=large[:, 3:9, 5:8].permute(1, 2, 0)))['part'].stride()
    assert sorted(range(3), key=order.__getitem__) == [1, 0, 2]


def test_all_tensors_are_one_on_the_way():
    batch = Parcel(inputs={'rgb': [torch.randn(3, 4, 4) for _ in range(6)]}, labels=[torch.tensor(i) for i in range(6)])
    counted = []

    class Counting(ForkingPickler):
        def reducer_override(self, value):
            if isinstance(value, torch.Tensor):
                counted.append(value)
            return NotImplemented

    Counting(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(batch)
    assert len(counted) == 1


def test_samples_and_everything_else_travel_along():
    sample = SegDataSample(
        metainfo={'sample_id': 'a', 'img_shape': (2, 3)}, gt_sem_seg=PixelData(data=torch.ones(1, 2, 3))
    )
    weight = nn.Parameter(torch.randn(2))
    found = sent(Parcel(data_samples=[sample], text='x', weight=weight, number=1.5))
    assert found['data_samples'][0].metainfo == sample.metainfo
    assert torch.equal(found['data_samples'][0].gt_sem_seg.data, torch.ones(1, 2, 3))
    assert isinstance(found['weight'], nn.Parameter)
    assert (found['text'], found['number']) == ('x', 1.5)


class Samples:
    def __len__(self):
        return 5

    def __getitem__(self, index):
        inputs = {'a': torch.full((index + 1, 3), float(index)).T} | ({'b': torch.tensor([index])} if index % 2 else {})
        return {'inputs': inputs, 'data_samples': {'label': torch.tensor(index)}}


def test_batches_of_workers_are_those_of_the_main_process():
    batches = [list(DataLoader(Samples(), 2, num_workers=workers, collate_fn=collate_pairs)) for workers in (0, 1)]
    for one, other in zip(*batches, strict=True):
        assert type(one) is type(other) is dict
        assert list(one['inputs']) == list(other['inputs'])
        for name in one['inputs']:
            pairs = list(zip(one['inputs'][name], other['inputs'][name], strict=True))
            assert all(torch.equal(a, b) and a.stride() == b.stride() for a, b in pairs)
        assert [x['label'] for x in one['data_samples']] == [x['label'] for x in other['data_samples']]
