"""What stands around the model is built as well, part by part."""

import pytest
from mmengine.config import Config

from fdkd.check.findings import Findings
from fdkd.check.sections import check_sections

CONFIG = 'configs/feat/grid_visual_from_audio.py'


def mistakes(path=CONFIG, **changes):
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(changes)
    found = Findings(path)
    check_sections(cfg, found)
    return found.mistakes


@pytest.mark.parametrize(
    'path', [CONFIG, 'configs/feat/nyu_rgb_from_depth.py', 'configs/feat/crisismmd_text_from_image.py']
)
def test_a_good_config_has_none(path):
    assert mistakes(path) == []


def test_every_part_is_tried():
    found = mistakes(
        **{
            'optim_wrapper.optimizer.momentum': -1.0,
            'train_dataloader.dataset.pipeline.0.seconds': -1,
            'val_dataloader.dataset.pipeline.5.strip_width': 0,
            'test_dataloader.dataset.missing': 'ignore',
            'custom_hooks.0.nonsense': 1,
            'val_evaluator.nonsense': 1,
        }
    )
    assert sorted(mistake.partition(': ')[0] for mistake in found) == [
        'custom_hooks[0]',
        'optim_wrapper',
        'test_dataloader.dataset',
        'train_dataloader.dataset.pipeline[0]',
        'val_dataloader.dataset.pipeline[5]',
        'val_evaluator',
    ]


def test_schedules_are_built_on_an_optimizer():
    found = mistakes(param_scheduler=[dict(type='PolyLR', power=0.9, begin=5, end=2)])
    assert [mistake.partition(': ')[0] for mistake in found] == ['param_scheduler[0]']
    converted = dict(type='PolyLR', begin=0, end=50, by_epoch=True, convert_to_iter_based=True)
    assert mistakes(param_scheduler=[converted]) == []


def test_a_sharded_optimizer_needs_no_process_group():
    sharded = dict(type='ZeroRedundancyOptimizer', optimizer_type='SGD', lr=0.1, _delete_=True)
    assert mistakes(**{'optim_wrapper.optimizer': sharded}) == []
