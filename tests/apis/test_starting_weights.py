"""ImageNet weights and language models: replaced, and options that find nothing to replace."""

import pytest
from mmengine.config import Config

from fdkd.apis.config import all_options, load_config, tell_unused
from fdkd.apis.options import RunOptions
from fdkd.apis.starting_weights import nodes, replace_pretrained, replace_text_model, unused
from fdkd.apis.teacher import complete_teachers
from fdkd.apis.train import train
from fdkd.engine.runner import Runner
from tests.support.motions import write_configs, write_motions

AUDIO, IMAGES = 'configs/unimodal/cremad_audio.py', 'configs/unimodal/nyu_rgb.py'


def test_nodes_are_found_through_dictionaries_and_sequences():
    assert list(nodes({'a': [{'b': 1}, ({'c': {}},)]})) == [
        {'a': [{'b': 1}, ({'c': {}},)]}, {'b': 1}, {'c': {}}, {},
    ]  # fmt: skip
    assert list(nodes('text')) == list(nodes(None)) == []


def test_weights_of_another_file_or_of_none():
    model = {'backbone': {'init_cfg': {'type': 'ImageNetInit', 'arch': 'resnet18'}}, 'head': {'init_cfg': None}}
    replace_pretrained(model, 'here.pth')
    assert model['backbone']['init_cfg'] == {'type': 'ImageNetInit', 'arch': 'resnet18', 'checkpoint': 'here.pth'}
    replace_pretrained(model, 'none')
    assert model['backbone']['init_cfg'] is None


def test_the_text_model_is_replaced_in_lists_too():
    found = [
        {'type': 'Tokenize', 'model': 'a'},
        {'type': 'Other', 'model': 'a', 'inner': ({'type': 'HuggingFaceInit'},)},
    ]
    replace_text_model(found, 'b')
    assert [node.get('model') for node in nodes(found)] == ['b', 'a', 'b']


@pytest.mark.parametrize(
    ('config', 'pretrained', 'text_model', 'told'),
    [
        (IMAGES, 'x.pth', None, []),
        (AUDIO, 'none', None, []),
        (AUDIO, None, None, []),
        (
            AUDIO,
            'x.pth',
            'bert',
            [
                f'--pretrained x.pth changes nothing: no network of {AUDIO} starts from ImageNet weights',
                f'--text-model bert changes nothing: {AUDIO} has no tokenizer and no text encoder',
            ],
        ),
        ('configs/unimodal/crisismmd_text.py', None, 'bert', []),
        ('configs/unimodal/crisismmd_image.py', None, 'bert', []),  # its pipeline reads texts for other models too
    ],
)
def test_options_without_a_place(config, pretrained, text_model, told):
    assert unused(Config.fromfile(config), pretrained, text_model) == told


def test_the_teacher_may_be_what_an_option_is_for(tmp_path, capsys):
    weights = tmp_path / 'weights.pth'
    weights.touch()
    options = RunOptions(pretrained=str(weights))
    cfg = load_config('configs/fdkd/nyu_rgb_from_depth.py', options)
    cfg.model.student.model.backbone.init_cfg = None
    complete_teachers(cfg, options)
    tell_unused(cfg, options)
    assert capsys.readouterr().out == ''
    for part in nodes(cfg.model):
        part.pop('init_cfg', None)
    tell_unused(cfg, options)
    assert f'--pretrained {weights} changes nothing: no network of' in capsys.readouterr().out


def test_a_config_of_no_file_has_no_name():
    [told] = unused(Config({'model': {'type': 'Mine'}}), 'x.pth', None)
    assert told == '--pretrained x.pth changes nothing: no network of the config starts from ImageNet weights'


class Reached(Exception):
    """A training would start."""


@pytest.mark.usefixtures('runs')
def test_a_training_says_once_which_options_of_its_own_change_nothing(tmp_path, monkeypatch, capsys):
    def stop(cfg):
        raise Reached

    def told(config, options):
        with pytest.raises(Reached):
            train(config, options)
        return [line for line in capsys.readouterr().out.splitlines() if 'changes nothing' in line or 'first' in line]

    monkeypatch.setattr(Runner, 'from_cfg', stop)
    pair = write_configs(tmp_path, write_motions(tmp_path / 'motions'))
    (tmp_path / 'weights.pth').touch()
    options = RunOptions(pretrained=str(tmp_path / 'weights.pth'))
    alone, first = told(tmp_path / 'imu.py', options), told(pair, options)
    nothing = f'--pretrained {options.pretrained} changes nothing: no network of {{}} starts from ImageNet weights'
    assert alone == [nothing.format(tmp_path / 'imu.py')]
    assert [first[0], len(first)] == [nothing.format(pair), 2]  # before the teacher's training, which it says next
    with pair.open('a') as file:
        file.write("image['backbone']['init_cfg'] = dict(type='ImageNetInit', arch='resnet18')\n")
    other = pair.rename(tmp_path / 'with_weights.py')  # in a process that has not said it yet
    (tmp_path / 'imu.py').rename(tmp_path / 'teacher.py')
    other.write_text(other.read_text().replace(str(tmp_path / 'imu.py'), str(tmp_path / 'teacher.py')))
    [line] = told(other, options)
    assert line.startswith('no trained imu teacher of')


def test_what_a_config_says_of_itself_is_told_by_its_training_alone(tmp_path, capsys):
    (tmp_path / 'mine.py').write_text("_base_ = 'fdkd::unimodal/cremad_audio'\nrun_options = dict(text_model='bert')\n")
    cfg = load_config(tmp_path / 'mine.py', RunOptions())
    tell_unused(cfg, RunOptions())
    assert capsys.readouterr().out == ''
    tell_unused(cfg, all_options(cfg, RunOptions()))
    assert capsys.readouterr().out.startswith('--text-model bert changes nothing')
