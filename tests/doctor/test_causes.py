"""Refusals that a whole data set does not show in test_reading.py: videos, and files that vanish."""

import av
import numpy as np
import soundfile

from fdkd.datasets.transforms import LoadArray, LoadAudio, LoadFrames, LoadRGB
from fdkd.doctor.causes import cause
from tests.doctor.conftest import write_frame, write_wave


def test_a_video_of_sound_alone_has_no_frames_and_a_broken_one_is_unreadable(tmp_path):
    with av.open(str(tmp_path / 'a.mp4'), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format='fltp', layout='mono')
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert cause(LoadFrames('visual'), str(tmp_path / 'a.mp4')) == 'no frames'
    (tmp_path / 'b.mp4').write_bytes(b'none')
    assert cause(LoadFrames('visual'), str(tmp_path / 'b.mp4')) == 'unreadable'


def test_a_file_that_vanished(tmp_path):
    assert cause(LoadRGB(), str(tmp_path / 'a.png')) == 'missing'


def test_sound_without_samples(tmp_path):
    soundfile.write(tmp_path / 'a.wav', np.zeros(0), 8000)
    assert cause(LoadAudio('audio', rate=8000), str(tmp_path / 'a.wav')) == 'empty'
    write_wave(tmp_path / 'b.wav', 0)
    assert cause(LoadAudio('audio', rate=8000), str(tmp_path / 'b.wav')) == 'unreadable'


def test_frames_of_two_sizes_of_which_the_loader_takes_both(tmp_path):
    write_frame(tmp_path / '0.png', 0)
    write_frame(tmp_path / '1.png', 1, (4, 4))
    assert cause(LoadFrames('visual', frames=2, pick='uniform'), str(tmp_path)) == 'size'


def test_objects_are_no_array(tmp_path):
    np.save(tmp_path / 'a.npy', np.array([{}]), allow_pickle=True)
    assert cause(LoadArray('imu'), str(tmp_path / 'a.npy')) == 'unreadable'
