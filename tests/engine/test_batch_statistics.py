"""Which buffers are averaged; that two processes then agree is seen in ``test_processes.py``."""

import torch
from torch import nn

from fdkd.engine import batch_statistics


def network():
    model = nn.Sequential(nn.BatchNorm2d(2), nn.SyncBatchNorm(2), nn.BatchNorm1d(3, track_running_stats=False))
    model.register_buffer('constant', torch.ones(1))
    return model


def test_running_means_and_variances_are_averaged_and_nothing_else(monkeypatch):
    seen = []
    monkeypatch.setattr(batch_statistics, 'all_reduce_params', lambda buffers, op: seen.append((buffers, op)))
    model = network()
    batch_statistics.average_statistics(model)
    [(buffers, op)] = seen
    names = {id(x): name for name, x in model.named_buffers()}
    assert [names[id(x)] for x in buffers] == [f'{i}.running_{part}' for i in (0, 1) for part in ('mean', 'var')]
    assert op == 'mean'
    batch_statistics.average_statistics(nn.Linear(1, 1))
    assert len(seen) == 1


def test_a_single_process_changes_no_bit():
    model = network()
    with torch.no_grad():
        model[0](torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0)))
    before = {name: x.clone() for name, x in model.named_buffers()}
    batch_statistics.average_statistics(model)
    assert all(x.equal(before[name]) for name, x in model.named_buffers())
