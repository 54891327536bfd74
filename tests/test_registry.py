"""Types by name: fdkd's own, those of the packages below, and a user's."""

import subprocess
import sys

import pytest
from mmengine import registry as mmengine_registry
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry

import fdkd
from fdkd import registry
from fdkd.registry import ALGORITHMS, BACKBONES, DATASETS, DECOUPLERS, DISTILL_LOSSES, METRICS, MODELS, TRANSFORMS

REGISTRIES = {name: value for name, value in vars(registry).items() if isinstance(value, Registry)}


def run(code):
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout


def test_backbones_and_algorithms_are_names_for_models():
    assert BACKBONES is MODELS
    assert ALGORITHMS is MODELS


def test_every_registry_has_fdkds_scope():
    assert {value.scope for value in REGISTRIES.values()} == {'fdkd'}
    roots = {name for name, value in REGISTRIES.items() if value.parent is None}
    assert roots == {'DECOUPLERS', 'DISTILL_LOSSES', 'CONNECTORS'}
    for name in set(REGISTRIES) - roots - {'BACKBONES', 'ALGORITHMS'}:
        assert REGISTRIES[name].parent is getattr(mmengine_registry, name)


def test_scoped_types_of_a_config_file_resolve(tmp_path):
    (tmp_path / 'config.py').write_text(
        "model = dict(type='mmseg.EncoderDecoder')\n"
        "pipeline = [dict(type='mmseg.Resize', scale=(4, 3)), dict(type='mmcv.Resize', scale=(4, 3)),\n"
        "            dict(type='RandomHSV', hue=0.5)]\n"
    )
    config = Config.fromfile(tmp_path / 'config.py')
    assert MODELS.get(config.model.type).__module__.startswith('mmseg.models.')
    steps = [TRANSFORMS.build(step) for step in config.pipeline]
    assert [type(step).__module__.split('.')[0] for step in steps] == ['mmseg', 'mmcv', 'fdkd']
    assert [type(step).__name__ for step in steps] == ['Resize', 'Resize', 'RandomHSV']
    assert steps[0].scale == (4, 3)
    assert steps[2].ranges[0] == 0.5


@pytest.mark.parametrize(
    ('kind', 'name', 'module'),
    [
        (MODELS, 'MultimodalPreprocessor', 'fdkd.models.preprocessor'),
        (MODELS, 'SingleModality', 'fdkd.algorithms.single'),
        (DATASETS, 'NYUDepthV2', 'fdkd.datasets.nyu_depth_v2'),
        (registry.DATA_SAMPLERS, 'EpochSampler', 'fdkd.datasets.sampler'),
        (TRANSFORMS, 'PackSegmentation', 'fdkd.datasets.transforms.packing'),
        (METRICS, 'SegmentationMetric', 'fdkd.evaluation.segmentation'),
        (registry.WEIGHT_INITIALIZERS, 'ImageNetInit', 'fdkd.models.imagenet'),
        (registry.HOOKS, 'StopOnNonFiniteLoss', 'fdkd.engine.hooks'),
        (registry.LOOPS, 'EpochLoop', 'fdkd.engine.loop'),
        (registry.RUNNERS, 'Runner', 'fdkd.engine.runner'),
        (DECOUPLERS, 'FourierDecoupler', 'fdkd.distill.decouplers.fourier'),
        (DISTILL_LOSSES, 'FDKDLoss', 'fdkd.distill.losses.fdkd'),
    ],
)
def test_own_types_resolve(kind, name, module):
    assert kind.get(name).__module__ == module
    assert kind.get(f'fdkd.{name}') is kind.get(name)


@pytest.mark.parametrize(
    ('kind', 'name'),
    [
        (registry.OPTIMIZERS, 'SGD'),
        (registry.PARAM_SCHEDULERS, 'PolyLR'),
        (registry.OPTIM_WRAPPERS, 'OptimWrapper'),
        (registry.HOOKS, 'CheckpointHook'),
        (registry.LOG_PROCESSORS, 'LogProcessor'),
        (registry.VISUALIZERS, 'Visualizer'),
        (registry.MODEL_WRAPPERS, 'MMDistributedDataParallel'),
        (registry.DATA_SAMPLERS, 'mmengine.DefaultSampler'),
    ],
)
def test_mmengines_types_are_found_without_a_scope(kind, name):
    assert kind.get(name).__name__ == name.rpartition('.')[2]


def test_a_users_type_registers_with_a_decorator():
    loss = type('UsersLoss', (), {'__init__': lambda self, weight: setattr(self, 'weight', weight)})
    try:
        assert DISTILL_LOSSES.register_module()(loss) is loss
        built = DISTILL_LOSSES.build(ConfigDict(type='UsersLoss', weight=3))
        assert (type(built), built.weight) == (loss, 3)
    finally:
        DISTILL_LOSSES.module_dict.pop('UsersLoss')


def test_an_unknown_type_is_an_error_that_names_it():
    with pytest.raises(KeyError, match=r'NoSuchLoss is not in the fdkd::distillation loss registry'):
        DISTILL_LOSSES.build(ConfigDict(type='NoSuchLoss'))


def test_importing_the_package_loads_nothing_heavy():
    code = (
        'import sys, fdkd; print(fdkd.__version__, *({"torch", "mmengine", "mmcv", "mmseg", "cv2"} & {*sys.modules}))'
    )
    assert run(code).split() == [fdkd.__version__]


def test_building_a_type_imports_the_module_that_registers_it():
    code = (
        'import sys; from fdkd.registry import TRANSFORMS; before = "fdkd.datasets" in sys.modules;'
        'print(before, TRANSFORMS.build(dict(type="RandomHSV", hue=0.5)).ranges[0])'
    )
    assert run(code).splitlines()[-1] == 'False 0.5'
