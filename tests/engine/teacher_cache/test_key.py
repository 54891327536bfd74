"""A cache belongs to everything that decides the teacher's tensors, and to nothing else."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from torch import nn

from fdkd.engine.amp import CPUAmpOptimWrapper
from fdkd.engine.teacher_cache.key import belongs, key, weights_digest

CONFIG = dict(
    data_hash='5f2a',
    model=dict(
        teacher=dict(modality='audio', model=dict(type='Net', width=4), checkpoint='a.pth'),
        data_preprocessor=dict(modalities=dict(audio=dict(mean=[1.0]))),
    ),
    train_dataloader=dict(
        num_workers=2,
        dataset=dict(type='Paired', data_root='data/a', split='train', pipeline=[dict(type='Load', seconds=2)]),
    ),
)


def runner(seed=0, random=(), views=None, ids=('a', 'b'), optimizer=OptimWrapper, **changes):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    config = Config(copy.deepcopy(CONFIG))
    config.merge_from_dict(changes)
    dataset = [{'sample_id': name} for name in ids]
    loader = SimpleNamespace(dataset=Dataset(dataset, random, views or {}), sampler=SimpleNamespace(seed=seed))
    algorithm = SimpleNamespace(teacher=teacher, teacher_modality='audio', teacher_tap_paths={'feat': '0'})
    wrapper = optimizer(torch.optim.SGD(teacher.parameters(), 0.1))
    return SimpleNamespace(
        cfg=config, algorithm=algorithm, model=algorithm, train_dataloader=loader, optim_wrapper=wrapper
    )


class Dataset(list):
    data_root = 'data/'

    def __init__(self, samples, random, views):
        super().__init__(samples)
        self.random, self.views = list(random), views

    def get_data_info(self, index):
        return self[index]

    def random_steps(self, modality):
        return self.random


KEY = key(belongs(runner()))


def test_the_key_is_twelve_digits_and_the_same_for_the_same():
    assert key(belongs(runner())) == KEY
    assert len(KEY) == 12
    assert int(KEY, 16)


@pytest.mark.parametrize(
    'changes',
    [
        {'data_hash': '5f2b'},
        {'model.teacher.model.width': 5},
        {'model.data_preprocessor.modalities.audio.mean': [2.0]},
        {'train_dataloader.dataset.pipeline.0.seconds': 3},
        {'train_dataloader.dataset.split': 'val'},
        {'train_dataloader.dataset.indices': 2},
        {'train_dataloader.dataset.mispair': {'audio': 'any'}},
        {'data_hash': None},
    ],
    ids=str,
)
def test_another_config_that_matters_has_another_key(changes):
    assert key(belongs(runner(**changes))) != KEY


def test_the_folder_of_the_data_counts_where_they_have_no_hash():
    one, other = (runner(data_hash=None, **{'train_dataloader.dataset.data_root': root}) for root in 'ab')
    assert key(belongs(one)) != key(belongs(other))


@pytest.mark.parametrize(
    'changes',
    [
        {'train_dataloader.dataset.data_root': 'elsewhere'},
        {'train_dataloader.dataset.cache': 'ram'},
        {'train_dataloader.dataset.cache_folder': 'elsewhere'},
        {'train_dataloader.num_workers': 0},
        {'model.teacher.checkpoint': 'b.pth'},
        {'seed': 1},
    ],
    ids=str,
)
def test_what_decides_no_number_leaves_the_key(changes):
    assert key(belongs(runner(**changes))) == KEY


def test_the_seed_and_the_number_of_views_count_where_the_teachers_view_is_augmented():
    keys = [
        key(belongs(runner(random=['Crop'], views={'audio': number}, seed=seed)))
        for number, seed in ((1, 0), (2, 0), (2, 1))
    ]
    assert len({*keys, KEY}) == 4


@pytest.mark.parametrize('ids', [('b', 'a'), ('a', 'c'), ('a', 'b', 'c'), ('ab', '')])
def test_the_ids_count_in_their_order(ids):
    assert key(belongs(runner(ids=ids))) != KEY


def test_taps_count_by_path():
    other = runner()
    other.algorithm.teacher_tap_paths = {'feat': ['0', '1']}
    assert key(belongs(other)) != KEY


@pytest.mark.parametrize('entry', ['0.weight', '1.running_mean', '1.num_batches_tracked'])
def test_every_number_of_the_teacher_counts(entry):
    other = runner()
    other.algorithm.teacher.state_dict()[entry].view(-1)[-1] += 1
    assert key(belongs(other)) != KEY


def test_weights_of_other_names_shapes_or_types_are_others():
    digests = {weights_digest(nn.ParameterDict({'a': torch.zeros(4)}))}
    digests.add(weights_digest(nn.ParameterDict({'b': torch.zeros(4)})))
    digests.add(weights_digest(nn.ParameterDict({'a': torch.zeros(2, 2)})))
    digests.add(weights_digest(nn.ParameterDict({'a': torch.zeros(2, dtype=torch.float64)})))
    assert len(digests) == 4


def test_precision_is_that_in_which_the_teacher_will_run():
    assert belongs(runner())['precision'] == {'device': 'cpu', 'weights': 'torch.float32', 'autocast': None}
    mixed = belongs(runner(optimizer=CPUAmpOptimWrapper))
    assert mixed['precision']['autocast'] == 'torch.bfloat16'
    assert key(mixed) != KEY


@pytest.mark.parametrize('name', ['torch', 'fdkd'])
def test_versions_count(monkeypatch, name):
    target = 'torch.__version__' if name == 'torch' else 'fdkd.engine.teacher_cache.key.__version__'
    monkeypatch.setattr(target, '0.0')
    assert key(belongs(runner())) != KEY


def test_the_place_of_the_data_does_not_count_but_a_samples_file_does():
    def named(path, root='data/'):
        made = runner()
        dataset = made.train_dataloader.dataset
        dataset.data_root = root
        for place in range(len(dataset)):
            dataset[place] = {**dataset[place], 'depth': f'{root}{path}', 'audio': f'{root}{path}'}
        return key(belongs(made))

    assert named('a.png') == named('a.png', 'elsewhere/') != named('b.png')


def test_what_decodes_the_data_counts(monkeypatch):
    monkeypatch.setattr('fdkd.engine.teacher_cache.key.library_versions', lambda: ['opencv-python 0.0'])
    assert key(belongs(runner())) != KEY


def test_a_config_with_infinity_is_plain_json():
    strange = {'train_dataloader.dataset.pipeline.0.seconds': float('inf')}
    assert belongs(runner(**strange))['dataset']['pipeline'] == [{'type': 'Load', 'seconds': 'Infinity'}]
