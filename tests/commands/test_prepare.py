"""The command line: what it prints, its exit codes, and that an expected failure shows no traceback."""

import sys
from pathlib import Path
from types import ModuleType

import cv2
import h5py
import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.io import savemat

from fdkd.commands import prepare
from fdkd.commands.prepare import main
from fdkd.datasets.nyu_depth_v2 import CLASSES
from fdkd.datasets.prepare.nyu_source import PUBLISHED, Published
from tests.robustness.bad.tools import run_tool

ROOT = Path(__file__).parents[2]
NYU = ['nyu', '--mat', 'a', '--splits', 'b', '--mapping', 'c']


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three frames of 8x6 in ``served/``, published there; returns the arguments that name them elsewhere."""
    served = tmp_path / 'served'
    served.mkdir()
    with h5py.File(served / 'mat', 'w') as file:
        file['images'] = np.full((3, 3, 8, 6), 100, np.uint8)
        file['depths'] = np.full((3, 8, 6), 1.5, np.float32)
        file['labels'] = np.ones((3, 8, 6), np.uint16)
        file['#refs#/a'] = np.array([[ord('a')]], np.uint16)
        file.create_dataset('names', data=np.array([[file['#refs#/a'].ref]]), dtype=h5py.ref_dtype)
    savemat(served / 'splits', {'trainNdxs': [1, 2], 'testNdxs': [3]}, appendmat=False)
    savemat(served / 'mapping', {'mapClass': [7], 'className': np.array([CLASSES], object)}, appendmat=False)
    for role in ('mat', 'splits', 'mapping'):
        monkeypatch.setitem(PUBLISHED, role, Published(role, (served / role).as_uri(), 'test'))
    monkeypatch.chdir(tmp_path)
    return ['nyu', '--mat', 'mat', '--splits', 'splits', '--mapping', 'mapping', '--out', 'data/nyu', '--size', '8x6']


def test_missing_files_are_listed_with_where_they_are_published(files, capsys):
    assert main(files) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f'error: mat: missing; mat is published at {PUBLISHED["mat"].url} (test)'
    assert [line.split(':')[1] for line in lines[:3]] == [' mat', ' splits', ' mapping']
    assert lines[3].startswith('error: pass the paths of these files, or add --download')


def test_download_then_convert_then_nothing_to_do(files, capsys, tmp_path):
    assert main([*files, '--download']) == 0
    told = '2 training and 1 test frames of 8x6, manifest.json says more'
    assert capsys.readouterr().out == f'data/nyu: {told}\n'
    assert sorted(path.name for path in (tmp_path / 'data' / 'nyu').iterdir()) == [
        *('SHA256SUMS', 'classes40.csv', 'depth', 'label40', 'manifest.json', 'rgb', 'test.txt', 'train.txt'),
    ]
    for role in ('mat', 'splits', 'mapping'):
        (tmp_path / role).unlink()
    assert main([*files, '--download']) == 0
    assert capsys.readouterr().out == f'data/nyu is complete already: {told}\n'
    assert not (tmp_path / 'mat').exists()


def test_each_problem_is_one_line(files, capsys, tmp_path):
    main([*files, '--download', '--out', 'first'])
    capsys.readouterr()
    (tmp_path / 'mat').write_bytes((tmp_path / 'mat').read_bytes()[:-100])
    savemat(tmp_path / 'splits', {'trainNdxs': [1], 'testNdxs': [1]}, appendmat=False)
    assert main(files) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith('error: mat: truncated or damaged at')
    assert errors[1].startswith('error: splits: frame 1 more than once')


def test_interrupted_and_unwritable(files, capsys, tmp_path, monkeypatch):
    (tmp_path / 'data').write_text('a file where the folder should be')
    assert main([*files, '--download']) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith('error: [Errno 20] Not a directory')
    (tmp_path / 'data').unlink()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('fdkd.datasets.prepare.nyu.encode_frame', interrupt)
    assert main(files) == 130
    assert capsys.readouterr().err.splitlines()[-1] == 'error: interrupted; run the same command again'


@pytest.mark.parametrize('size', ['640', '640x', '0x480', '640x-480', 'axb'])
def test_wrong_size_is_a_usage_error(files, capsys, size):
    with pytest.raises(SystemExit) as caught:
        main([*files, '--size', size])
    assert caught.value.code == 2
    assert 'expected WIDTHxHEIGHT, for example 640x480' in capsys.readouterr().err


def test_rooms_passes_its_options_on(capsys, monkeypatch):
    calls = []
    module = ModuleType('fdkd.datasets.rooms')
    module.write_rooms = lambda out, frames, train, seed, width, height: calls.append(
        (out, frames, train, seed, width, height)
    )
    monkeypatch.setitem(sys.modules, 'fdkd.datasets.rooms', module)
    assert main(['rooms', '--out', 'data/rooms']) == 0
    assert main(['rooms', '--out', 'here', '--frames', '20', '--train', '15', '--seed', '3', '--size', '64x48']) == 0
    assert calls == [(Path('data/rooms'), 400, 300, 0, 128, 96), (Path('here'), 20, 15, 3, 64, 48)]
    assert capsys.readouterr().out.splitlines()[-1] == 'here: 15 training and 5 test frames of 64x48'
    assert main(['rooms', '--out', 'here', '--frames', '20', '--train', '20']) == 1
    assert 'error: --train is 20, expected at least 1 and less than --frames 20' in capsys.readouterr().err


def test_digits_passes_its_options_on(capsys, monkeypatch, tmp_path):
    calls = []

    def write_digits(out, seed):
        calls.append((out, seed))
        return {'samples': {'train': 1437, 'test': 360}}

    monkeypatch.setattr('fdkd.datasets.prepare.digits.write_digits', write_digits)
    assert main(['digits', '--out', 'here']) == 0
    assert main(['digits', '--out', 'here', '--seed', '3']) == 0
    assert calls == [(Path('here'), 0), (Path('here'), 3)]
    assert capsys.readouterr().out.splitlines()[-1] == 'here: 1437 training and 360 test samples of image and audio'


@pytest.fixture
def cremad(tmp_path):
    """Two clips of CREMA-D, one silent, and a third that is listed; returns the arguments but for ``--out``."""
    for number, level in ((1, 0.5), (2, 0.0)):
        name = f'100{number}_IEO_NEU_XX'
        for folder in ('VideoFlash', 'AudioWAV'):
            (tmp_path / folder).mkdir(exist_ok=True)
        video = cv2.VideoWriter(
            str(tmp_path / 'VideoFlash' / f'{name}.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48)
        )
        for _ in range(10):
            video.write(np.full((48, 64, 3), 100, np.uint8))
        video.release()
        soundfile.write(tmp_path / 'AudioWAV' / f'{name}.wav', np.full(16000, level), 16000)
    (tmp_path / 'train.csv').write_text('1001_IEO_NEU_XX,NEU\n1002_IEO_NEU_XX,NEU\n')
    (tmp_path / 'test.csv').write_text('1001_IEO_NEU_XX,NEU\n1003_IEO_NEU_XX,NEU\n')
    return ['cremad', '--annotations', str(tmp_path), '--videos', str(tmp_path / 'VideoFlash')]


def test_script_converts_clips_and_prints_the_share(cremad, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ['prepare_data', *cremad, '--out', 'data/cremad', '--fps', '3', '--workers', '1']
    assert run_tool(command) == 0
    first = capsys.readouterr()
    told, *lines = first.out.splitlines()
    assert told == 'data/cremad: manifest.json says more, also which were left out and why'
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('|')]
    assert cells == [
        ['split', 'listed', 'found', 'unreadable', 'silent', 'usable', 'share'],
        ['train', '2', '2', '0', '1', '1', '50.0 %'],
        ['test', '2', '1', '0', '0', '1', '50.0 %'],
    ]
    assert 'Converting' in first.err
    assert len(list((tmp_path / 'data' / 'cremad' / 'frames' / '1001_IEO_NEU_XX').iterdir())) == 3
    assert run_tool(command) == 0
    assert capsys.readouterr() == (first.out, '')


@pytest.mark.parametrize(
    ('name', 'folder', 'told'),
    [
        ('cremad', '--videos', 'train.csv: missing; train.csv and test.csv are published with the code of OGM-GE'),
        ('ave', '--videos', 'trainSet.txt: missing; AVE_Dataset.zip, lists and videos, is published at https://'),
        ('vggsound', '--videos', 'train.csv: missing; the lists of 50 classes are published with the code of C2KD'),
        ('crisismmd', '--images', 'missing; crisismmd_datasplit_agreed_label.zip with the lists is published at http'),
    ],
)
def test_missing_lists_say_where_they_are_published(capsys, tmp_path, name, folder, told):
    assert main([name, '--annotations', 'no', folder, 'no', '--out', str(tmp_path / 'out')]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith('error: no/')
    assert told in first


def test_missing_videos_say_where_they_are_published(cremad, capsys, tmp_path):
    assert main([*cremad[:-1], 'no', '--out', str(tmp_path / 'out')]) == 1
    assert capsys.readouterr().err.splitlines() == [
        'error: no: none of the 3 listed clips is there, looked in it and its subfolders for 1001_IEO_NEU_XX.mp4, '
        '1002_IEO_NEU_XX.mp4, 1003_IEO_NEU_XX.mp4, ... (or .flv, .mkv, .webm, .avi, .mov); CREMA-D is published at '
        'https://github.com/CheyneyComputerScience/CREMA-D (its files come by "git lfs pull")'
    ]


def test_rewritten_images_are_told(capsys, tmp_path):
    header = 'image\tlabel\n'
    for split in ('train', 'dev', 'test'):
        path = tmp_path / f'task_humanitarian_text_img_agreed_lab_{split}.tsv'
        path.write_text(f'{header}data_image/{split}.jpg\tnot_humanitarian\n')
    (tmp_path / 'data_image').mkdir()
    Image.new('CMYK', (8, 8)).save(tmp_path / 'data_image' / 'dev.jpg')
    Image.new('L', (8, 8)).save(tmp_path / 'data_image' / 'train.jpg')
    folders = ['--annotations', str(tmp_path), '--images', str(tmp_path), '--out', str(tmp_path / 'out')]
    assert main(['crisismmd', *folders, '--workers', '1']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'Rewritten as RGB: 1 mode CMYK'


@pytest.mark.parametrize(
    ('option', 'value', 'told'),
    [
        ('--fps', '0', "'0', expected a number above 0"),
        ('--fps', 'nan', "'nan', expected a number above 0"),
        ('--workers', '0', "'0', expected a whole number above 0"),
        ('--workers', 'x', "'x', expected a whole number above 0"),
    ],
)
def test_numbers_that_cannot_be_meant(cremad, capsys, option, value, told):
    with pytest.raises(SystemExit) as caught:
        main([*cremad, '--out', 'out', option, value])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_script_ends_in_one_line_and_a_code(files, capsys):
    assert run_tool(['prepare_data', *files]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(':')[0] for line in lines] == ['error'] * 4


def test_folders_are_those_that_the_configs_read(capsys):
    parser = prepare.parser('fdkd prepare')
    assert parser.parse_args(['digits']).out == Path('data/digits')
    assert parser.parse_args(['crisismmd', '--annotations', 'a', '--images', 'b']).out == Path('data/crisismmd')
    assert parser.parse_args(NYU).out == Path('data/nyu_depth_v2')
    for config, name in (('nyu_depth_v2', 'nyu_depth_v2'), ('crisismmd', 'crisismmd'), ('ave', 'ave')):
        assert f"data_root='data/{name}'" in (ROOT / 'configs' / '_base_' / 'datasets' / f'{config}.py').read_text()
