"""The message hub as plain data."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import LogProcessor

from fdkd.engine import history
from fdkd.engine.history import bound_history, lift_bounds, longest_window, pack_history, unpack_history


def training(*windows, window=10, val=None, hooks=()):
    """A runner with 700 batches an epoch that logs means of ``windows``."""
    custom = [dict(data_src='loss', log_name=f'loss_{n}', method_name='mean', **how) for n, how in enumerate(windows)]
    return SimpleNamespace(
        log_processor=LogProcessor(window, custom_cfg=custom), train_dataloader=range(700),
        val_loop=val and SimpleNamespace(dataloader=range(val)), hooks=hooks, message_hub=MessageHub('bounded'),
    )  # fmt: skip


def test_the_logged_history_survives_a_safe_round_trip(tmp_path):
    hub = MessageHub('before')
    for value in (1.0, 2.0, 4.0):
        hub.update_scalar('train/loss', value)
    hub.update_info_dict({'iter': 3, 'lr': np.float64(0.1), 'loop': object()})
    torch.save(pack_history(hub), tmp_path / 'history.pth')
    again = MessageHub('after')
    unpack_history(again, torch.load(tmp_path / 'history.pth', weights_only=True))
    assert again.get_scalar('train/loss').mean(2) == 3.0
    assert again.get_info('iter') == 3
    assert again.get_info('lr') == 0.1
    assert again.get_info('loop') is None


@pytest.mark.parametrize(
    ('runner', 'longest'),
    [
        (training(hooks=[LoggerHook(interval=10)]), 10),
        (training(hooks=[LoggerHook(interval=50)]), 50),
        (training(), 700),  # losses on a GPU are then looked at once an epoch
        (training(window=20, val=300, hooks=[LoggerHook()]), 301),
        (training({'window_size': 900}, hooks=[LoggerHook()]), 900),
        (training({'window_size': 'epoch'}, hooks=[LoggerHook()]), 700),
        (training({'window_size': 900}, {'window_size': 'global'}, hooks=[LoggerHook()]), None),
        (training({}, hooks=[LoggerHook()]), None),
    ],
)
def test_how_far_back_the_log_looks(runner, longest):
    assert longest_window(runner) == longest


def test_a_bounded_history_gives_the_same_means_and_a_short_one_is_whole(monkeypatch):
    monkeypatch.setattr(history, 'KEPT', 40)
    runner, all_of_them = training(hooks=[LoggerHook()]), MessageHub('all')
    values = torch.rand(200, generator=torch.Generator().manual_seed(0)).tolist()
    for step, value in enumerate(values, 1):
        for hub in (runner.message_hub, all_of_them):
            hub.update_scalar('train/loss', value)
        if step % 20 == 0:
            bound_history(runner)
        bounded, whole = (hub.get_scalar('train/loss') for hub in (runner.message_hub, all_of_them))
        assert bounded.mean(10) == whole.mean(10)
        assert bounded.current() == whole.current()
        assert bounded.data[0].tolist() == values[max(0, step - 40) : step]
    assert pack_history(runner.message_hub)['scalars']['train/loss']['max_length'] == 40
    runner.message_hub.log_scalars['train/loss'].max_length = 1  # as where only the last one counts
    bound_history(runner)
    assert runner.message_hub.log_scalars['train/loss'].max_length == 1


@pytest.mark.parametrize(('windows', 'length'), [([{'window_size': 'global'}], 1_000_000), ([{'window_size': 90}], 90)])
def test_a_longer_window_lifts_the_bound_of_a_resumed_history(monkeypatch, windows, length):
    monkeypatch.setattr(history, 'KEPT', 40)
    runner, told = training(*windows, hooks=[LoggerHook()]), []
    runner.logger = SimpleNamespace(warning=told.append)
    scalars = runner.message_hub.log_scalars
    scalars['train/loss'] = HistoryBuffer(list(range(40)), [1] * 40, 40)
    scalars['train/acc'] = HistoryBuffer(list(range(40)), [1] * 40, 40)
    scalars['train/new'] = HistoryBuffer([1.0, 2.0], [1, 1], 40)  # is whole
    scalars['train/share'] = HistoryBuffer([1.0], [1], 1)  # bounded for reasons of its own
    for _ in range(2):
        lift_bounds(runner)
    lengths = {name: scalars[name].max_length for name in scalars}
    assert lengths == dict.fromkeys(('train/loss', 'train/acc', 'train/new'), length) | {'train/share': 1}
    [warning] = told
    assert 'train/loss, train/acc' in warning
    assert 'train/new' not in warning
    runner.message_hub.update_scalar('train/loss', 40.0)
    assert scalars['train/loss'].mean() == 20.0


def test_an_unbounded_history_stays_so_until_it_is_long():
    """As in a run that was not interrupted."""
    runner = training(hooks=[LoggerHook()])
    runner.message_hub.update_scalar('train/loss', 1.0)
    lift_bounds(runner)
    assert runner.message_hub.get_scalar('train/loss').max_length == 1_000_000


def test_where_all_values_count_all_stay(monkeypatch):
    monkeypatch.setattr(history, 'KEPT', 40)
    runner = training({'window_size': 'global'})
    runner.message_hub.update_scalar('train/loss', 1.0)
    bound_history(runner)
    assert runner.message_hub.get_scalar('train/loss').max_length == 1_000_000
