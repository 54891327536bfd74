"""What a rank has of its own: buffers that differ, and gradients of a step that is not done."""

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.optim import OptimWrapper
from torch import nn

from fdkd.engine.rank_state import _on_rank_zero, gather_rank_states, own_buffers, put_buffers, restore_rank_state
from tests.support.processes import on_two_processes


def trained(steps, value=1.0):
    """A model that has seen ``steps`` batches, of which three make a step, and what steps it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model.register_buffer('fixed', torch.ones(1), persistent=False)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=3)
    for step in range(steps):
        batch = value * torch.randn(4, 2, generator=torch.Generator().manual_seed(step))
        wrapper.update_params(model(batch).pow(3).mean())
    return model, wrapper


@pytest.mark.parametrize('steps', [0, 3, 6])
def test_after_a_step_nothing_waits(steps):
    model, wrapper = trained(steps)
    assert gather_rank_states(model, wrapper, own_buffers(model)) == []


@pytest.mark.parametrize('steps', [1, 2, 4])
def test_gradients_in_the_middle_of_a_step_come_back(steps):
    model, wrapper = trained(steps)
    [state] = gather_rank_states(model, wrapper, own_buffers(model))
    assert state['buffers'] == {}
    assert {name: list(x.shape) for name, x in state['gradients'].items()} == {
        '0.weight': [2, 2], '0.bias': [2], '1.weight': [2], '1.bias': [2],
    }  # fmt: skip
    other, _ = trained(0)
    restore_rank_state(other, [state])
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert one.grad.equal(two.grad)
        assert one.grad is not two.grad


def test_each_rank_gets_its_own_back(monkeypatch):
    monkeypatch.setattr('fdkd.engine.rank_state.get_world_size', lambda: 2)
    ranks = [trained(1, value) for value in (1.0, 2.0)]
    buffers = [own_buffers(model) for model, _ in ranks]
    assert sorted(buffers[1]) == ['1.num_batches_tracked', '1.running_mean', '1.running_var']  # not the fixed one
    gradients = [{name: x.grad for name, x in model.named_parameters()} for model, _ in ranks]

    def gathered(own):
        assert all(x.equal(buffers[0][name]) for name, x in own['buffers'].items())
        return [dict(buffers=dict(pair[0]), gradients=pair[1]) for pair in zip(buffers, gradients, strict=True)]

    monkeypatch.setattr('fdkd.engine.rank_state._on_rank_zero', gathered)
    states = gather_rank_states(*ranks[0], buffers[0])  # on rank 0, whose weights are saved
    assert [sorted(state['buffers']) for state in states] == [[], ['1.running_mean', '1.running_var']]
    monkeypatch.setattr('fdkd.engine.rank_state.get_rank', lambda: 1)
    resumed, _ = trained(0)
    resumed.load_state_dict(ranks[0][0].state_dict())
    restore_rank_state(resumed, states)
    for name, x in resumed.named_buffers():
        assert x.equal(dict(ranks[1][0].named_buffers())[name])
    for name, x in resumed.named_parameters():
        assert x.grad.equal(gradients[1][name])


def test_buffers_take_their_values_back():
    model, _ = trained(1)
    put_buffers(model, {'1.running_mean': torch.full((2,), 7.0)})
    assert model[1].running_mean.tolist() == [7.0, 7.0]
    assert own_buffers(model) == {}  # a single process has them all in its weights


def sent():
    return _on_rank_zero({'rank': get_rank(), 'x': torch.full((2,), float(get_rank()))})


def test_rank_zero_alone_gets_what_all_have(tmp_path):
    first, second = on_two_processes(sent, tmp_path)
    assert [(state['rank'], state['x'].tolist()) for state in first] == [(0, [0.0, 0.0]), (1, [1.0, 1.0])]
    assert second == []
