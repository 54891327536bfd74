"""Ending a training with one message, after those concerned have kept their step; test_ranks.py has two real ranks."""

import errno
import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from fdkd.engine.nonfinite import stop
from fdkd.engine.nonfinite.finding import Finding
from fdkd.engine.nonfinite.saved import read
from fdkd.engine.nonfinite.stop import AGAIN, agreed, stopped
from fdkd.errors import NonFiniteLossError

LOST = Finding(4, 2, ['a'], [0], {'loss': math.nan}, [], 9)
FINE = LOST._replace(losses={'loss': 1.0}, ids=['b'])
#: As much of what repeats a step as its file must have.
STEP = dict.fromkeys(('inputs', 'data_samples', 'random_state', 'state_dict', 'teachers', 'evaluating', 'threads'))


@pytest.fixture
def runner(tmp_path):
    return SimpleNamespace(work_dir=str(tmp_path), seed=3, timestamp='now', cfg=Config({'config_hash': 'abc'}))


@pytest.fixture
def rank(monkeypatch):
    """A function that makes this process one of two ranks, which have found ``found``."""

    def be(rank, found):
        monkeypatch.setattr(stop, 'get_rank', lambda: rank)
        said = []

        def gathered(value):
            if value in found:
                return found
            said.append(value)
            return ['', value] if rank else [value, '']

        monkeypatch.setattr(stop, 'all_gather_object', gathered)
        return said

    return be


def test_a_process_alone_agrees_with_itself_without_a_word(monkeypatch):
    monkeypatch.setattr(stop, 'all_reduce', None)
    assert (agreed(3, 'min'), agreed(0, 'max')) == (3, 0)


@pytest.mark.parametrize(('op', 'expected'), [('min', 2), ('max', 5)])
def test_ranks_agree_on_the_smallest_or_largest(monkeypatch, op, expected):
    def all_reduce(values, asked):
        values.copy_({'min': torch.minimum, 'max': torch.maximum}[asked](values, torch.tensor(2 if op == 'min' else 5)))

    monkeypatch.setattr(stop, 'get_world_size', lambda: 2)
    monkeypatch.setattr(stop, 'all_reduce', all_reduce)
    found = agreed(4, op)
    assert found == expected
    assert type(found) is int


def test_the_step_is_kept_and_the_message_says_where(runner, tmp_path):
    error = stopped(runner, LOST, STEP)
    path = tmp_path / 'nonfinite' / 'iter_4.pth'
    assert type(error) is NonFiniteLossError
    assert str(error).startswith('the loss is not finite at iteration 4 (epoch 2): loss nan; samples: a. ')
    assert str(error).endswith(f'replay {path}')
    assert AGAIN not in str(error)
    assert read(path)['step'] == STEP


def test_a_step_that_was_noticed_too_late_is_noted_with_how_to_have_it(runner, tmp_path):
    path = tmp_path / 'nonfinite' / 'iter_4.pth'
    assert str(stopped(runner, LOST, None)).endswith(f'It is noted in {path}. {AGAIN}')
    assert 'look_at_every_step=True' in AGAIN
    assert read(path)['step'] is None


def test_a_full_disk_does_not_hide_what_stopped_the_training(runner, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(stop, 'save', full)
    said = str(stopped(runner, LOST, STEP))
    assert said.startswith('the loss is not finite at iteration 4')
    assert said.endswith('The step could not be saved: [Errno 28] No space left on device.')


def test_a_rank_at_fault_writes_and_tells(runner, rank, tmp_path):
    said = rank(1, [FINE, LOST])
    error = stopped(runner, LOST, STEP)
    [path] = (tmp_path / 'nonfinite').iterdir()
    assert said[0].endswith(f'replay {path}')
    assert str(error).endswith(said[0])
    assert 'on rank 1: loss nan; samples: a' in str(error)


def test_another_rank_writes_nothing_and_ends_with_the_same_cause(runner, rank, tmp_path):
    said = rank(0, [FINE, LOST])
    error = stopped(runner, FINE, STEP)
    assert said == ['']
    assert not (tmp_path / 'nonfinite').exists()
    assert 'on rank 1: loss nan; samples: a' in str(error)
    assert 'samples: b' not in str(error)
