"""What is left in a folder: each file whole, none of the inputs touched, a camera's video complete at Ctrl-C."""

import csv

import av
import numpy as np
import pytest
from PIL import Image

import fdkd.inference.writing as module
from fdkd.errors import DataError
from fdkd.inference.results import Classification, Segmentation
from fdkd.inference.sources import Source, single
from fdkd.inference.writing import SHOWN, Answered, check_folder, write_maps, write_table

CLASSES, PALETTE = ('wall', 'floor', 'bed'), [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
STILL = single('a', 'a.jpg', str)
FILM = Source('film', 'film.mp4', list, fps=5.0, count=3)
CAMERA = Source('webcam_0', 'webcam:0', list, fps=5.0, count=None, live=True)


def maps(*sources, error=None, value=0):
    """Answers that are maps of one class; then an error."""
    for number, source in enumerate(sources):
        labels = np.full((16, 32), value or number % 3, np.uint8)
        yield Answered(source, 'x', Segmentation(source.name, source.shown, None, labels))
    if error:
        raise error


def classes(*sources, error=None):
    """Answers that are classes, at half-second steps; then an error."""
    for number, source in enumerate(sources):
        scores = np.roll(np.array([0.7, 0.2, 0.1], np.float32), number)
        time = None if source.fps is None else number / 2
        yield Answered(source, 'x', Classification(source.name, source.shown, time, CLASSES[number % 3], scores))
    if error:
        raise error


def frames(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


def test_stills_and_videos(tmp_path):
    found = write_maps(maps(STILL, FILM, FILM, FILM), tmp_path, 'Else', CLASSES, PALETTE)
    assert [path.name for path in found] == ['a.png', 'a_overlay.jpg', 'film_overlay.mp4']
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in found)
    with Image.open(tmp_path / 'a.png') as image:
        assert not np.asarray(image).any()
    film = frames(tmp_path / 'film_overlay.mp4')
    assert len(film) == 3
    assert np.abs(film[0][0, 0].astype(int) - [0, 100, 0]).max() < 12


def test_an_error_leaves_whole_files_and_the_former_video(tmp_path):
    (tmp_path / 'film_overlay.mp4').write_bytes(b'former')
    with pytest.raises(DataError):
        write_maps(maps(STILL, FILM, error=DataError('broken')), tmp_path, 'Else', CLASSES, PALETTE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.png', 'a_overlay.jpg', 'film_overlay.mp4']
    assert (tmp_path / 'film_overlay.mp4').read_bytes() == b'former'


def test_ctrl_c_ends_a_camera_alone(tmp_path):
    write_maps(maps(CAMERA, CAMERA, error=KeyboardInterrupt()), tmp_path, 'Else', CLASSES, PALETTE)
    assert len(frames(tmp_path / 'webcam_0_overlay.mp4')) == 2
    with pytest.raises(KeyboardInterrupt):
        write_maps(maps(FILM, error=KeyboardInterrupt()), tmp_path, 'Else', CLASSES, PALETTE)
    assert not (tmp_path / 'film_overlay.mp4').exists()


def test_ctrl_c_while_a_picture_is_drawn_asks_the_camera_no_more(tmp_path, monkeypatch):
    drawn, taken = [], []

    def counted():
        for answer in maps(*[CAMERA] * 9):
            taken.append(1)
            yield answer

    def overlay(*given):
        drawn.append(1)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return np.zeros((16, 32, 3), np.uint8)

    monkeypatch.setattr(module, 'overlay', overlay)
    write_maps(counted(), tmp_path, 'Else', CLASSES, PALETTE)
    assert len(drawn) == len(taken) == 3
    assert len(frames(tmp_path / 'webcam_0_overlay.mp4')) == 2


def test_the_table(tmp_path):
    [path], shown = write_table(classes(STILL, FILM), tmp_path, CLASSES)
    with path.open(newline='') as file:
        rows = list(csv.reader(file))
    assert rows == [
        ['name', 'source', 'time', 'label', 'probability', 'label_2', 'probability_2', 'label_3', 'probability_3'],
        ['a', 'a.jpg', '', 'wall', '0.700000', 'floor', '0.200000', 'bed', '0.100000'],
        ['film', 'film.mp4', '0.500', 'floor', '0.700000', 'bed', '0.200000', 'wall', '0.100000'],
    ]
    assert '| film |    0.500 | floor |       0.700 |' in shown
    assert 'time' not in write_table(classes(STILL), tmp_path, CLASSES)[1]


def test_a_long_table_is_cut_on_the_screen_alone(tmp_path):
    [path], shown = write_table(classes(*[STILL] * (SHOWN + 2)), tmp_path, CLASSES)
    assert shown.endswith('... and 2 more in predictions.csv')
    assert len(path.read_text().splitlines()) == SHOWN + 3


def test_an_error_leaves_the_former_table_and_ctrl_c_ends_a_camera(tmp_path):
    (tmp_path / 'predictions.csv').write_text('former')
    for error in (DataError('broken'), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            write_table(classes(STILL, error=error), tmp_path, CLASSES)
        assert (tmp_path / 'predictions.csv').read_text() == 'former'
    write_table(classes(CAMERA, CAMERA, error=KeyboardInterrupt()), tmp_path, CLASSES)
    assert len((tmp_path / 'predictions.csv').read_text().splitlines()) == 3


def test_the_folder_of_the_inputs_is_no_place_for_results(tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path)
    source = single('a', 'a.png', str, tmp_path / 'a.png')
    with pytest.raises(DataError, match=r'holds the input a\.png, which a result could replace'):
        check_folder(tmp_path / 'link', [STILL, source])
    check_folder(tmp_path / 'new' / 'one', [source])
    assert (tmp_path / 'new' / 'one').is_dir()
