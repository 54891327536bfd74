"""Scalars that stay on the device until someone reads them."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OptimWrapper
from torch import nn

from fdkd.engine.deferred import DeferredHistory, DeferredRuntimeInfo, DeferredScalars, worth_deferring
from fdkd.engine.history import pack_history, unpack_history
from tests.support.waits import Waits


def runner(name):
    dataset = SimpleNamespace()
    return SimpleNamespace(
        message_hub=MessageHub(name), epoch=0, iter=0, max_epochs=1, max_iters=9,
        train_dataloader=SimpleNamespace(dataset=dataset), optim_wrapper=None,
    )  # fmt: skip


def steps(hook, of, count, start=0):
    for step in range(start, start + count):
        outputs = {'loss': torch.tensor(1.0 / (step + 3), requires_grad=True) * 1.0, 'acc': torch.tensor([0.1 * step])}
        if step % 2:
            outputs['sometimes.loss'] = torch.tensor(0.3 * step, dtype=torch.bfloat16)
        hook.after_train_iter(of, step, None, outputs)


def histories(hub):
    return {name: [part.tolist() for part in buffer.data] for name, buffer in hub.log_scalars.items()}


def test_a_cpu_has_nothing_to_wait_for():
    assert not worth_deferring(torch.tensor(1.0))
    assert worth_deferring(torch.tensor(1.0, device='meta'))
    assert not worth_deferring(1.0)
    hook, of = DeferredRuntimeInfo(), runner('cpu')
    hook.before_train(of)
    steps(hook, of, 2)
    assert type(of.message_hub.log_scalars['train/loss']) is HistoryBuffer


def test_the_history_is_that_of_mmengine(on_gpu):
    plain, deferred = (runner(name) for name in ('plain', 'deferred'))
    for of, hook in ((plain, RuntimeInfoHook()), (deferred, DeferredRuntimeInfo())):
        hook.before_train(of)
        steps(hook, of, 5)
    expected = histories(plain.message_hub)
    assert histories(deferred.message_hub) == expected
    assert list(deferred.message_hub.log_scalars) == list(plain.message_hub.log_scalars)
    assert deferred.message_hub.get_scalar('train/loss').mean(3) == plain.message_hub.get_scalar('train/loss').mean(3)
    packed = pack_history(deferred.message_hub)['scalars']['train/sometimes.loss']['values'].tolist()
    assert packed == expected['train/sometimes.loss'][0]


def test_a_long_history_is_bounded_now_and_then(on_gpu, monkeypatch):
    bounded, of, hook = [], runner('long'), DeferredRuntimeInfo()
    monkeypatch.setattr('fdkd.engine.deferred.bound_history', lambda _: bounded.append(of.iter + 1))
    hook.before_train(of)
    for of.iter in range(2500):
        hook.after_train_iter(of, of.iter)
    assert bounded == [1000, 2000]


def test_nothing_is_read_before_someone_looks_and_then_all_at_once(on_gpu):
    hook, of = DeferredRuntimeInfo(), runner('waits')
    hook.before_train(of)
    with Waits() as waits:
        steps(hook, of, 5)
        assert waits.names == []
        assert of.message_hub.get_scalar('train/loss').current() == pytest.approx(1 / 7)
        of.message_hub.get_scalar('train/acc').mean()
    assert waits.names == ['tolist']


def test_what_waits_holds_no_graph(on_gpu):
    scalars = DeferredScalars(MessageHub('graph'))
    scalars.update('train/loss', torch.tensor(1.0, requires_grad=True) * 2)
    assert not scalars._waiting[0][1].requires_grad


def test_a_resumed_history_goes_on(on_gpu):
    plain, deferred = (runner(name) for name in ('plain again', 'deferred again'))
    for of, hook in ((plain, RuntimeInfoHook()), (deferred, DeferredRuntimeInfo())):
        hook.before_train(of)
        steps(hook, of, 3)
        unpack_history(of.message_hub, pack_history(of.message_hub))
        steps(hook, of, 3, start=3)
    assert isinstance(deferred.message_hub.log_scalars['train/loss'], DeferredHistory)
    assert histories(deferred.message_hub) == histories(plain.message_hub)


@pytest.mark.parametrize('settings', [{'max_norm': 0.1}, {'type': 'value', 'clip_value': 0.1}])
def test_the_norm_of_the_gradients_waits_too(on_gpu, settings):
    norms, weights = [], []
    for hook in (None, DeferredRuntimeInfo()):
        torch.manual_seed(0)
        model, of = nn.Linear(3, 2), runner(f'clip {hook is None} {settings}')
        of.optim_wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.5), clip_grad=dict(settings))
        of.optim_wrapper.message_hub = of.message_hub
        if hook:
            hook.before_train(of)
        with Waits() as waits:
            for _ in range(3):
                of.optim_wrapper.update_params(model(torch.ones(4, 3)).square().sum())
        assert waits.names == ([] if hook or 'type' in settings else ['_local_scalar_dense'] * 3)
        norms.append(histories(of.message_hub))
        weights.append(model.weight)
    assert norms[0] == norms[1]
    assert torch.equal(*weights)
