"""A student asked about everything that it takes: the evaluation's numbers, from configs and exports alike."""

import csv
import runpy
import shutil
import sys

import cv2
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import fdkd.apis.export as exporting
from fdkd.apis.cli import guarded
from fdkd.apis.config import load_config
from fdkd.apis.evaluate import test_loader as loader_of  # no test of its own
from fdkd.apis.inferencer import Inferencer
from fdkd.apis.options import RunOptions
from fdkd.apis.test import student_alone
from fdkd.errors import CheckpointError, ConfigError, DataError, ExportError
from fdkd.inference import Classification, Segmentation
from tests.datasets.transforms.test_video import write_video
from tests.inference import tiny
from tests.inference.test_video import Camera
from tests.support.repository import REPOSITORY


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('infer')


@pytest.fixture(scope='module')
def image(folder):
    return tiny.image_student(folder)


@pytest.fixture(scope='module')
def imu(folder, image):
    return tiny.imu_student(folder)


@pytest.fixture(scope='module')
def rgb(folder, nyu_root):
    return tiny.segmentor(folder, nyu_root, 'rgb')


@pytest.fixture(scope='module')
def depth(folder, nyu_root):
    return tiny.segmentor(folder, nyu_root, 'depth')


@pytest.fixture(scope='module')
def text(folder):
    return tiny.text_student(folder)


@pytest.fixture(scope='module')
def sound(folder):
    return tiny.sound_student(folder)


@pytest.fixture(scope='module')
def asked(rgb):
    """An inferencer of colours."""
    return Inferencer(*rgb, batch_size=2)


@pytest.fixture(scope='module')
def exports(folder, rgb, text):
    """Exported files by name."""
    patch = pytest.MonkeyPatch()
    patch.setattr(exporting, 'REPEATS', 1)
    kinds = {
        'rgb': (rgb, 'weights', '.pth'),
        'text': (text, 'weights', '.pth'),
        'program': (text, 'torch-export', '.pt2'),
    }
    yield {
        name: exporting.export(*student, kind, out=folder / f'{name}_exported{suffix}', check=2).path
        for name, (student, kind, suffix) in kinds.items()
    }
    patch.undo()


def evaluated(student):
    """What ``tools/test.py`` computes for the test samples one by one."""
    cfg = load_config(student[0], RunOptions())
    cfg.test_dataloader.batch_size = 1
    algorithm = student_alone(cfg, student[1], False).eval()
    with torch.no_grad():
        return [algorithm.test_step(batch)[0] for batch in loader_of(cfg, algorithm.modality)]


@pytest.mark.parametrize(
    ('name', 'files', 'ids'),
    [
        ('image', 'motions/image/{}.png', [f'c{number:02d}' for number in range(6, 11)]),
        ('imu', 'motions/imu/{}.npy', [f'c{number:02d}' for number in range(6, 11)]),
        ('sound', 'said/audio/{}.wav', 'ab'),
    ],
)
def test_classes_are_bit_for_bit_those_of_the_evaluation(request, folder, name, files, ids):
    student = request.getfixturevalue(name)
    expected = evaluated(student)
    one, all_at_once = (Inferencer(*student, batch_size=size) for size in (1, 8))
    paths = [folder / files.format(sample) for sample in ids]
    found = one(paths)
    assert [result.name for result in found] == list(ids) == [sample.sample_id for sample in expected]
    for result, batched, sample in zip(found, all_at_once(paths), expected, strict=True):
        assert isinstance(result, Classification)
        assert result.scores.dtype == np.float32
        assert np.array_equal(result.scores, sample.pred_scores)
        assert result.label == one.classes[int(sample.pred_label)] == batched.label
        np.testing.assert_allclose(batched.scores, result.scores, atol=1e-5)


