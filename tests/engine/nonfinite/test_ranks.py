"""Two ranks of which one meets a value that is not finite: both end, with the same message."""

import pytest
import torch
from mmengine.dist import get_rank
from torch.nn.parallel import DistributedDataParallel

from fdkd.engine.nonfinite.saved import read
from fdkd.errors import NonFiniteLossError
from tests.support.processes import on_two_processes
from tests.support.small_training import Training

#: What rank 1 sees, batch by batch, and how many batches make a step; rank 0 sees ones.
CASES = {
    'loss': ((-1.0,), 1),
    'gradient': ((0.0,), 1),
    'early': ((1.0, -1.0), 3),
    'early gradient': ((0.0,), 3),
    'late': ((1.0, 1.0, -1.0, 1.0), 1),
}


def train_step(model, batch, wrapper):
    """As MMEngine's wrapper of DDP does it."""
    with wrapper.optim_context(model):
        losses = model(**model.module.data_preprocessor(batch, True), mode='loss')
    total, parts = model.module.parse_losses(losses)
    wrapper.update_params(total)
    return parts


def ended(folder, values, counts):
    """How a training of this rank ends, and after which iteration."""
    training = Training(folder, accumulative_counts=counts)
    model = DistributedDataParallel(training.model, gradient_as_bucket_view=True)
    training.model.train_step = lambda batch, wrapper: train_step(model, batch, wrapper)
    values = values if get_rank() else [1.0] * len(values)
    for value in values[:-1]:
        training.step(value)
    with pytest.raises(NonFiniteLossError) as error:
        training.step(values[-1])
    return str(error.value), training.runner.iter


def on_rank(folder):
    found = {name: ended(folder / name, *case) for name, case in CASES.items() if name != 'late'}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('fdkd.engine.deferred.worth_deferring', lambda value: isinstance(value, torch.Tensor))
        return {**found, 'late': ended(folder / 'late', *CASES['late'])}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('ranks')


@pytest.fixture(scope='module')
def said(folder):
    ranks = on_two_processes(on_rank, folder, folder)
    assert ranks[0] == ranks[1]
    return ranks[0]


def files(folder):
    return sorted(path.name for path in (folder / 'nonfinite').iterdir())


def test_the_rank_whose_loss_it_is_is_named_and_leaves_its_step(said, folder):
    message, _ = said['loss']
    assert 'the loss is not finite at iteration 1 (epoch 1) on rank 1: loss nan' in message
    assert 'on rank 0' not in message
    assert str(folder / 'loss' / 'nonfinite' / 'iter_1_rank1.pth') in message
    assert files(folder / 'loss') == ['iter_1_rank1.pth']


def test_gradients_are_shared_and_so_is_the_fault(said, folder):
    message, _ = said['gradient']
    assert 'gradients of 1 of 3 parameters' in message
    assert 'on rank 0: loss' in message
    assert 'on rank 1: loss' in message
    assert files(folder / 'gradient') == ['iter_1_rank0.pth', 'iter_1_rank1.pth']


def test_within_accumulated_gradients_the_ranks_end_at_the_batch_before_anything_is_saved(said, folder):
    message, iteration = said['early']
    assert 'at iteration 2 (epoch 1) on rank 1: loss nan' in message
    assert iteration == 1
    kept = read(folder / 'early' / 'nonfinite' / 'iter_2_rank1.pth')
    assert (kept['rank'], kept['world_size']) == (1, 2)
    assert kept['step']['inputs']['a'].tolist() == [[-1.0]]
    assert kept['step']['state_dict']['seen'] == 1


def test_gradients_that_are_not_averaged_yet_are_those_of_one_rank(said, folder):
    message, _ = said['early gradient']
    assert 'gradients of 1 of 3 parameters are not finite at iteration 1 (epoch 1) (layer.weight)' in message
    assert 'on rank 0' not in message
    assert files(folder / 'early gradient') == ['iter_1_rank1.pth']


def test_on_gpus_they_agree_when_they_look(said, folder):
    message, _ = said['late']
    assert 'at iteration 3 (epoch 1) on rank 1: loss nan' in message
    assert files(folder / 'late') == ['iter_3_rank1.pth']
