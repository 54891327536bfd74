"""A config is read to its end, whatever is wrong with it."""

from pathlib import Path

import pytest

from fdkd.apis.options import RunOptions
from fdkd.check.findings import Findings
from fdkd.check.reading import _keys, complete_teachers, read_config

PAIR = 'configs/feat/grid_visual_from_audio.py'


def read(changes, path=PAIR):
    found = Findings(str(path))
    return read_config(path, RunOptions(cfg_options=changes), found), found.mistakes


def test_a_good_config_has_no_mistakes_and_knows_its_modalities():
    cfg, mistakes = read({})
    assert mistakes == []
    assert cfg.train_dataloader.dataset.modalities == ['visual', 'audio']


def test_mistakes_are_mended_to_the_nearest_name():
    cfg, mistakes = read(
        {
            'model.losses.feat.type': 'FeatureMSELos',
            'model.student.model.backbone.in_channel': 3,
            'model.student.model.num_classes': 7,
            'train_dataloader.dataset.pipeline.0.secs_of_nothing_alike': 1,
            'optim_wrapper.optimizer.lr': 'fast',
        }
    )
    assert len(mistakes) == 5
    assert cfg.model.losses.feat.type == 'FeatureMSELoss'
    assert cfg.model.student.model.backbone == {'type': 'ResNet18', 'in_channels': 3}
    assert cfg.model.student.model.num_classes == 10
    assert 'secs_of_nothing_alike' not in cfg.train_dataloader.dataset.pipeline[0]
    assert 'lr' not in cfg.optim_wrapper.optimizer


def test_a_file_that_is_no_config_is_one_mistake(tmp_path):
    assert read({}, tmp_path / 'none.py') == (None, [f'{tmp_path / "none.py"}: no such config file'])
    (tmp_path / 'bad.py').write_text('model = (')
    cfg, mistakes = read({}, tmp_path / 'bad.py')
    assert cfg is None
    assert 'cannot be read' in mistakes[0]


def test_unknown_run_options_do_not_stop_the_others(tmp_path):
    pair = f'_base_ = [{str(Path(PAIR).resolve())!r}]\n'
    (tmp_path / 'options.py').write_text(pair + 'run_options = dict(epoch=3, batch_sizes=3, workers=0)\n')
    cfg, mistakes = read({}, tmp_path / 'options.py')
    assert [mistake.partition('run_options.')[2] for mistake in mistakes] == [
        'epoch: no such option; did you mean epochs?',
        'batch_sizes: no such option; did you mean batch_size?',
    ]
    assert cfg.train_dataloader.num_workers == 0


@pytest.mark.parametrize('empty', ['', 'model = 3', 'model = dict()\ntrain_dataloader = dict()'])
def test_nearly_empty_configs_are_survived(tmp_path, empty):
    (tmp_path / 'empty.py').write_text(empty)
    _, mistakes = read({}, tmp_path / 'empty.py')
    assert 'optim_wrapper: missing; every training config has one' in mistakes


def test_mistakes_of_the_teachers_config_come_under_its_name(tmp_path):
    (tmp_path / 'teacher.py').write_text(
        f'_base_ = [{str(Path("configs/unimodal/grid_clean_audio.py").resolve())!r}]\n'
        "train_cfg = dict(max_epoch=3)\nmodel = dict(model=dict(dropouts=0.1), modality='noisy')\n"
    )
    found = Findings(PAIR)
    cfg = read_config(PAIR, RunOptions(cfg_options={'model.teacher.config': str(tmp_path / 'teacher.py')}), found)
    complete_teachers(cfg, RunOptions(), found)
    assert len(found.mistakes) == 3
    assert all(str(tmp_path / 'teacher.py') in mistake for mistake in found.mistakes)
    assert "modality 'noisy', expected 'audio'" in found.mistakes[2]
    assert cfg.model.teacher.model.dropout == 0.1


def test_an_absent_teachers_config_is_a_mistake():
    found = Findings(PAIR)
    cfg = read_config(PAIR, RunOptions(cfg_options={'model.teacher.config': 'none.py'}), found)
    complete_teachers(cfg, RunOptions(), found)
    assert found.mistakes == [f"model.teacher.config: {PAIR}: the teacher's config none.py does not exist"]


def test_options_without_effect_are_noted(tmp_path):
    weights = tmp_path / 'weights.pth'
    weights.touch()
    options, found = RunOptions(pretrained=str(weights), text_model='bert'), Findings(PAIR)
    complete_teachers(read_config(PAIR, options, found), options, found)
    assert found.mistakes == []
    assert found.notes == [
        f'--pretrained {weights} changes nothing: no network of {PAIR} starts from ImageNet weights',
        f'--text-model bert changes nothing: {PAIR} has no tokenizer and no text encoder',
    ]


def test_paths_are_split_at_dots_and_indices():
    assert _keys('a.b_c[2].d') == ['a', 'b_c', 2, 'd']
