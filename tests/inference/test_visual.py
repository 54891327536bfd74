"""Images, clips, videos, cameras and depth maps: what becomes of each, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from fdkd.datasets.transforms import LoadDepth, LoadFrames, LoadRGB
from fdkd.errors import DataError
from fdkd.inference.kinds import Reading
from fdkd.inference.sources import room
from fdkd.inference.visual import Colours, Depth, Frames, Strips
from tests.datasets.transforms.test_video import number, write_video

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def found(kind, given):
    """Of each shot its source and the time, and what the loader makes of it."""
    with room() as place:
        return [
            (source, shot.time, read(kind.loader, shot.opener(place())))
            for source in kind.sources(given)
            for shot in source.shots()
        ]


def read(loader, value):
    if isinstance(loader, LoadRGB):
        return loader.transform({'rgb_path': value})['img'][..., ::-1]
    if isinstance(loader, LoadDepth):
        return loader.transform({'depth_path': value})['depth']
    return loader.apply(value, 'id').permute(0, 2, 3, 1).numpy()


def colours(**reading):
    return Colours('rgb', LoadRGB(), Reading(**reading), dense=True)


def frames(strip_width=None, count=1, **reading):
    pick = 'middle' if count == 1 else 'uniform'
    loader = LoadFrames('visual', frames=count, pick=pick, strip_width=strip_width)
    return (Strips if strip_width else Frames)('visual', loader, Reading(**reading), dense=False)


def depth():
    return Depth('depth', LoadDepth(), Reading(), dense=True)


@pytest.fixture
def folder(tmp_path):
    for name in ('b', 'a'):
        Image.fromarray(PIXELS).save(tmp_path / f'{name}.png')
    (tmp_path / '.hidden.png').write_text('')
    (tmp_path / 'notes.txt').write_text('')
    return tmp_path


def test_files_folders_arrays_and_lists_of_them(folder):
    shots = found(colours(), [folder, str(folder / 'a.png'), [PIXELS]])
    assert [source.name for source, _, _ in shots] == ['a', 'b', 'a', 'array']
    assert [source.path for source, _, _ in shots[:2]] == [folder / 'a.png', folder / 'b.png']
    for _, time, pixels in shots:
        assert time is None
        assert np.array_equal(pixels, PIXELS)


def test_a_video_is_its_frames(tmp_path):
    path = write_video(tmp_path / 'v.mp4')
    shots = found(colours(stride=7), path)
    source = shots[0][0]
    assert (source.name, source.count, source.fps) == ('v', 3, 25 / 7)
    assert [number(pixels) for _, _, pixels in shots] == [0, 7, 14]
    assert [time for _, time, _ in shots] == pytest.approx([0, 0.28, 0.56])


def test_a_camera_is_live_and_endless():
    for given, name in (('webcam', 'webcam_0'), ('webcam:2', 'webcam_2')):
        [source] = colours().sources(given)
        assert (source.name, source.live, source.count) == (name, True, None)


def test_a_classifier_sees_a_video_as_one_clip_unless_there_is_a_stride(tmp_path):
    path = write_video(tmp_path / 'v.mp4')
    [(source, time, pixels)] = found(frames(), path)
    assert (source.fps, time, number(pixels[0])) == (None, None, 10)
    assert [number(pixels[0]) for _, _, pixels in found(frames(stride=9), path)] == [0, 9, 18]


def test_folders_are_images_or_clips(folder):
    assert len(found(frames(), folder)) == 2
    [(source, _, pixels)] = found(frames(count=2, clips=True), folder)
    assert source.name == folder.name
    assert pixels.shape == (2, 12, 16, 3)
    (above := folder / 'above').mkdir()
    for name in ('x', 'y'):
        (above / name).mkdir()
        (folder / 'a.png').rename(above / name / '1.png') if name == 'x' else (folder / 'b.png').rename(
            above / name / '1.png'
        )
    assert [source.name for source, _, _ in found(frames(clips=True), above)] == ['x', 'y']


def test_clips_and_strips_in_memory():
    clip = np.stack([PIXELS, PIXELS[::-1], 255 - PIXELS])
    [(_, _, pixels)] = found(frames(count=3), clip)
    assert np.array_equal(pixels, clip)
    [(_, _, pixels)] = found(frames(strip_width=8), PIXELS)
    assert np.array_equal(pixels, PIXELS[None, :, 8:])
    with pytest.raises(DataError, match=r'uint8 \[3, 12, 16, 3\], expected uint8 \[H, W, 3\]'):
        found(frames(strip_width=8), clip)
    for given in ('webcam:0', 'v.mp4'):
        with pytest.raises(DataError):
            found(frames(strip_width=8), given)


def test_depth_from_arrays_and_files_in_millimetres(tmp_path):
    values = np.array([[0, 500], [1500, 65535]], np.uint16)
    np.save(tmp_path / 'n.npy', values)
    Image.fromarray(values).save(tmp_path / 'p.png')
    shots = found(depth(), [tmp_path, values])
    assert [source.name for source, _, _ in shots] == ['n', 'p', 'array']
    for _, _, metres in shots:
        assert np.array_equal(metres, values.astype(np.float32) / 1000)


@pytest.mark.parametrize(
    ('kind', 'given', 'words'),
    [
        (colours(), PIXELS[..., :2], r'uint8 \[12, 16, 2\], expected uint8 \[H, W, 3\] in RGB'),
        (colours(), PIXELS.astype(float), r'float64 \[12, 16, 3\]'),
        (colours(), PIXELS[:0], r'uint8 \[0, 16, 3\]'),
        (colours(), 3, 'an input of the type int, but this student takes rgb: give it images'),
        (depth(), np.ones((2, 2)), r'float64 \[2, 2\], expected uint16 .* of metres make np\.rint'),
        (depth(), PIXELS.astype(np.uint16), r'uint16 \[12, 16, 3\]'),
    ],
)
def test_arrays_of_another_kind_are_refused(kind, given, words):
    with pytest.raises(DataError, match=words):
        found(kind, given)


def test_files_of_another_kind_are_refused(tmp_path):
    for name, words in (
        ('a.wav', 'a.wav: sound, but this student takes rgb: give it images'),
        ('a.docx', 'a file of an unknown kind'),
        ('gone.png', 'gone.png: no such file or folder'),
    ):
        if 'gone' not in name:
            (tmp_path / name).write_text('')
        with pytest.raises(DataError, match=words):
            found(colours(), tmp_path / name)
    with pytest.raises(DataError, match='a folder without a fitting file'):
        found(colours(), tmp_path)
    with pytest.raises(DataError, match='without frames and without folders'):
        found(frames(clips=True), tmp_path)
