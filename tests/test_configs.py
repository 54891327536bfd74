"""Every config of the repository passes its check: it is valid and trains every parameter in a step."""

from pathlib import Path

import pytest
from transformers import BertConfig

from fdkd.apis.check_config import check_config
from fdkd.apis.options import RunOptions

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
    """A BERT that is quick to build."""
    folder = tmp_path_factory.mktemp('bert')
    sizes = dict(vocab_size=50, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32)
    BertConfig(**sizes).save_pretrained(folder)
    return RunOptions(text_model=str(folder))


@pytest.mark.parametrize('config', CONFIGS, ids=str)
def test_a_step_has_no_mistake(config, options):
    found = check_config(f'configs/{config}.py', options, quick=True)
    assert found.mistakes == []
    assert found.losses
    assert bool(found.taps) == bool(found.parameters['teacher']['total'])
