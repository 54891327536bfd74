"""A training on two processes: what they evaluate, what is saved, and an optimizer whose state they share."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.dist import barrier, get_rank
from mmengine.hooks import Hook

from fdkd.algorithms import SingleModality
from fdkd.apis.config import load_config
from fdkd.apis.evaluate import evaluate
from fdkd.apis.evaluate import test_loader as loader_of_tests
from fdkd.apis.options import RunOptions
from fdkd.engine.runner import Runner
from tests.support.processes import on_two_processes

CONFIG = 'configs/unimodal/nyu_rgb.py'
#: An eighth of the width: what is written to disk takes most of the time.
SMALL = {
    'model.model.backbone.base_channels': 8,
    'model.model.backbone.stem_channels': 8,
    'model.model.decode_head.in_channels': 64,
    'model.model.decode_head.channels': 16,
    'model.model.decode_head.c1_in_channels': 8,
    'model.model.auxiliary_head.in_channels': 32,
    'train_cfg.val_interval': 1,
}
SHARDED = {'optim_wrapper.optimizer.type': 'ZeroRedundancyOptimizer', 'optim_wrapper.optimizer.optimizer_type': 'SGD'}


class Watch(Hook):
    """Keeps the statistics after the last iteration of each epoch and before each validation."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.trained, self.validated = [], []

    def after_train_epoch(self, runner):
        self.trained.append(statistics(runner.algorithm.state_dict()))

    def before_val_epoch(self, runner):
        self.validated.append(statistics(runner.algorithm.state_dict()))


def statistics(state):
    return torch.cat([x.flatten() for name, x in state.items() if name.endswith(('running_mean', 'running_var'))])


def config(root, changes):
    return load_config(CONFIG, RunOptions(str(root), (32, 24), 2, 2, 'none', workers=0, cfg_options=SMALL | changes))


def scored(cfg, algorithm):
    """The scores on the test set, and the counts of its images by id."""
    found = evaluate(algorithm, loader_of_tests(cfg, 'rgb'), cfg.test_evaluator, '')
    return found.scores, getattr(found.metric, 'images', None)


def run(root, folder, changes, resume=False):
    """Trains two epochs of one iteration each, with a validation between them."""
    cfg = config(root, changes)
    cfg.work_dir, cfg.resume, cfg.launcher, cfg.experiment_name = str(folder), resume, 'pytorch', folder.name
    runner, watch = Runner.from_cfg(cfg), Watch()
    runner.register_hook(watch)
    runner.train()
    return runner, watch


def on_rank(root, folder):
    runner, watch = run(root, folder / 'plain', {})
    seen = {
        'trained': watch.trained,
        'validated': watch.validated,
        'options': {
            name: getattr(runner.model, name)
            for name in ('gradient_as_bucket_view', 'find_unused_parameters', 'broadcast_buffers', 'static_graph')
        },
        'plain': runner.algorithm.state_dict(),
        'scored': scored(runner.cfg, runner.algorithm),
    }
    runner, _ = run(root, folder / 'sharded', SHARDED)
    seen['sharded'] = runner.algorithm.state_dict()
    seen['held'] = len(runner.optim_wrapper.optimizer.optim.state)
    if get_rank() == 0:
        (folder / 'resumed').mkdir()
        shutil.copy(folder / 'sharded' / 'epoch_1.pth', folder / 'resumed')
    barrier()
    runner, _ = run(root, folder / 'resumed', SHARDED, resume=True)
    return {**seen, 'resumed': runner.algorithm.state_dict(), 'iterations': runner.iter}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('processes')


@pytest.fixture(scope='module')
def ranks(nyu_root, folder):
    return on_two_processes(on_rank, folder, nyu_root, folder)


def same(one, other):
    return one.keys() == other.keys() and all(x.equal(other[name]) for name, x in one.items())


def test_all_ranks_validate_the_average_of_their_models(ranks):
    one, two = (seen['trained'][0] for seen in ranks)
    assert not one.equal(two)  # each has seen other samples
    assert len(ranks[0]['validated']) == 1
    for seen in ranks:
        assert seen['validated'][0].equal((one + two) / 2)


def test_checkpoints_hold_the_average(ranks, folder: Path):
    for epoch, name in ((0, 'epoch_1.pth'), (1, 'epoch_2.pth'), (1, 'student.pth')):
        one, two = (seen['trained'][epoch] for seen in ranks)
        assert statistics(torch.load(folder / 'plain' / name)['state_dict']).equal((one + two) / 2)
    assert same(ranks[0]['plain'], ranks[1]['plain'])


def test_three_samples_on_two_ranks_are_scored_as_on_one(ranks, nyu_root, folder: Path):
    cfg = config(nyu_root, {})
    alone = SingleModality('rgb', cfg.model.model, cfg.model.data_preprocessor)
    alone.student.load_state_dict(torch.load(folder / 'plain' / 'student.pth')['state_dict'])
    scores, images = scored(cfg, alone)
    shared_scores, shared_images = ranks[0]['scored']
    assert shared_scores['metrics'] == scores['metrics'] == ranks[1]['scored'][0]['metrics']
    assert shared_images['ids'].tolist() == images['ids'].tolist() == ['0005', '0006', '0007']
    for name in ('intersection', 'predicted', 'labelled'):
        assert shared_images[name].tolist() == images[name].tolist()
    assert ranks[1]['scored'][1] is None  # what is kept of each image lies on rank 0 alone


def test_gradients_are_views_and_every_parameter_is_expected(ranks):
    assert ranks[0]['options'] == {
        'gradient_as_bucket_view': True,
        'find_unused_parameters': False,
        'broadcast_buffers': False,
        'static_graph': False,
    }


def test_a_shared_optimizer_trains_the_same_model(ranks):
    assert same(ranks[0]['sharded'], ranks[0]['plain'])


def test_a_shared_optimizer_is_saved_whole_and_comes_back(ranks, folder: Path):
    saved, plain = (torch.load(folder / name / 'epoch_2.pth')['optimizer'] for name in ('sharded', 'plain'))
    assert len(saved['state']) == len(plain['state']) == sum(seen['held'] for seen in ranks)
    assert all(seen['held'] < len(plain['state']) for seen in ranks)
    for place, state in plain['state'].items():
        assert saved['state'][place]['momentum_buffer'].equal(state['momentum_buffer'])
    assert ranks[0]['iterations'] == 2
    assert same(ranks[0]['resumed'], ranks[0]['sharded'])
    assert same(ranks[1]['resumed'], ranks[0]['sharded'])
