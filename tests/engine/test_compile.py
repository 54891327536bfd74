"""Which parts of networks are compiled, and that taps read and end a pass as before."""

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from fdkd.engine.compile import between_taps, compile_networks
from fdkd.registry import MODELS
from tests.support.pairs import BOTH, batch, network


def block(*inside):
    return nn.Sequential(nn.Conv2d(1, 1, 1), *inside)


def test_parts_are_the_largest_without_a_tap_inside():
    inner, tapped = block(), nn.ReLU()
    network = nn.ModuleDict({'stem': nn.Conv2d(1, 1, 1), 'one': block(block()), 'two': block(inner, tapped)})
    assert list(between_taps(network, set())) == [network.one, network.two]
    assert list(between_taps(network, {tapped})) == [network.one, inner]
    assert list(between_taps(network, {network.two})) == [network.one, network.two]
    assert list(between_taps(network, {inner})) == [network.one, inner]
    assert list(between_taps(network, {inner, inner[0]})) == [network.one]


def test_a_container_that_has_no_forward_pass_is_gone_through():
    part = block()
    assert list(between_taps(nn.ModuleDict({'list': nn.ModuleList([part])}), set())) == [part]


@pytest.fixture
def compiled(monkeypatch):
    """Stands in for ``torch.compile``: counts the calls of what it was given, which runs as before."""
    calls = []

    def fake(function, **options):
        def forward(*args, **kwargs):
            calls.append((function.__self__, options))
            return function(*args, **kwargs)

        return forward

    monkeypatch.setattr('torch.compile', fake)
    return calls


def algorithm(on, type='CrossModalDistiller', **more):
    torch.manual_seed(0)
    parts = {'student': ConfigDict(modality='audio', model=network(1))}
    if type != 'SingleModality':
        parts['teacher'] = ConfigDict(modality='visual', model=network(3), checkpoint=None)
        losses = ConfigDict(fdkd=dict(type='FDKDLoss', on=on, align=False, band_task=False))
        return MODELS.build(dict(type=type, **parts, losses=losses, **more))
    return MODELS.build(dict(type=type, **parts['student']))


def losses(model):
    return {name: value.item() for name, value in model(*batch(BOTH, BOTH), mode='loss').items()}


@pytest.mark.parametrize('on', ['feat', 'map', 'backbone.layer4.0.relu:input'])
@pytest.mark.parametrize('kind', ['CrossModalDistiller', 'MutualDistiller'])
def test_losses_stay_and_evaluation_is_not_compiled(on, kind, compiled):
    plain, fast = algorithm(on, kind).train(), algorithm(on, kind).train()
    undo = compile_networks(fast, {'mode': 'default'})
    assert [losses(fast) for _ in range(2)] == [losses(plain) for _ in range(2)]
    owners = {part for part, _ in compiled}
    assert all(options == {'mode': 'default'} for _, options in compiled)
    for model in (fast.student, fast.teacher):
        assert owners & set(model.modules())
    compiled.clear()
    fast.eval()
    fast(*batch(BOTH, BOTH), mode='tensor')
    assert compiled == []
    fast.train()
    undo()
    losses(fast)
    assert compiled == []


def test_a_network_without_taps_is_compiled_too(compiled):
    model = algorithm(None, 'SingleModality').train()
    compile_networks(model, {})
    losses(model)
    assert [part for part, _ in compiled] == [model.student.backbone]
