"""Which frames are taken, of an image, a strip, a folder and a video alike."""

import numpy as np
import pytest
import torch
from PIL import Image

from fdkd.datasets.base import seeded
from fdkd.datasets.transforms import LoadFrames
from fdkd.errors import ConfigError, DataError
from tests.conftest import REPOSITORY


def picture(number):
    """A picture of 8x6 pixels whose red says which one it is."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[..., 0] = number
    pixels[..., 2] = 255
    return pixels


@pytest.fixture
def strip(tmp_path):
    Image.fromarray(np.concatenate([picture(number) for number in range(10)], axis=1)).save(tmp_path / 'strip.png')
    return tmp_path / 'strip.png'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'clip'
    path.mkdir()
    for number in range(12):  # names without leading zeros
        Image.fromarray(picture(number)).save(path / f'frame{number}.png')
    (path / '.frame0.png').write_text('what some file systems leave behind')
    (path / 'notes.txt').write_text('no image')
    return path


def load(path, **arguments):
    return LoadFrames('visual', **arguments)({'sample_id': 'a', 'visual': str(path)})['visual']


def taken(path, **arguments):
    return load(path, **arguments)[:, 0, 0, 0].tolist()


def refuse(path, message, **arguments):
    with pytest.raises(DataError, match=message) as caught:
        load(path, **arguments)
    assert str(caught.value).startswith(f'{path}')


def test_a_tensor_of_rgb_frames(strip):
    frames = load(strip, frames=2, pick='uniform', strip_width=8)
    assert (frames.dtype, frames.shape) == (torch.uint8, (2, 3, 6, 8))
    assert frames.is_contiguous()
    assert torch.equal(frames[1], torch.from_numpy(picture(7)).permute(2, 0, 1))


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ({}, [5]),
        ({'pick': 'uniform'}, [5]),
        ({'frames': 2, 'pick': 'uniform'}, [2, 7]),
        ({'frames': 3, 'pick': 'uniform'}, [1, 5, 8]),
        ({'frames': 10, 'pick': 'uniform'}, list(range(10))),
        ({'frames': 20, 'pick': 'uniform'}, [index // 2 for index in range(20)]),
    ],
)
def test_frames_of_a_strip(strip, arguments, expected):
    assert taken(strip, strip_width=8, **arguments) == expected


@pytest.mark.parametrize(('arguments', 'expected'), [({}, [6]), ({'frames': 3, 'pick': 'uniform'}, [2, 6, 10])])
def test_frames_of_a_folder_come_in_the_order_of_their_numbers(folder, arguments, expected):
    assert taken(folder, **arguments) == expected


def test_the_middle_of_an_even_and_an_odd_number():
    loader = LoadFrames('visual')
    assert [loader.choose(count) for count in (1, 2, 3, 4, 5)] == [[0], [1], [1], [2], [2]]


def test_random_frames_fill_their_segments():
    loader = LoadFrames('visual', frames=3, pick='random')
    torch.manual_seed(0)
    drawn = np.array([loader.choose(9) for _ in range(900)])
    for segment in range(3):
        values, counts = np.unique(drawn[:, segment], return_counts=True)
        assert values.tolist() == [3 * segment, 3 * segment + 1, 3 * segment + 2]
        assert np.abs(counts - 300).max() < 60  # more than four standard deviations


def test_random_frames_depend_on_the_generator_alone(strip):
    def drawn(epoch):
        with seeded(0, epoch, 'a'):
            return taken(strip, strip_width=8, frames=3, pick='random')

    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(epoch)) for epoch in range(10)}) > 3


def test_one_image_repeats(tmp_path):
    Image.fromarray(picture(7)).save(tmp_path / 'a.png')
    assert taken(tmp_path / 'a.png') == [7]
    assert taken(tmp_path / 'a.png', frames=3, pick='uniform') == [7, 7, 7]


@pytest.mark.parametrize('suffix', ['.mp4', '.FLV'])
def test_videos_are_read_by_their_suffix(tmp_path, monkeypatch, suffix):
    def fake(path, choose):
        return [picture(index) for index in choose(7)]

    monkeypatch.setattr('fdkd.datasets.transforms.video.read_video', fake)
    assert taken(tmp_path / f'a{suffix}', frames=2, pick='uniform') == [1, 5]


def test_a_strip_that_does_not_divide_is_refused(strip):
    refuse(strip, '80 pixels wide, expected a multiple of strip_width=9', strip_width=9)


def test_a_folder_without_frames_is_refused(tmp_path):
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'clip' / 'notes.txt').write_text('no image')
    refuse(tmp_path / 'clip', 'no frames in it')


def test_frames_of_different_sizes_are_refused(folder):
    Image.fromarray(picture(0)[:, :5]).save(folder / 'frame3.png')
    refuse(folder, r'frames of different sizes \(5x6, 8x6 pixels\)', frames=2, pick='uniform')


def test_a_damaged_frame_is_named(folder):
    (folder / 'frame6.png').write_bytes(b'')
    refuse(folder, r'clip/frame6.png: unreadable or truncated image')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'pick': 'first'}, "pick='first', expected one of middle, uniform, random"),
        ({'frames': 2}, "frames=2 with pick='middle'; for several frames say pick='uniform' or 'random'"),
        ({'frames': 0, 'pick': 'uniform'}, 'expected 1 or more'),
        ({'strip_width': 0}, 'expected 1 pixel or more'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LoadFrames('visual', **arguments)


def test_a_sample_without_frames_passes_untouched():
    assert LoadFrames('visual')({'sample_id': 'a'}) == {'sample_id': 'a'}


def test_real_lip_strips():
    folder = REPOSITORY.parent / 'shared' / 'data' / 'grid_digits' / 'mouth'
    files = sorted(folder.glob('*.jpg'))[:5]
    if not files:
        pytest.skip(f'the lip videos are not at {folder}')
    for file in files:
        strip = np.asarray(Image.open(file))
        start = strip.shape[1] // 80 // 2 * 80
        assert np.array_equal(load(file, strip_width=80)[0].permute(1, 2, 0), strip[:, start : start + 80])