@pytest.mark.parametrize('name', ['rgb', 'depth'])
def test_label_maps_are_bit_for_bit_those_of_the_evaluation(request, nyu_root, name):
    student, expected = request.getfixturevalue(name), evaluated(request.getfixturevalue(name))
    paths = [nyu_root / name / f'{number:04d}.{"jpg" if name == "rgb" else "png"}' for number in (5, 6, 7)]
    one = Inferencer(*student, batch_size=1)
    assert (one.task, one.modality, len(one.classes), len(one.palette)) == ('segmentation', name, 40, 40)
    for scores in (False, True):
        for result, sample in zip(one(paths, scores=scores), expected, strict=True):
            assert isinstance(result, Segmentation)
            assert result.labels.shape == (24, 32)
            assert len(np.unique(result.labels)) > 1
            assert np.array_equal(result.labels, sample.pred_sem_seg.data[0])
            if scores:
                assert np.array_equal(result.scores, sample.seg_logits.data.softmax(0))
            else:
                assert result.scores is None
    together = Inferencer(*student)(paths)
    same = np.mean(
        [np.mean(a.labels == b.pred_sem_seg.data[0].numpy()) for a, b in zip(together, expected, strict=True)]
    )
    assert same > 0.99


def test_exports_say_what_the_trained_student_says(exports, rgb, text, nyu_root):
    frames = [nyu_root / 'rgb' / f'{number:04d}.jpg' for number in (5, 6)]
    trained, exported = Inferencer(*rgb), Inferencer(exports['rgb'])
    assert (exported.task, exported.classes, exported.palette) == (trained.task, trained.classes, trained.palette)
    for a, b in zip(trained(frames, scores=True), exported(frames, scores=True), strict=True):
        assert np.mean(a.labels == b.labels) > 0.99
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
    words = ['flood in the city', 'city', '']
    expected = Inferencer(*text)(words)
    for student in (Inferencer(exports['text']), Inferencer(exports['program'], unsafe=True)):
        for a, b in zip(expected, student(words), strict=True):
            assert a.label == b.label
            np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)


def test_arrays_are_what_files_hold(asked, nyu_root, depth, sound, folder):
    path = nyu_root / 'rgb' / '0005.jpg'
    by_file, by_array = asked(path, scores=True), asked(np.asarray(Image.open(path)), scores=True)
    assert np.array_equal(by_file[0].scores, by_array[0].scores)
    path = nyu_root / 'depth' / '0005.png'
    student = Inferencer(*depth)
    a, b = student([path, np.asarray(Image.open(path))])
    assert np.array_equal(a.labels, b.labels)
    student = Inferencer(*sound, leave_out=['AddNoise'])
    assert student.steps == ['LoadAudio', 'Spectrogram', 'PackClassification']
    path = folder / 'said' / 'audio' / 'a.wav'
    a, b = student([path, soundfile.read(path, dtype='int16')])
    assert np.array_equal(a.scores, b.scores)


def test_images_of_any_size_keep_their_size(asked):
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 3), np.uint8) for size in ((24, 32), (50, 41), (7, 9))]
    for image, result in zip(images, asked(images), strict=True):
        assert result.labels.shape == image.shape[:2]
        assert np.array_equal(result.labels, asked(image)[0].labels)


def test_a_stream_holds_one_batch(asked, monkeypatch, nyu_root):
    read = []
    step = asked._steps
    monkeypatch.setattr(asked, '_steps', type('', (), {
        '__call__': lambda self, *given: read.append(given) or step(*given),
        '__getattr__': lambda self, name: getattr(step, name),
    })())  # fmt: skip
    stream = asked.stream([nyu_root / 'rgb' / '0005.jpg'] * 7)
    next(stream)
    assert len(read) == 2
    next(stream)
    next(stream)
    assert len(read) == 4
    assert len(list(stream)) == 4


