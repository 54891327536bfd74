"""AVE from its folder of videos."""

import pytest

from fdkd.datasets import AVE
from fdkd.datasets.ave import CLASSES
from fdkd.datasets.prepare.ave import convert_ave
from fdkd.datasets.prepare.files import SourceError


def test_converted_folder_is_what_the_data_set_reads(tmp_path, write_clip):
    for name in ('one', '-two', 'three'):
        write_clip(tmp_path / 'AVE' / f'{name}.mp4', 0.6)
    lines = [f'{label}&one&good&0&10\n' for label in CLASSES]  # a video may stand there with several events
    (tmp_path / 'trainSet.txt').write_text(''.join(lines))
    (tmp_path / 'valSet.txt').write_text('Bark&-two&good&2&7\n')
    (tmp_path / 'testSet.txt').write_text('Bark&three&good&0&10\nBark&gone&good&0&10\n')
    manifest = convert_ave(tmp_path, tmp_path / 'AVE', tmp_path / 'set')
    assert [tuple(counts[name] for name in ('listed', 'usable')) for counts in manifest['splits'].values()] == [
        *((28, 28), (1, 1), (2, 1)),
    ]
    assert sorted(path.name for path in (tmp_path / 'set' / 'audio').iterdir()) == ['-two.wav', 'one.wav', 'three.wav']
    assert manifest['missing'] == ['gone']
    sample = AVE(tmp_path / 'set', 'val').get_data_info(0)
    assert sample['sample_id'] == '-two Bark'
    assert sample['gt_label'] == 2
    assert sample['visual'] == str(tmp_path / 'set' / 'frames' / '-two')


def test_official_lists_without_videos(annotations, tmp_path):
    # 4143 lines with 46 videos that stand there twice
    with pytest.raises(SourceError, match=r'none of the 4,097 listed clips .* c---zaDCTaE\.mp4.* is published at http'):
        convert_ave(annotations / 'ave' / 'c2kd_{split}Set.txt', tmp_path, tmp_path / 'set')
