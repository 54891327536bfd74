"""From a config or an export to a student and its steps; tests/apis/test_inferencer.py asks such students."""

import pytest
import torch

from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError, ExportError
from fdkd.export.metadata import steps as described
from fdkd.export.reading import Exported
from fdkd.inference import loading
from fdkd.inference.loading import exported, trained
from fdkd.inference.students import ExportedStudent, TrainedStudent
from tests.inference import tiny

TEXT = [dict(type='Tokenize', modality='text', model='gone/bert', max_length=6), dict(type='PackClassification')]


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    """Config and checkpoint."""
    return tiny.image_student(tmp_path_factory.mktemp('image'))


def test_a_trained_student_comes_with_the_steps_and_classes_of_its_config(image):
    student, steps, classes, palette = trained(*image, 'cpu', RunOptions(size=(8, 12)), [], False)
    assert type(student) is TrainedStudent
    assert (steps.modality, steps.dense, classes, palette) == ('image', False, ('sit', 'walk', 'run'), ())
    assert steps.names == ['LoadFrames', 'Augment(Resize)', 'PackClassification']
    path = image[0].parent / 'motions' / 'image' / 'c00.png'
    sample = steps(str(path), 'c00')
    assert sample['inputs']['image'].shape[-2:] == (12, 8)
    [scores] = student.ask([sample], False)
    assert scores.sum() == pytest.approx(1)


def test_of_options_without_effect_the_given_ones_are_told(image, tmp_path, capsys):
    (tmp_path / 'mine.py').write_text(f"_base_ = {str(image[0])!r}\nrun_options = dict(text_model='theirs')\n")
    trained(tmp_path / 'mine.py', image[1], 'cpu', RunOptions(), [], False)
    assert 'changes nothing' not in capsys.readouterr().out
    trained(tmp_path / 'mine.py', image[1], 'cpu', RunOptions(text_model='mine'), [], False)
    assert '--text-model mine changes nothing: ' in capsys.readouterr().out


def test_steps_that_are_to_be_left_out_are(image):
    assert trained(*image, 'cpu', RunOptions(), ['Augment'], False)[1].names == ['LoadFrames', 'PackClassification']


def test_the_colours_of_a_data_set_come_along(nyu_root, tmp_path):
    _, steps, classes, palette = trained(*tiny.segmentor(tmp_path, nyu_root, 'depth'), 'cpu', RunOptions(), [], False)
    assert (steps.modality, steps.dense, len(classes), len(palette)) == ('depth', True, 40, 40)
    assert len({tuple(colour) for colour in palette}) == 40


@pytest.mark.parametrize(
    ('device', 'told'),
    [
        ('cpx', r"^device 'cpx': "),
        (f'cuda:{torch.cuda.device_count()}', rf'^device cuda:\d+: there are {torch.cuda.device_count()} GPUs'),
    ],
)
def test_devices_that_are_not_there(image, device, told):
    with pytest.raises(ConfigError, match=told):
        trained(*image, device, RunOptions(), [], False)


def test_a_data_set_without_classes_cannot_be_asked(image, monkeypatch):
    monkeypatch.setattr(loading, 'dataset_classes', lambda cfg: ())
    with pytest.raises(ConfigError, match=r'image_from_imu\.py: names no classes of its data set'):
        trained(*image, 'cpu', RunOptions(), [], False)


@pytest.fixture
def export(monkeypatch):
    """A function that makes ``load`` find an export with this metadata."""

    def make(**changes):
        inputs = [{'name': name, 'dtype': 'int64', 'shape': ['N', 'L'], 'holds': ''} for name in ('input_ids', 'mask')]
        meta = {'modality': 'text', 'task': 'classification', 'inputs': inputs, 'classes': ['a', 'b'], 'palette': []}
        meta |= {'preprocessing': described(TEXT, 'text'), 'align_corners': False} | changes
        found = Exported({key: value for key, value in meta.items() if value is not None}, None)
        monkeypatch.setattr(loading, 'load', lambda path, unsafe: found)

    return make


def test_an_export_names_its_own_steps_and_classes_and_another_text_model_may_stand_in(export, tmp_path):
    _, bert = tiny.text_student(tmp_path), tmp_path / 'bert'
    export()
    options = RunOptions(text_model=str(bert))
    student, steps, classes, palette = exported('a.onnx', None, 'cpu', options, [], False)
    assert type(student) is ExportedStudent
    assert (steps.modality, steps.names, classes, palette) == (
        'text', ['Tokenize', 'PackClassification'], ('a', 'b'), [],
    )  # fmt: skip
    words = steps('flood in the city', 'a')['inputs']['text']
    assert words.tolist() == [2, 5, 6, 7, 8, 3]  # between [CLS] and [SEP]


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'classes': None}, "KeyError: 'classes'"),
        ({'classes': 3}, 'TypeError: '),
        ({'palette': None}, "KeyError: 'palette'"),
        ({'preprocessing': None}, "KeyError: 'preprocessing'"),
    ],
)
def test_metadata_that_cannot_be_used(export, tmp_path, changes, told):
    tiny.text_student(tmp_path)
    export(**changes)
    with pytest.raises(ExportError, match=rf'^a\.onnx: its metadata cannot be used \({told}.*; export'):
        exported('a.onnx', None, None, RunOptions(text_model=str(tmp_path / 'bert')), [], False)


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (
            ('student.pth', None, None),
            r'a\.onnx: an exported student holds its weights; student\.pth goes',
        ),
        ((None, 'cuda', None), r'a\.onnx: an exported student runs on the CPU, not on cuda'),
        ((None, 'cpu', RunOptions(size=(8, 8))), r'a\.onnx: options change a config'),
        ((None, None, RunOptions(text_model='bert', workers=0)), r'a\.onnx: options change a config'),
    ],
)
def test_what_belongs_to_a_config_alone(arguments, told):
    with pytest.raises(ConfigError, match=told):
        exported('a.onnx', *arguments, [], False)


def test_a_config_alone_is_no_student():
    with pytest.raises(ConfigError, match=r'^a\.py: a config needs a checkpoint beside it, such as student\.pth'):
        trained('a.py', None, None, RunOptions(), [], False)