def test_videos_and_cameras(asked, image, tmp_path, monkeypatch):
    path = write_video(tmp_path / 'v.mp4', frames=6)
    results = asked(path, stride=2)
    assert [result.time for result in results] == pytest.approx([0, 0.08, 0.16])
    assert {result.labels.shape for result in results} == {(48, 64)}
    done = asked.write(path, tmp_path / 'out')
    assert [file.name for file in done.files] == ['v_overlay.mp4']
    frame = np.full((8, 6, 3), (0, 100, 250), np.uint8)  # as OpenCV has it, blue first
    monkeypatch.setattr('fdkd.inference.video.cv2.VideoCapture', lambda number: Camera([frame] * 3))
    [expected] = asked(frame[..., ::-1], scores=True)
    found = asked('webcam:0', scores=True)
    assert len(found) == 3
    assert all(np.array_equal(result.scores, expected.scores) for result in found)
    assert not np.array_equal(asked(frame, scores=True)[0].scores, expected.scores)
    student = Inferencer(*image)
    [whole] = student(path)
    assert whole.time is None
    done = student.write(path, tmp_path / 'out', stride=3)
    rows = list(csv.DictReader(done.files[0].open()))
    assert [row['time'] for row in rows] == ['0.000', '0.120']


def test_stills_are_written_with_names_of_their_own(asked, nyu_root, tmp_path):
    for name in ('x', 'y'):
        (tmp_path / name).mkdir()
        shutil.copy(nyu_root / 'rgb' / '0005.jpg', tmp_path / name)
    done = asked.write([tmp_path / 'x', tmp_path / 'y'], tmp_path / 'out')
    expected = ['x_0005.png', 'x_0005_overlay.jpg', 'y_0005.png', 'y_0005_overlay.jpg']
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == expected
    assert [path.name for path in done.files] == expected
    [result] = asked(nyu_root / 'rgb' / '0005.jpg')
    with Image.open(tmp_path / 'out' / 'y_0005.png') as labels, Image.open(done.files[1]) as overlay:
        assert np.array_equal(np.asarray(labels), result.labels)
        assert overlay.size == (32, 24)


def test_arrays_are_there_until_their_overlay_is_drawn(asked, tmp_path):
    images = [np.full((24, 32, 3), value, np.uint8) for value in (0, 120, 240)]
    done = asked.write(images, tmp_path)
    overlays = [cv2.imread(str(path)) for path in done.files if path.name.endswith('_overlay.jpg')]
    assert len(done.files) == 6
    assert [overlay.shape for overlay in overlays] == [(24, 32, 3)] * 3
    means = [overlay.mean() for overlay in overlays]
    assert means == sorted(means)  # each is drawn on its own image
    assert means[0] < means[2] - 40


def test_an_unreadable_file_stops_or_is_left_out_by_name(asked, image, nyu_root, tmp_path):
    for name in ('a', 'c'):
        shutil.copy(nyu_root / 'rgb' / '0005.jpg', tmp_path / f'{name}.jpg')
    (tmp_path / 'b.jpg').write_bytes((tmp_path / 'a.jpg').read_bytes()[:200])
    with pytest.raises(DataError, match=r'b\.jpg: unreadable or truncated image'):
        asked(tmp_path)
    found = list(asked.stream(tmp_path, skip_unreadable=True))
    assert [result.name for result in found] == ['a', 'c']
    [notice] = asked.notices
    assert notice.startswith(f'{tmp_path}/b.jpg: left out, unreadable or truncated')
    (out := tmp_path / 'out').mkdir()
    (out / 'predictions.csv').write_text('former')
    with pytest.raises(DataError, match='unreadable'):
        Inferencer(*image).write(tmp_path, out)
    assert (out / 'predictions.csv').read_text() == 'former'


def test_texts_that_are_cut_are_noticed(text):
    student = Inferencer(*text)
    results = student(['flood ' * 10000, 'flood ' * 7, 'flood flood flood flood', 'city'])
    assert np.array_equal(results[0].scores, results[1].scores)
    [notice] = student.notices
    assert notice.endswith(
        'and 1 others: longer than 6 tokens, of which the student reads the first, as in its training'
    )
    assert student('city')
    assert student.notices == []


