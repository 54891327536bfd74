"""A cache gives the numbers of its chain, computes once, notices changes and survives damage."""

import multiprocessing
import os

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torchvision.transforms.v2.functional import resize

from fdkd.datasets.transforms import Cached
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

CALLS = []
CHAIN = [
    dict(type='LoadAudio', modality='audio', seconds=0.5),
    dict(type='AddNoise', modality='audio', snr_db=3),
    dict(type='Spectrogram', modality='audio'),
]


@pytest.fixture
def counted():
    """A transform that counts its calls and gives the value's length."""

    class Count(ModalityTransform):
        def apply(self, value, sample_id):
            CALLS.append(value)
            return np.array([len(value)])

    CALLS.clear()
    TRANSFORMS.register_module(name='CountForCache', module=Count)
    yield dict(type='CountForCache', modality='m')
    TRANSFORMS.module_dict.pop('CountForCache')


@pytest.fixture
def clip(tmp_path):
    soundfile.write(tmp_path / 'a.wav', (0.3 * np.sin(np.arange(6000) ** 1.2)).astype(np.float32), 16000)
    return str(tmp_path / 'a.wav')


def audio(folder, path, sample_id='a', chain=CHAIN):
    return Cached('audio', folder, chain)({'sample_id': sample_id, 'audio': path})['audio']


def results(folder):
    return sorted(path for path in folder.rglob('*') if path.is_file())


def plain(path, sample_id='a'):
    value = {'sample_id': sample_id, 'audio': path}
    for config in CHAIN:
        value = TRANSFORMS.build(config)(value)
    return value['audio']


def test_same_numbers_as_without(tmp_path, clip):
    expected = plain(clip)
    for _ in range(2):
        found = audio(tmp_path / 'cache', clip)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)
    assert len(results(tmp_path / 'cache')) == 1


def test_the_second_call_computes_nothing(tmp_path, counted):
    for folder in ('one', 'one', 'two'):
        step = Cached('m', tmp_path / folder, [counted])
        assert step({'sample_id': 'a', 'm': 'text'})['m'].tolist() == [4]
    assert CALLS == ['text', 'text']


def test_results_belong_to_the_id_the_chain_and_the_text(tmp_path, counted):
    for sample_id, text, chain in (
        ('a', 'text', [counted]),
        ('b', 'text', [counted]),
        ('a', 'text2', [counted]),
        ('a', 'x' * 5000, [counted]),
        ('a', 'a\0\udcff', [counted]),
        ('a', 'text', [counted, counted]),
    ):
        step = Cached('m', tmp_path, chain)
        step({'sample_id': sample_id, 'm': text})
    assert len(CALLS) == 7
    assert len(results(tmp_path)) == 6


def test_noise_of_another_sample_is_not_taken(tmp_path, clip):
    first, second = (audio(tmp_path / 'cache', clip, sample_id) for sample_id in 'ab')
    assert torch.equal(second, plain(clip, 'b'))
    assert not torch.equal(first, second)


@pytest.mark.parametrize('changed', ['size', 'time'])
def test_a_changed_file_is_read_again(tmp_path, counted, changed):
    path = tmp_path / 'file'
    path.write_text('one')
    before = path.stat()
    step = Cached('m', tmp_path / 'cache', [counted])
    step({'sample_id': 'a', 'm': str(path)})
    path.write_text('three' if changed == 'size' else 'two')
    later = before.st_mtime_ns + (changed == 'time') * 1000
    os.utime(path, ns=(later, later))
    step({'sample_id': 'a', 'm': str(path)})
    assert len(CALLS) == 2


def test_a_changed_frame_in_a_folder_is_read_again(tmp_path):
    folder = tmp_path / 'clip'
    folder.mkdir()
    step = Cached('visual', tmp_path / 'cache', [dict(type='LoadFrames', modality='visual')])
    for value in (10, 200):
        Image.fromarray(np.full((value, 8, 3), value, np.uint8)).save(folder / '0.png')
        assert step({'sample_id': 'a', 'visual': str(folder)})['visual'].unique().tolist() == [value]


@pytest.mark.parametrize(
    'damage',
    [
        lambda data: b'',
        lambda data: data[:40],
        lambda data: data[:-7],
        lambda data: b'x',
        lambda data: b'PK\x03\x04' + data[4:],
    ],
)
def test_a_damaged_result_is_computed_again(tmp_path, clip, damage):
    expected = audio(tmp_path / 'cache', clip)
    (result,) = results(tmp_path / 'cache')
    whole = result.read_bytes()
    result.write_bytes(damage(whole))
    assert torch.equal(audio(tmp_path / 'cache', clip), expected)
    assert result.read_bytes() == whole


@pytest.mark.parametrize(
    'config',
    [
        dict(type='LoadFrames', modality='visual', pick='random'),
        dict(type='Augment', modality='visual', transform='RandomHorizontalFlip'),
    ],
)
def test_random_numbers_are_refused(tmp_path, config):
    with pytest.raises(ConfigError, match=f'{config["type"]} draws random numbers'):
        Cached('visual', tmp_path, [config])


def test_a_chain_of_what_draws_no_random_numbers_passes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    chain = [
        dict(type='LoadFrames', modality='visual'),
        dict(type='Augment', modality='visual', transform='Resize', size=(3, 4)),
    ]
    step = Cached('visual', tmp_path / 'cache', chain)
    expected = resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], [3, 4], antialias=True)
    for _ in range(2):
        assert torch.equal(step({'sample_id': 'a', 'visual': str(tmp_path / 'a.png')})['visual'], expected)
    assert len(results(tmp_path / 'cache')) == 1


@pytest.mark.parametrize('config', [dict(type='LoadArray', modality='imu'), dict(type='RandomHSV')])
def test_transforms_of_others_are_refused(tmp_path, config):
    with pytest.raises(ConfigError, match=f"{config['type']} is no transform of 'visual'"):
        Cached('visual', tmp_path, [config])


def test_a_folder_that_cannot_be_written_is_named(tmp_path, counted):
    (tmp_path / 'cache').write_text('a file')
    with pytest.raises(DataError, match=f'{tmp_path}/cache: cannot keep results there'):
        Cached('m', tmp_path / 'cache', [counted])({'sample_id': 'a', 'm': 'text'})


def _load_many(folder, path):
    for sample_id in map(str, range(10)):
        if not torch.equal(audio(folder, path, sample_id), plain(path, sample_id)):
            os._exit(1)
    os._exit(0)


def test_several_processes_share_a_folder(tmp_path, clip):
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=_load_many, args=(tmp_path / 'cache', clip)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [path.suffix for path in results(tmp_path / 'cache')] == ['.bin'] * 10


def test_a_sample_without_the_modality_passes_untouched(tmp_path, counted):
    assert Cached('m', tmp_path, [counted])({'sample_id': 'a'}) == {'sample_id': 'a'}
