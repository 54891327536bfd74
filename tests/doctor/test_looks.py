"""What is measured of values, against numbers worked out by hand."""

import av
import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image

from fdkd.datasets.transforms import LoadAudio, LoadDepth, LoadFrames, LoadLabelMap, LoadRGB
from fdkd.doctor.looks import as_numbers, look_at


def loaded(loader, path, key, **more):
    return look_at(loader, loader({'sample_id': 'a', key: str(path), **more}), str(path), LIMITS)


LIMITS = {'clip': (1.0, 3.0), 'hole': 0.0}


def test_depth(tmp_path):
    path = tmp_path / 'depth.png'
    cv2.imwrite(str(path), np.array([[0, 500, 2000, 2000], [0, 4000, 2000, 2000]], np.uint16))
    look = loaded(LoadDepth(), path, 'depth_path')
    assert look.measures == pytest.approx({'holes': 0.25, 'metres': 12.5 / 6})
    share, text = look.marks['range']
    assert share == pytest.approx(2 / 6)
    assert text == '33.33% of the measured pixels are beyond 1 to 3 m: 0.5 to 4 m'
    assert (look.remarks, look.constant) == ([], False)


def test_one_distance_everywhere_is_constant_but_for_holes(tmp_path):
    path = tmp_path / 'depth.png'
    cv2.imwrite(str(path), np.array([[0, 2000], [2000, 2000]], np.uint16))
    assert [remark.what for remark in loaded(LoadDepth(), path, 'depth_path').remarks] == ['constant']


def test_a_picture(tmp_path):
    path = tmp_path / 'rgb.png'
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    look = loaded(LoadRGB(), path, 'rgb_path')
    assert look.measures == pytest.approx({'brightness': pixels.mean(), 'contrast': pixels.std()})


def test_all_frames_of_a_strip_are_looked_at(tmp_path):
    strip = np.random.default_rng(0).integers(0, 256, (4, 12, 3), dtype=np.uint8)
    strip[:, 8:] = (1, 2, 3)
    Image.fromarray(strip).save(tmp_path / 'strip.png')
    look = loaded(LoadFrames('visual', strip_width=4), tmp_path / 'strip.png', 'visual')
    assert look.marks == {'constant frames': (1 / 3, '1 of 3 frames are of one colour, first frame 3: (1, 2, 3)')}
    assert look.measures['frames'] == 3
    assert not look.constant


def test_the_chosen_frames_of_a_video_are_looked_at(tmp_path):
    with av.open(str(tmp_path / 'a.mkv'), 'w') as container:
        stream = container.add_stream('ffv1', rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, 'yuv420p'
        for shade in (0, 100, 200):
            frame = np.full((16, 16, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, 'rgb24')))
        container.mux(stream.encode())
    look = loaded(LoadFrames('visual', frames=3, pick='uniform'), tmp_path / 'a.mkv', 'visual')
    assert [(remark.what, remark.value) for remark in look.remarks] == [
        ('constant', 'all 3 frames are of one colour each, the first of (0, 0, 0)')
    ]


def test_one_pixel_that_differs_is_not_constant(tmp_path):
    pixels = np.full((400, 400, 3), 90, np.uint8)
    pixels[200, 200] = 91
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    assert loaded(LoadRGB(), tmp_path / 'a.png', 'rgb_path').remarks == []


def test_a_label_map(tmp_path):
    path = tmp_path / 'label.png'
    cv2.imwrite(str(path), np.array([[0, 1, 1, 3]], np.uint8))
    look = loaded(LoadLabelMap(), path, 'label_path', num_classes=3)
    assert look.classes.tolist() == [2, 0, 1]
    assert look.measures == {'void': 0.25}


def test_sound(tmp_path):
    path, wave = tmp_path / 'a.wav', 0.5 * np.sin(2 * np.pi * np.arange(1000) / 10)
    soundfile.write(path, wave, 1000, subtype='FLOAT')
    look = loaded(LoadAudio('audio', rate=1000, seconds=1), path, 'audio')
    assert look.measures == pytest.approx({'seconds': 1.0, 'level': 20 * np.log10(0.5 / np.sqrt(2))}, abs=1e-3)
    assert look.marks == {}
    longer = loaded(LoadAudio('audio', rate=1000, seconds=1.25), path, 'audio')
    assert longer.marks['short'] == (0.25, '1.000 s, repeated from the start to fill 1.25 s')


@pytest.mark.parametrize('value', [None, 'text', 3, np.array(['a']), np.zeros(0), object()])
def test_what_holds_no_numbers(value):
    assert as_numbers(value) is None