def test_errors_name_what_the_user_gave(asked, sound):
    with pytest.raises(DataError, match=r'^array: silent'):
        Inferencer(*sound)((np.zeros(800, np.float32), 16000))
    with pytest.raises(DataError, match='no input; give images'):
        asked([])


def test_students_that_cannot_be_had_are_refused(rgb, image, exports, folder, monkeypatch):
    config, checkpoint = rgb
    for arguments, error, words in (
        ((config,), ConfigError, r'a config needs a checkpoint beside it'),
        ((config, folder / 'gone.pth'), CheckpointError, 'no such checkpoint'),
        ((config, image[1]), CheckpointError, "modality 'image', expected 'rgb'"),
        ((checkpoint,), ExportError, r'no student that `fdkd export` wrote'),
        ((exports['text'], checkpoint), ConfigError, 'an exported student holds its weights'),
        ((exports['text'], None, 'cuda'), ConfigError, 'runs on the CPU, not on cuda'),
        ((config, checkpoint, 'cpx'), ConfigError, "device 'cpx'"),
        ((config, checkpoint, f'cuda:{torch.cuda.device_count()}'), ConfigError, 'GPUs on this machine'),
        ((config, checkpoint, None, 0), ConfigError, 'batch_size=0, expected a whole number above 0'),
    ):
        with pytest.raises(error, match=words):
            Inferencer(*arguments)
    broken = torch.load(exports['text'], weights_only=True)
    del broken['meta']['preprocessing']
    torch.save(broken, folder / 'broken.pth')
    with pytest.raises(ExportError, match=r"its metadata cannot be used \(KeyError: 'preprocessing'\)"):
        Inferencer(folder / 'broken.pth')
    (folder / 'no_words').mkdir()
    with pytest.raises(CheckpointError, match='no_words'):
        Inferencer(exports['text'], options=RunOptions(text_model=str(folder / 'no_words')))
    with pytest.raises(ConfigError, match='options change a config'):
        Inferencer(exports['text'], options=RunOptions(size=(8, 8)))
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    (folder / 'a.onnx').write_bytes(b'')
    with pytest.raises(ExportError, match=r"onnxruntime .*pip install 'fdkd\[export\]'"):
        Inferencer(folder / 'a.onnx')


def run(arguments, monkeypatch):
    main = runpy.run_path(str(REPOSITORY / 'tools' / 'infer.py'))['main']
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
    guarded(main)


def test_the_tool(text, exports, tmp_path, monkeypatch, capsys):
    (tmp_path / 'posts.csv').write_text('who,said\na,flood\nb,in the city in the city\n')
    arguments = [tmp_path / 'posts.csv', '--column', 'said', '--out', tmp_path / 'out']
    printed = []
    for student in (text, [exports['text']]):
        run([*student, *arguments], monkeypatch)
        printed.append(capsys.readouterr().out)
    assert 'classification from text: Tokenize\n' in printed[0]
    assert 'note: ' in printed[0]
    assert '| posts_2 |' in printed[0]
    assert printed[0] == printed[1]
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['predictions.csv']


def test_the_tool_says_in_one_line_what_is_wrong(text, rgb, tmp_path, monkeypatch):
    for arguments, words in (
        ([*text, '--out', tmp_path], r'nothing to ask about: expected .*text\.py CHECKPOINT INPUT'),
        ([*rgb, 'webcam:7', '--out', tmp_path], 'webcam:7: there is no such camera'),
        ([*rgb, tmp_path, '--out', tmp_path / 'out'], 'a folder without a fitting file, but this student takes rgb'),
    ):
        with pytest.raises(SystemExit, match=rf'error: .*{words}'):
            run(arguments, monkeypatch)
