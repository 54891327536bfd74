"""Which registry builds what of a config."""

import pytest
from mmengine import registry as mmengine_registry
from mmengine.config import Config
from mmengine.registry import Registry

from fdkd import registry as fdkd_registry
from fdkd.check.registries import LOADERS, PARTS, SECTIONS, registry_of


@pytest.mark.parametrize('name', sorted({*SECTIONS.values(), *PARTS.values()}))
def test_every_name_is_a_registry(name):
    assert isinstance(registry_of(name), Registry)


def test_fdkds_own_go_before_mmengines():
    for name in ('MODELS', 'DATASETS', 'DISTILL_LOSSES', 'HOOKS'):
        assert registry_of(name) is getattr(fdkd_registry, name)
    assert not hasattr(fdkd_registry, 'TASK_UTILS')
    assert registry_of('TASK_UTILS') is mmengine_registry.TASK_UTILS


def test_nothing_of_a_config_that_is_built_is_left_out():
    cfg = Config.fromfile('configs/fdkd/nyu_rgb_from_depth.py')
    built = {key for key, value in cfg.items() if isinstance(value, dict) and 'type' in value}
    assert built - SECTIONS.keys() == {'data_preprocessor', 'dataset'}  # which stand in the model and the loaders
    assert {key for key in cfg if key.endswith('_dataloader')} == set(LOADERS) <= SECTIONS.keys()
