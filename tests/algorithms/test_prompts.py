"""What prompts are learnt by: the teacher's task loss on the prompted map; tests/engine/test_prompts.py learns them."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn.functional import cross_entropy

from fdkd.algorithms.prompts import PromptLoss
from fdkd.distill.losses.freekd import FreeKDLoss
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.prompting import Algorithm, Pairs, whole_batch


def test_it_is_the_teachers_task_loss_on_the_prompted_map_and_the_dissimilarity():
    torch.manual_seed(0)
    algorithm = Algorithm()
    teacher, loss = algorithm.teacher, algorithm.terms.losses['freekd']
    inputs, samples = whole_batch(Pairs()).values()
    feature = teacher.norm(teacher.conv(teacher.conv(inputs['sound']).relu()[:, :1]))
    logits = teacher.head(loss.prompted(feature).relu().mean((2, 3)))
    labels = torch.stack([sample.gt_label for sample in samples])
    expected = cross_entropy(logits, labels) + loss.dissimilarity(feature)
    stage = PromptLoss(algorithm)
    for _ in range(2):  # the first call counts the calls of each module
        assert stage(inputs, samples).item() == pytest.approx(expected.item(), rel=1e-5)


def test_samples_without_the_teachers_modality_are_left_out():
    stage = PromptLoss(Algorithm())
    inputs, samples = whole_batch(Pairs(lacking=(0, 7))).values()
    has = [index for index in range(12) if index not in (0, 7)]
    expected = stage({'sound': Pairs().sounds[has]}, [samples[index] for index in has])
    assert len(inputs['sound']) == 10
    assert stage(inputs, samples).item() == pytest.approx(expected.item())


def test_several_losses_learn_apart():
    torch.manual_seed(1)
    alone = {'a': FreeKDLoss(4), 'b': FreeKDLoss(4, num_tokens=3), 'plain': nn.Identity()}
    inputs, samples = whole_batch(Pairs()).values()
    torch.manual_seed(0)
    algorithm = Algorithm(**alone)
    stage = PromptLoss(algorithm)
    assert list(stage.losses) == ['a', 'b']
    expected = 0.0
    for name in stage.losses:
        single = copy.deepcopy(algorithm)
        single.terms.losses = nn.ModuleDict({name: alone[name]})
        expected += PromptLoss(single)(inputs, samples).item()
    assert stage(inputs, samples).item() == pytest.approx(expected)


def test_a_tap_that_leads_nowhere_is_named():
    algorithm = Algorithm('read')
    algorithm.terms.losses['freekd'].prompts.requires_grad_()
    with pytest.raises(ConfigError, match=r"does not depend on its tap 'read', so the loss 'freekd'.*on='map'"):
        PromptLoss(algorithm)(*whole_batch(Pairs()).values())


def test_a_tap_that_reads_a_list_is_refused():
    with pytest.raises(ConfigError, match=r"the loss 'freekd' learns prompts on one map, its tap reads 2"):
        PromptLoss(Algorithm(['conv', 'relu']))


def test_an_algorithm_without_such_losses_has_nothing_to_learn():
    assert not PromptLoss(SimpleNamespace()).losses
    assert not PromptLoss(Algorithm(plain=nn.Identity())).losses


def test_a_segmentor_learns_prompts_at_the_input_of_its_last_relu():
    torch.manual_seed(0)
    models = copy.deepcopy(Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor)
    for model in models.values():
        model.backbone.init_cfg = None
    algorithm = MODELS.build(
        ConfigDict(
            type='CrossModalDistiller',
            student=dict(modality='rgb', model=models['rgb']),
            teacher=dict(modality='depth', model=models['depth'], checkpoint=None),
            losses=dict(freekd=dict(type='FreeKDLoss', on='map')),
        )
    )
    labels = torch.randint(0, 40, (2, 1, 32, 48))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x), metainfo={'img_shape': (32, 48)}) for x in labels]
    stage = PromptLoss(algorithm)
    (prompts,) = stage.prompts
    value = stage({'depth': torch.randn(2, 1, 32, 48)}, samples)
    assert value.isfinite()
    prompts.requires_grad_()
    stage({'depth': torch.randn(2, 1, 32, 48)}, samples).backward()
    assert prompts.grad[0].abs().max() > 0
    assert all(parameter.grad is None for parameter in algorithm.teacher.parameters())
