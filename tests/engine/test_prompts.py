"""Learning prompts before training: what is learnt, what stays as it was, on one process and on two."""

import copy
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from fdkd.algorithms.prompts import PromptLoss
from fdkd.datasets.sampler import EpochSampler
from fdkd.distill.losses.freekd import FreeKDLoss
from fdkd.engine.prompts import LearnPrompts
from fdkd.engine.randomness import random_state
from fdkd.errors import ConfigError, NonFiniteLossError
from fdkd.registry import HOOKS, MODELS


class Teacher(nn.Module):
    """A small classifier of which one ReLU serves twice and ``read`` leads nowhere."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.read = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Identity()
        self.norm, self.dropout, self.head = nn.BatchNorm2d(4), nn.Dropout(), nn.Linear(4, 2)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = self.norm(self.conv(self.relu(self.conv(inputs))[:, :1]))
        self.read(x)
        logits = self.head(self.dropout(self.relu(x).mean((2, 3))))
        if mode == 'tensor':
            return logits
        labels = torch.stack([sample.gt_label for sample in data_samples])
        return {'loss_ce': cross_entropy(logits, labels), 'accuracy': (logits.argmax(1) == labels).float().mean()}


class AsItIs(nn.Module):
    def forward(self, batch, training):
        assert training
        return batch


class Algorithm(BaseModel):
    """As much of a distiller as the first stage touches."""

    def __init__(self, path='relu:input', **losses):
        super().__init__(data_preprocessor=AsItIs())
        self._teacher = [Teacher().eval().requires_grad_(False)]
        self.student, self.terms = nn.Linear(2, 2), nn.Module()
        self.terms.losses = nn.ModuleDict(losses or {'freekd': FreeKDLoss(4)})
        self.terms.taps = dict.fromkeys(self.terms.losses, 'map')
        self.teacher_modality, self.teacher_tap_paths = 'sound', {'map': path}

    @property
    def teacher(self):
        return self._teacher[0]

    def forward(self, *_, **__):
        raise AssertionError('the first stage leaves the student alone')


class Pairs(Dataset):
    """Twelve sounds, whose label is whether they are louder on the left; ``draws`` disturbs the random state."""

    def __init__(self, lacking=(), draws=False):
        generator = torch.Generator().manual_seed(5)
        self.sounds = torch.randn(12, 1, 5, 2, generator=generator)
        self.lacking, self.draws = lacking, draws

    def __len__(self):
        return len(self.sounds)

    def __getitem__(self, key):
        if self.draws:
            torch.rand(3)
        sound = self.sounds[key.index]
        present = () if key.index in self.lacking else ('sound',)
        label = (sound[..., 0].abs().sum() > sound[..., 1].abs().sum()).long()
        return sound, SimpleNamespace(
            gt_label=label, metainfo={'present': ('image', *present)}, to=lambda *_, **__: None
        )


def collate(samples):
    sounds = [sound for sound, sample in samples if 'sound' in sample.metainfo['present']]
    inputs = {'image': torch.zeros(len(samples), 1)} | ({'sound': torch.stack(sounds)} if sounds else {})
    return {'inputs': inputs, 'data_samples': [sample for _, sample in samples]}


def runner_of(algorithm=None, dataset=None, batch_size=4, iteration=0):
    torch.manual_seed(0)
    algorithm, dataset = algorithm or Algorithm(), dataset or Pairs()
    loader = DataLoader(dataset, batch_size, sampler=EpochSampler(dataset, seed=3), collate_fn=collate)
    logged = []
    return SimpleNamespace(
        algorithm=algorithm,
        train_dataloader=loader,
        iter=iteration,
        logger=SimpleNamespace(info=logged.append),
        logged=logged,
    )


def learn(runner, **settings):
    HOOKS.build(dict(type='LearnPrompts', **settings)).before_train(runner)
    return runner.algorithm.terms.losses['freekd'].prompts


def whole_batch(dataset):
    return collate([dataset[SimpleNamespace(index=index)] for index in range(len(dataset))])


class TestLoss:
    def test_it_is_the_teachers_task_loss_on_the_prompted_map_and_the_dissimilarity(self):
        runner = runner_of()
        teacher, loss = runner.algorithm.teacher, runner.algorithm.terms.losses['freekd']
        inputs, samples = whole_batch(Pairs()).values()
        feature = teacher.norm(teacher.conv(teacher.conv(inputs['sound']).relu()[:, :1]))
        logits = teacher.head(loss.prompted(feature).relu().mean((2, 3)))
        labels = torch.stack([sample.gt_label for sample in samples])
        expected = cross_entropy(logits, labels) + loss.dissimilarity(feature)
        stage = PromptLoss(runner.algorithm)
        for _ in range(2):  # the first call counts the calls of each module
            assert stage(inputs, samples).item() == pytest.approx(expected.item(), rel=1e-5)

    def test_samples_without_the_teachers_modality_are_left_out(self):
        stage = PromptLoss(runner_of().algorithm)
        inputs, samples = whole_batch(Pairs(lacking=(0, 7))).values()
        has = [index for index in range(12) if index not in (0, 7)]
        expected = stage({'sound': Pairs().sounds[has]}, [samples[index] for index in has])
        assert len(inputs['sound']) == 10
        assert stage(inputs, samples).item() == pytest.approx(expected.item())

    def test_several_losses_learn_apart(self):
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

    def test_a_tap_that_leads_nowhere_is_named(self):
        algorithm = Algorithm('read')
        algorithm.terms.losses['freekd'].prompts.requires_grad_()
        with pytest.raises(ConfigError, match=r"does not depend on its tap 'read', so the loss 'freekd'.*on='map'"):
            PromptLoss(algorithm)(*whole_batch(Pairs()).values())

    def test_a_tap_that_reads_a_list_is_refused(self):
        with pytest.raises(ConfigError, match=r"the loss 'freekd' learns prompts on one map, its tap reads 2"):
            PromptLoss(Algorithm(['conv', 'relu']))

    def test_an_algorithm_without_such_losses_has_nothing_to_learn(self):
        assert not PromptLoss(SimpleNamespace()).losses
        assert not PromptLoss(Algorithm(plain=nn.Identity())).losses


class TestHook:
    def test_the_prompts_learn_what_the_teacher_needs(self):
        runner = runner_of()
        inputs, samples = whole_batch(Pairs()).values()
        stage = PromptLoss(runner.algorithm)
        before = stage(inputs, samples).item()
        prompts = learn(runner, epochs=30, lr=0.05)
        assert stage(inputs, samples).item() < before - 0.05
        assert not prompts.requires_grad
        assert prompts.grad is None
        assert len(runner.logged) == 30
        assert runner.logged[0].startswith('prompts, epoch 1 of 30: loss ')

    def test_two_steps_are_adams(self):
        runner = runner_of(batch_size=12)
        expected = runner.algorithm.terms.losses['freekd'].prompts.clone().requires_grad_()
        twin = copy.deepcopy(runner.algorithm)
        twin.terms.losses['freekd'].prompts = expected
        optimizer = torch.optim.Adam([expected], weight_decay=0.1)
        for rate in (0.02, (0.02 + 1e-6) / 2):  # the cosine is half way down
            optimizer.param_groups[0]['lr'] = rate
            optimizer.zero_grad()
            PromptLoss(twin)(*whole_batch(Pairs()).values()).backward()
            optimizer.step()
        found = learn(runner, epochs=2, lr=0.02, weight_decay=0.1)
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-6)

    def test_the_learning_rate_falls_along_a_cosine(self, monkeypatch):
        rates, step = [], torch.optim.Adam.step
        monkeypatch.setattr(
            torch.optim.Adam, 'step', lambda self: (rates.append(self.param_groups[0]['lr']), step(self))
        )
        learn(runner_of(), epochs=2, lr=0.1)
        expected = [1e-6 + (0.1 - 1e-6) * (1 + torch.tensor(k * torch.pi / 6).cos().item()) / 2 for k in range(6)]
        assert rates == pytest.approx(expected)

    def test_teacher_and_student_stay_as_they_were(self):
        runner = runner_of()
        teacher, student = runner.algorithm.teacher, runner.algorithm.student
        before = [copy.deepcopy(model.state_dict()) for model in (teacher, student)]
        learn(runner)
        for model, state in zip((teacher, student), before, strict=True):
            assert all(value.equal(state[name]) for name, value in model.state_dict().items())
            assert all(parameter.grad is None for parameter in model.parameters())
        assert not any(module.training for module in teacher.modules())

    def test_the_same_seed_gives_the_same_prompts_and_training_its_random_state(self):
        found = []
        for draws in (False, True):
            runner = runner_of(dataset=Pairs(draws=draws))
            before = random_state()
            found.append(learn(runner, epochs=2))
            assert random_state()['torch'].equal(before['torch'])
        assert found[0].equal(found[1])

    def test_each_epoch_is_augmented_as_its_own(self, monkeypatch):
        seen, get = [], Pairs.__getitem__
        monkeypatch.setattr(Pairs, '__getitem__', lambda self, key: (seen.append(key.epoch), get(self, key))[1])
        learn(runner_of(), epochs=2)
        assert seen == [0] * 12 + [1] * 12

    def test_a_run_that_continues_keeps_its_prompts(self):
        for runner, settings in ((runner_of(iteration=1), {}), (runner_of(), {'epochs': 0})):
            before = runner.algorithm.terms.losses['freekd'].prompts.clone()
            assert learn(runner, **settings).equal(before)
            assert not runner.logged

    def test_batches_without_a_pair_are_survived(self):
        runner = runner_of(dataset=Pairs(lacking=range(12)))
        before = runner.algorithm.terms.losses['freekd'].prompts.clone()
        assert learn(runner, weight_decay=0.0).equal(before)
        learn(runner_of(dataset=Pairs(lacking=range(8)), batch_size=1))

    def test_prompts_that_diverge_are_an_error(self):
        runner = runner_of()
        runner.train_dataloader.dataset.sounds[3] = float('nan')
        with pytest.raises(
            NonFiniteLossError, match=r'the prompts of freekd are not finite after 1 epochs: lower lr=0.01'
        ):
            learn(runner)
        assert not runner.algorithm.terms.losses['freekd'].prompts.requires_grad

    def test_prompts_come_back_with_a_state(self):
        runner = runner_of()
        learn(runner)
        other = Algorithm()
        other.load_state_dict(runner.algorithm.state_dict())
        assert other.terms.losses['freekd'].prompts.equal(runner.algorithm.terms.losses['freekd'].prompts)

    def test_algorithms_without_prompts_train_as_before(self):
        runner = runner_of(Algorithm(plain=nn.Identity()))
        LearnPrompts().before_train(runner)
        assert not runner.logged


def on_rank(rank, rendezvous):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2, timeout=timedelta(minutes=1)
    )
    runner = runner_of(batch_size=2)
    if rank:
        runner.algorithm.terms.losses['freekd'].prompts.zero_()  # rank 0's are sent to it
    return learn(runner, epochs=2)


def test_two_processes_learn_what_one_learns(tmp_path):
    alone = learn(runner_of(batch_size=4), epochs=2)
    with ProcessPoolExecutor(2, get_context('spawn')) as pool:
        calls = [pool.submit(on_rank, rank, tmp_path / 'rendezvous') for rank in range(2)]
        first, second = (call.result(timeout=120) for call in calls)
    assert first.equal(second)
    torch.testing.assert_close(first, alone, rtol=1e-3, atol=1e-4)


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
