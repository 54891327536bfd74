"""What an optimizer keeps of each parameter, as a checkpoint brings it back."""

import copy

import pytest
import torch
from torch import nn

from fdkd.engine.optimizer_states import check_optimizer_states, lay_out_states
from fdkd.errors import CheckpointError

#: Every optimizer of torch that steps without a closure, and keeps something.
OPTIMIZERS = {
    'SGD': {'momentum': 0.9}, 'Adam': {'amsgrad': True}, 'AdamW': {}, 'NAdam': {}, 'RAdam': {}, 'Adamax': {},
    'RMSprop': {'centered': True, 'momentum': 0.9}, 'Adadelta': {}, 'Adagrad': {}, 'Rprop': {}, 'ASGD': {},
    'Adafactor': {},
}  # fmt: skip


def stepped(name, model, **settings):
    """An optimizer in two groups, the head first, after a step."""
    groups = [{'params': list(model.head.parameters())}, {'params': list(model.body.parameters())}]
    optimizer = getattr(torch.optim, name)(groups, lr=0.1, **settings)
    model.head(model.body(torch.ones(1, 3))).sum().backward()
    optimizer.step()
    return optimizer


@pytest.fixture
def model():
    return nn.ModuleDict({'body': nn.Linear(3, 4), 'head': nn.Linear(4, 2)})


@pytest.mark.parametrize('name', OPTIMIZERS)
def test_what_an_optimizer_saved_fits_it(tmp_path, model, name):
    optimizer = stepped(name, model, **OPTIMIZERS[name])
    check_optimizer_states(tmp_path, optimizer.state_dict(), optimizer, model)


@pytest.mark.parametrize('name', [name for name in OPTIMIZERS if name != 'Adafactor'])
def test_what_has_another_shape_is_named(tmp_path, model, name):
    optimizer = stepped(name, model, **OPTIMIZERS[name])
    whole = optimizer.state_dict()
    for key, x in whole['state'][2].items():  # of body.weight, the third in the order of the groups
        if not torch.is_tensor(x) or x.ndim == 0:
            continue
        saved = copy.deepcopy(whole)
        saved['state'][2][key] = x.mT
        message = rf'a[.]pth: cannot be resumed, .*: {key} of body.weight has the shape \(3, 4\), expected \(4, 3\);'
        with pytest.raises(CheckpointError, match=message):
            check_optimizer_states(tmp_path / 'a.pth', saved, optimizer, model)
        saved['state'][0][key] = torch.zeros(1)
        with pytest.raises(CheckpointError, match=rf'{key} of head.weight has the shape \(1,\), .* \(and 1 more\)'):
            check_optimizer_states(tmp_path / 'a.pth', saved, optimizer, model)


def test_of_other_numbers_of_parameters_torch_tells(tmp_path, model):
    """Whose states stand with other parameters than their own."""
    optimizer = stepped('AdamW', model)
    saved = optimizer.state_dict()
    saved['param_groups'][0]['params'].pop(0)
    check_optimizer_states(tmp_path, saved, optimizer, model)
    with pytest.raises(ValueError, match="doesn't match the size"):
        optimizer.load_state_dict(saved)


def test_what_another_library_keeps_under_such_a_name_may_have_any_shape(tmp_path, model):
    class LowRank(torch.optim.AdamW):
        """Projects gradients to a few dimensions, as GaLore does."""

    optimizer = LowRank(model.parameters())
    saved = optimizer.state_dict() | {'state': {0: {'exp_avg': torch.zeros(1, 3)}}}
    check_optimizer_states(tmp_path, saved, optimizer, model)


def test_what_has_not_been_stepped_has_no_state(tmp_path, model):
    optimizer = torch.optim.AdamW(model.parameters())
    check_optimizer_states(tmp_path, optimizer.state_dict(), optimizer, model)


def test_what_an_optimizer_keeps_takes_the_order_of_its_parameter():
    """A fused kernel walks through both as they lie in memory."""
    values, momentum, gradient = torch.randn(3, 2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    expected, parameter = values - 0.1 * (0.9 * momentum + gradient), values.clone(memory_format=torch.channels_last)
    parameter.requires_grad_().grad = gradient.clone(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, fused=True)
    saved = torch.optim.SGD([values.clone().requires_grad_()], lr=0.1, momentum=0.9, fused=True).state_dict()
    optimizer.load_state_dict(saved | {'state': {0: {'momentum_buffer': momentum.clone()}}})
    lay_out_states(optimizer)
    optimizer.step()
    torch.testing.assert_close(parameter.detach(), expected)
