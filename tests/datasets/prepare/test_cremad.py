"""CREMA-D from its folder of Flash videos and WAV files."""

import numpy as np
import pytest
import soundfile

from fdkd.datasets import CREMAD
from fdkd.datasets.prepare.cremad import convert_cremad
from fdkd.datasets.prepare.files import SourceError


@pytest.fixture
def published(tmp_path, write_clip):
    """Six training clips, one of each class, and a test clip; ``1002_IEO_NEU_XX`` has a sound file of its own."""
    emotions = ('NEU', 'HAP', 'SAD', 'FEA', 'DIS', 'ANG')
    names = [f'1001_IEO_{emotion}_XX' for emotion in emotions]
    for name in [*names, '1002_IEO_NEU_XX']:
        write_clip(tmp_path / 'raw' / 'VideoFlash' / f'{name}.flv', 0.6, video='flv1')
    (tmp_path / 'raw' / 'AudioWAV').mkdir()
    soundfile.write(tmp_path / 'raw' / 'AudioWAV' / '1002_IEO_NEU_XX.wav', np.full(8000, 0.25), 16000)
    rows = zip(names, emotions, strict=True)
    (tmp_path / 'train.csv').write_text(''.join(f'{name},{label}\n' for name, label in rows))
    (tmp_path / 'test.csv').write_text('1002_IEO_NEU_XX,NEU\n')
    return tmp_path


@pytest.mark.parametrize('folder', ['raw', 'raw/VideoFlash'])
def test_converted_folder_is_what_the_data_set_reads(published, folder):
    out = published / 'set'
    manifest = convert_cremad(published, published / folder, out)
    assert [counts['usable'] for counts in manifest['splits'].values()] == [6, 1]
    assert (out / 'train.csv').read_bytes() == (published / 'train.csv').read_bytes()
    sound, rate = soundfile.read(out / 'audio' / '1002_IEO_NEU_XX.wav')
    assert rate == 16000
    assert np.array_equal(sound, np.full(8000, 0.25))
    sample = CREMAD(out, 'train').get_data_info(5)
    assert sample['sample_id'] == '1001_IEO_ANG_XX'
    assert sample['gt_label'] == 5
    assert sample['audio'] == str(out / 'audio' / '1001_IEO_ANG_XX.wav')
    assert sample['visual'] == str(out / 'frames' / '1001_IEO_ANG_XX')


def test_missing_lists_and_clips_say_where_they_are_published(published, annotations):
    with pytest.raises(SourceError, match=r'nowhere/train\.csv: missing; train\.csv and test\.csv are published .*OGM'):
        convert_cremad(published / 'nowhere', published / 'raw', published / 'set')
    with pytest.raises(
        SourceError, match=r'none of the 7,442 listed clips .* 1088_IOM_NEU_XX\.mp4.* published at http'
    ):
        convert_cremad(annotations / 'cremad' / 'c2kd_{split}.csv', published / 'nowhere', published / 'set')
