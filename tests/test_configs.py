"""Every config of the repository is valid and trains a step on generated data of the shapes that its data set has."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from transformers import BertConfig

from fdkd.apis.benchmark import synthetic_batch
from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import complete_teacher
from fdkd.registry import ALGORITHMS

CONFIGS = sorted(path.relative_to('configs').with_suffix('') for path in Path('configs').glob('[!_]*/*.py'))
METHODS = (
    'logit', 'dist', 'dml', 'nkd', 'dkd', 'feat', 'pkd', 'ofd', 'afd', 'c2kd', 'rkd', 'reviewkd', 'fam', 'freekd',
    'fdkd',
)  # fmt: skip
PAIRS = (
    'nyu_rgb_from_depth', 'nyu_depth_from_rgb', 'cremad_audio_from_visual', 'cremad_visual_from_audio',
    'ave_audio_from_visual', 'ave_visual_from_audio', 'vggsound_audio_from_visual', 'vggsound_visual_from_audio',
    'crisismmd_text_from_image', 'crisismmd_image_from_text', 'grid_audio_from_visual', 'grid_visual_from_audio',
)  # fmt: skip
#: Vectors have neither positions nor the batch norms that these methods ask for.
WITHOUT = {
    'afd/crisismmd_text_from_image', 'afd/crisismmd_image_from_text',
    'fam/crisismmd_text_from_image', 'fam/crisismmd_image_from_text',
    'freekd/crisismmd_text_from_image', 'freekd/crisismmd_image_from_text', 'ofd/crisismmd_image_from_text',
}  # fmt: skip


def test_every_method_has_every_pair_that_it_applies_to():
    expected = {f'{method}/{pair}' for method in METHODS for pair in PAIRS} - WITHOUT
    expected |= {f'cwd/{pair}' for pair in PAIRS if pair.startswith('nyu')}
    present = {str(config) for config in CONFIGS if config.parts[0] not in ('demo', 'unimodal')}
    assert present == expected


@pytest.fixture(scope='session')
def options(tmp_path_factory):
    """No weights to download, and a BERT that is quick to build."""
    folder = tmp_path_factory.mktemp('bert')
    sizes = dict(vocab_size=50, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32)
    BertConfig(**sizes).save_pretrained(folder)
    return RunOptions(pretrained='none', text_model=str(folder))


def algorithm_and_batch(path, options):
    cfg = load_config(path, options)
    if 'teacher' in cfg.model:
        complete_teacher(cfg, options)
        cfg.model.teacher.checkpoint = None
    torch.manual_seed(0)
    algorithm = ALGORITHMS.build(cfg.model)
    dense = 'nyu' in path or 'rooms' in path
    # sizes at which the two modalities' maps differ, as they do in the data sets of sound
    batch = synthetic_batch(algorithm.modalities, algorithm.student.num_classes, (48, 64), 4, dense=dense)
    if 'vggsound' in path:
        batch['inputs']['visual'] = [frame.repeat(3, 1, 1, 1) for frame in batch['inputs'].get('visual', [])]
    for name in {'audio', 'noisy'} & set(batch['inputs']):
        batch['inputs'][name] = [torch.randn(1, 129, 33) for _ in batch['inputs'][name]]
    batch['inputs'] = {name: batch['inputs'][name] for name in algorithm.modalities}
    return cfg, algorithm, batch


@pytest.mark.parametrize('config', CONFIGS, ids=str)
def test_a_step_reaches_every_parameter(config, options):
    cfg, algorithm, batch = algorithm_and_batch(f'configs/{config}.py', options)
    wrapper = build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    losses = algorithm(**algorithm.data_preprocessor(batch, True), mode='loss')
    total, parts = algorithm.parse_losses(losses)
    wrapper.backward(total)
    assert all(torch.isfinite(value).all() for value in parts.values()), parts
    untrained = [
        name
        for name, parameter in algorithm.named_parameters()
        if parameter.requires_grad
        and (parameter.grad is None or not parameter.grad.any() or not parameter.grad.isfinite().all())
    ]
    assert untrained == []
    wrapper.step()
