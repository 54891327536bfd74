"""Learning prompts before training: what is learnt, what stays as it was, on one process and on two."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.dist import get_rank
from torch import nn
from torch.utils.data import DataLoader

from fdkd.algorithms.prompts import PromptLoss
from fdkd.datasets.sampler import EpochSampler
from fdkd.engine.prompts import LearnPrompts
from fdkd.engine.randomness import random_state
from fdkd.errors import NonFiniteLossError
from fdkd.registry import HOOKS
from tests.support.processes import on_two_processes
from tests.support.prompting import Algorithm, Pairs, collate, whole_batch


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


def on_rank():
    runner = runner_of(batch_size=2)
    if get_rank():
        runner.algorithm.terms.losses['freekd'].prompts.zero_()  # rank 0's are sent to it
    return learn(runner, epochs=2)


def test_two_processes_learn_what_one_learns(tmp_path):
    alone = learn(runner_of(batch_size=4), epochs=2)
    first, second = on_two_processes(on_rank, tmp_path)
    assert first.equal(second)
    torch.testing.assert_close(first, alone, rtol=1e-3, atol=1e-4)
