"""The configured pipelines end to end: one geometry for all, photometry for RGB alone, values in their units."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from fdkd.datasets import NYUDepthV2, SampleKey
from fdkd.datasets.transforms import PackClassification, PackSegmentation
from fdkd.errors import ConfigError

CONFIG = Path(__file__).parents[3] / 'configs' / '_base_' / 'datasets' / 'nyu_depth_v2.py'
WIDTH, HEIGHT = 32, 24
SMALL = (20, 15)


@pytest.fixture
def columns(nyu_copy):
    """The first frame counts its columns: grey is 7c, depth (c + 1) dm with holes, the label c + 1 below a void row."""
    count = np.tile(np.arange(WIDTH), (HEIGHT, 1))
    label = count + 1
    label[0] = 0
    depth = 100 * (count + 1)
    depth[4:6] = 0
    Image.fromarray((7 * count).astype(np.uint8)).convert('RGB').save(nyu_copy / 'rgb' / '0001.jpg', quality=100)
    cv2.imwrite(str(nyu_copy / 'depth' / '0001.png'), depth.astype(np.uint16))
    cv2.imwrite(str(nyu_copy / 'label40' / '0001.png'), label.astype(np.uint8))
    return nyu_copy


def configured(mode, scale=SMALL, hsv=True):
    pipeline = Config.fromfile(CONFIG)[f'{mode}_pipeline']
    next(step for step in pipeline if step.type == 'mmseg.Resize').scale = scale
    if not hsv:
        next(step for step in pipeline if step.type == 'RandomHSV').update(hue=0, saturation=0, value=0)
    return pipeline


def nearest(array, scale):
    """Nearest resampling by indices."""
    rows = np.arange(scale[1]) * array.shape[0] // scale[1]
    cols = np.arange(scale[0]) * array.shape[1] // scale[0]
    return array[rows][:, cols]


def both_ways(dataset):
    """Samples of the first frame, one that was flipped and one that was not."""
    samples = [dataset[SampleKey(0, epoch, 0)] for epoch in range(12)]
    found = {sample['data_samples'].flip: sample for sample in samples}
    assert set(found) == {True, False}
    return found


@pytest.mark.parametrize('scale', [SMALL, (64, 48), (21, 17)])
def test_resize_and_flip_reach_all_alike(columns, scale):
    rgb = cv2.resize(cv2.imread(str(columns / 'rgb' / '0001.jpg')), scale, interpolation=cv2.INTER_LINEAR)[..., ::-1]
    depth = nearest(cv2.imread(str(columns / 'depth' / '0001.png'), cv2.IMREAD_UNCHANGED) / 1000, scale)
    label = nearest(cv2.imread(str(columns / 'label40' / '0001.png'), cv2.IMREAD_UNCHANGED).astype(int), scale)
    label = np.where(label == 0, 255, label - 1)
    dataset = NYUDepthV2(columns, 'train', pipeline=configured('train', scale, hsv=False))
    for flipped, sample in both_ways(dataset).items():
        turn = (lambda x: x[:, ::-1]) if flipped else (lambda x: x)
        assert sample['data_samples'].flip_direction == ('horizontal' if flipped else None)
        found = sample['inputs']['rgb'].permute(1, 2, 0).numpy()
        assert np.abs(found.astype(int) - turn(rgb)).max() <= 4  # HSV rounding and two JPEG decoders
        np.testing.assert_allclose(sample['inputs']['depth'][0].numpy(), turn(depth), rtol=1e-6)
        assert np.array_equal(sample['data_samples'].gt_sem_seg.data[0].numpy(), turn(label))


def test_a_crop_takes_the_same_window_of_all(columns):
    pipeline = configured('train', (WIDTH, HEIGHT), hsv=False)
    pipeline.insert(4, dict(type='mmseg.RandomCrop', crop_size=(10, 12)))
    dataset = NYUDepthV2(columns, 'train', pipeline=pipeline)
    corners = set()
    for epoch in range(12):
        sample = dataset[SampleKey(0, epoch, 0)]
        label = sample['data_samples'].gt_sem_seg.data[0]
        assert label.shape == (10, 12)
        column = label[-1].expand(10, 12)  # no void in the last row
        assert ((label == column) | (label == 255)).all()
        depth = sample['inputs']['depth'][0]
        torch.testing.assert_close(depth, torch.where(depth == 0, 0, (column + 1) / 10))
        assert torch.equal((sample['inputs']['rgb'][1].float() / 7).round().long(), column)
        corners.add(column[0, 0].item())
    assert len(corners) > 4


@pytest.mark.parametrize('scale', [SMALL, (50, 37)])
def test_depth_is_never_interpolated(nyu_root, scale):
    dataset = NYUDepthV2(nyu_root, 'train', pipeline=configured('train', scale))
    for index in range(len(dataset)):
        stored = cv2.imread(str(nyu_root / 'depth' / f'000{index + 1}.png'), cv2.IMREAD_UNCHANGED)
        depth = dataset[index]['inputs']['depth']
        assert set(torch.unique(depth).tolist()) <= set((stored.astype(np.float32) / 1000).ravel().tolist())
        assert (depth == 0).any()
        assert dataset[index]['data_samples'].gt_sem_seg.data.max() <= 255


@pytest.mark.parametrize(('mode', 'contrast'), [('train', 90), ('test', 250)])
def test_channels_are_red_green_blue(nyu_copy, mode, contrast):
    for number, colour in enumerate(np.diag([255, 255, 255]).tolist(), start=1):
        Image.new('RGB', (WIDTH, HEIGHT), tuple(colour)).save(nyu_copy / 'rgb' / f'000{number}.jpg')
    dataset = NYUDepthV2(nyu_copy, 'train', pipeline=configured(mode))
    for channel in range(3):
        means = dataset[channel]['inputs']['rgb'].float().mean((1, 2))
        others = [means[other] for other in range(3) if other != channel]
        assert means[channel] - max(others) > contrast


def test_dtypes_and_metadata(nyu_root):
    sample = NYUDepthV2(nyu_root, 'train', pipeline=configured('train'))[0]
    assert (sample['inputs']['rgb'].dtype, sample['inputs']['depth'].dtype) == (torch.uint8, torch.float32)
    label = sample['data_samples'].gt_sem_seg.data
    assert label.dtype == torch.int64
    assert label.shape == sample['inputs']['depth'].shape == (1, 15, 20)
    assert set(sample['data_samples'].metainfo) == {*PackSegmentation.META_KEYS, 'index', 'view'}
    assert sample['data_samples'].sample_id == '0001'
    assert sample['data_samples'].present == ('rgb', 'depth', 'label')
    assert sample['data_samples'].ori_shape == (HEIGHT, WIDTH)
    assert sample['data_samples'].img_shape == (15, 20)


def test_evaluation_keeps_the_size_of_the_truth(nyu_root):
    sample = NYUDepthV2(nyu_root, 'test', pipeline=configured('test'), test_mode=True)[0]
    stored = cv2.imread(str(nyu_root / 'label40' / '0005.png'), cv2.IMREAD_UNCHANGED).astype(int)
    assert sample['inputs']['rgb'].shape == (3, 15, 20)
    assert sample['data_samples'].ori_shape == (HEIGHT, WIDTH)
    assert np.array_equal(sample['data_samples'].gt_sem_seg.data[0], np.where(stored == 0, 255, stored - 1))


@pytest.mark.parametrize('mode', ['train', 'test'])
@pytest.mark.parametrize('modality', ['rgb', 'depth'])
def test_one_modality_alone_is_as_beside_the_other(nyu_root, mode, modality):
    pipeline = configured(mode, hsv=False) if mode == 'train' else configured(mode)
    pair, alone = (NYUDepthV2(nyu_root, 'train', m, pipeline) for m in (['rgb', 'depth'], [modality]))
    for index in range(4):
        one, both = alone[SampleKey(index, 1, 0)], pair[SampleKey(index, 1, 0)]
        assert list(one['inputs']) == [modality]
        assert torch.equal(one['inputs'][modality], both['inputs'][modality])
        assert torch.equal(one['data_samples'].gt_sem_seg.data, both['data_samples'].gt_sem_seg.data)


def test_a_sample_without_label_packs():
    image = np.zeros((2, 3, 3), np.uint8)
    image[..., 0] = 9  # blue, in OpenCV's order
    packed = PackSegmentation()({'rgb_path': 'a', 'img': image, 'sample_id': 'x'})
    assert packed['inputs']['rgb'][:, 0, 0].tolist() == [0, 0, 9]
    assert 'gt_sem_seg' not in packed['data_samples']


def classified(**values):
    """A packed sample with the given modalities and the label 3."""
    results = {'sample_id': 'x', 'present': (*values, 'label'), 'gt_label': 3, 'other': 'not asked for', **values}
    return PackClassification()(results)


def test_a_classified_sample_packs_what_is_present():
    ids = np.arange(5, dtype=np.int64)
    flipped = np.arange(6, dtype=np.float32).reshape(1, 2, 3)[..., ::-1]
    clip = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    packed = classified(text=ids, imu=flipped, visual=clip)
    assert list(packed['inputs']) == ['text', 'imu', 'visual']
    assert packed['inputs']['text'].dtype == torch.int64
    assert packed['inputs']['text'].tolist() == [0, 1, 2, 3, 4]
    assert packed['inputs']['imu'].tolist() == [[[2, 1, 0], [5, 4, 3]]]
    assert packed['inputs']['visual'] is clip


def test_label_and_metadata_of_a_classified_sample():
    sample = classified(text=np.arange(5))['data_samples']
    assert (sample.gt_label.dtype, sample.gt_label.shape, sample.gt_label.item()) == (torch.int64, (), 3)
    assert dict(sample.metainfo_items()) == {'sample_id': 'x', 'present': ('text', 'label')}


def test_a_sample_without_a_label_keeps_minus_one():
    sample = PackClassification()({'sample_id': 'x', 'present': (), 'gt_label': -1})['data_samples']
    assert sample.gt_label.item() == -1
    assert sample.present == ()


def test_a_modality_that_no_step_reads_is_named():
    with pytest.raises(ConfigError, match=r"audio is still '/data/a.wav'; the pipeline needs a step that reads it"):
        classified(audio='/data/a.wav')
