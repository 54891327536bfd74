"""``model-index.yml`` names every config, and holds the figures that were measured."""

import pytest
import yaml

from fdkd.packaged import config_names
from tests.conftest import REPOSITORY

#: What is in the file where it is older than the ledger, a config or a page.
STALE = 'run: python tools/docs/model_index.py'


@pytest.fixture(scope='module')
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / 'tools' / 'docs')
        import model_index

        yield model_index


@pytest.fixture(scope='module')
def models():
    found = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    return {model['Config']: model for model in found['Models']}


def test_the_file_is_what_the_sources_say(module):
    assert yaml.safe_load((REPOSITORY / 'model-index.yml').read_text()) == module.index(), STALE


def test_every_config_is_in_one_collection(models):
    found = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    assert [*models] == [f'configs/{name}.py' for name in config_names()]
    assert len({model['Name'] for model in found['Models']}) == len(found['Models'])
    assert {model['In Collection'] for model in found['Models']} == {entry['Name'] for entry in found['Collections']}
    assert models['configs/demo/rooms_feat_rgb_from_depth.py']['In Collection'] == 'Feat'
    assert models['configs/unimodal/ave_audio.py']['In Collection'] == 'Alone'
    assert models['configs/fdkd/cremad_audio_from_visual.py']['Metadata'] == {'Training Data': 'CREMA-D'}


def test_figures_are_those_of_the_pages(models):
    def metrics(config):
        return models[f'configs/{config}.py']['Results'][0]['Metrics']

    assert metrics('fdkd/nyu_depth_from_rgb') == {'mIoU': 13.07}
    assert metrics('unimodal/nyu_rgb') == {'mIoU': 8.61}
    assert metrics('feat/nyu_rgb_from_depth') == {'mIoU': 8.85}
    assert metrics('feat/grid_visual_from_audio') == {'Top 1 Accuracy': 71.3}  # 69.5, 73.5 and 71.0
    assert 'Results' not in models['configs/fdkd/ave_audio_from_visual.py']


def test_means_are_over_seeds(module):
    rows = [{'seed': seed, 'student': {'metrics': {'accuracy': value}}} for seed, value in ((0, 1.0), (3, 2.5))]
    assert module._accuracy(rows)['Metrics'] == {'Top 1 Accuracy': 1.8}
    assert module._accuracy(rows)['Dataset'] == 'GRID digits, seeds 0, 3'
    assert module._accuracy(rows[:1])['Dataset'] == 'GRID digits, seed 0'
