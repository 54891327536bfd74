"""A student without a teacher: its own loss and predictions, from its modality alone."""

import torch
from mmengine.config import ConfigDict

from fdkd.registry import MODELS
from tests.support.pairs import BOTH, batch, network


def test_it_is_its_model():
    torch.manual_seed(0)
    algorithm = MODELS.build(ConfigDict(type='SingleModality', modality='audio', model=network(1))).eval()
    inputs, samples = batch(BOTH, BOTH)
    expected = algorithm.student(inputs['audio'], samples, mode='loss')
    alone = {'audio': inputs['audio']}
    found = algorithm(alone, samples, mode='loss')
    assert found.keys() == expected.keys() >= {'loss_ce'}
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(algorithm(alone), algorithm.student(inputs['audio']))
    assert algorithm.modalities == ('audio',)
    assert algorithm.trained == algorithm.networks == {'student': ('audio', algorithm.student)}
    assert algorithm.heads == ()
    assert {name.partition('.')[0] for name in algorithm.state_dict()} == {'student'}
