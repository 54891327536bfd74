"""VGGSound from what is left of its videos."""

import csv

import pytest

from fdkd.datasets import VGGSound50
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.vggsound import convert_vggsound
from fdkd.datasets.vggsound_classes import CLASSES_50


@pytest.fixture
def lines(tmp_path, write_clip):
    """A training clip of each class, of which the video is there, and two test clips, of which one is."""
    write_clip(tmp_path / 'raw' / 'video' / 'a_b_000000.mp4', 0.6)
    (tmp_path / 'raw' / 'scratch_00').mkdir()
    for number in range(1, 50):
        (tmp_path / 'raw' / 'scratch_00' / f'a_b_{number:06d}.mp4').symlink_to('../video/a_b_000000.mp4')
    write_clip(tmp_path / 'raw' / 'video' / '-x_000010.mp4', 0.6)
    rows = [('a_b', number, label, 'train') for number, label in enumerate(CLASSES_50)]
    return [*rows, ('-x', 10, CLASSES_50[7], 'test'), ('gone', 300, CLASSES_50[0], 'test')]


def write_csv(path, lines):
    with open(path, 'w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows(lines)


@pytest.mark.parametrize('single', [True, False])
def test_converted_folder_is_what_the_data_set_reads(tmp_path, lines, single):
    for split in ('train', 'test'):
        write_csv(tmp_path / f'{split}.csv', [line for line in lines if line[3] == split])
    write_csv(tmp_path / 'vggsound.csv', lines)
    out = tmp_path / 'set'
    manifest = convert_vggsound(tmp_path / 'vggsound.csv' if single else tmp_path, tmp_path / 'raw', out)
    assert manifest['splits']['train']['usable'] == 50
    assert manifest['splits']['test'] == dict(listed=2, found=1, usable=1, missing=1, unreadable=0, silent=0)
    assert manifest['classes']['test'][CLASSES_50[0]]['missing'] == 1
    assert manifest['missing'] == ['gone_000300']
    for split in ('train', 'test'):
        assert (out / f'{split}.csv').read_bytes() == (tmp_path / f'{split}.csv').read_bytes()
    sample = VGGSound50(out, 'test', test_mode=True).get_data_info(0)
    assert sample['sample_id'] == '-x_000010'
    assert sample['gt_label'] == 7
    assert sample['audio'] == str(out / 'audio' / '-x_000010.wav')


def test_unknown_split_in_the_single_list(tmp_path):
    write_csv(tmp_path / 'vggsound.csv', [('a', 1, 'x', 'train'), ('b', 2, 'x', 'dev')])
    with pytest.raises(SourceError, match=r"vggsound\.csv: its last column says 'dev', expected train or test"):
        convert_vggsound(tmp_path / 'vggsound.csv', tmp_path, tmp_path / 'set')


def test_official_lists_without_videos(annotations, tmp_path):
    told = r'none of the 28,335 listed clips .* --0PQM4-hqg_000030\.mp4, .* is published as a list of videos at http'
    with pytest.raises(SourceError, match=told):
        convert_vggsound(annotations / 'vggsound' / 'c2kd_{split}_tiny.csv', tmp_path, tmp_path / 'set')
