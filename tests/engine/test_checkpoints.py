"""Which checkpoint a run goes on from, and which stay."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from fdkd.checkpoint import write_checkpoint
from fdkd.engine.checkpoints import (
    CheckpointHook,
    check_resumable,
    full_checkpoints,
    newest_checkpoint,
    read_newest_intact,
)
from fdkd.errors import CheckpointError, ConfigError


def write(folder, *names):
    """Checkpoints that were written one after the other."""
    for age, name in enumerate(names):
        write_checkpoint({'name': name, 'weights': torch.arange(4.0)}, folder / name)
        os.utime(folder / name, (100 + age, 100 + age))


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    data = bytearray(path.read_bytes())
    place = data.find(torch.arange(4.0).numpy().tobytes())
    data[place] ^= 1
    keep_time(path, bytes(data))


def empty(path):
    keep_time(path, b'')


def text(path):
    keep_time(path, b'these are notes')


def keep_time(path, data):
    times = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_the_checkpoint_written_last_comes_first(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    write(tmp_path, 'epoch_9.pth', 'iter_95.pth', 'epoch_10.pth')
    (tmp_path / 'epoch_11.pth.here-7.partial').touch()
    (tmp_path / 'student.pth').touch()
    assert [path.name for path in full_checkpoints(tmp_path)] == ['epoch_10.pth', 'iter_95.pth', 'epoch_9.pth']
    assert newest_checkpoint(tmp_path) == tmp_path / 'epoch_10.pth'


def test_what_has_gone_is_passed_over_and_numbers_decide_where_times_do_not(tmp_path):
    write(tmp_path, 'epoch_9.pth', 'epoch_10.pth')
    for path in tmp_path.iterdir():
        os.utime(path, (100, 100))
    (tmp_path / 'epoch_11.pth').symlink_to(tmp_path / 'gone')
    assert [path.name for path in full_checkpoints(tmp_path)] == ['epoch_10.pth', 'epoch_9.pth']


@pytest.mark.parametrize('damage', [truncate, flip, empty, text])
def test_the_newest_that_is_intact_is_read(tmp_path, damage):
    assert read_newest_intact(tmp_path) is None
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth')
    path, checkpoint, damages = read_newest_intact(tmp_path)
    assert (path.name, checkpoint['name'], damages) == ('epoch_3.pth', 'epoch_3.pth', {})
    times = (tmp_path / 'epoch_3.pth').stat()
    damage(tmp_path / 'epoch_3.pth')
    os.utime(tmp_path / 'epoch_3.pth', ns=(times.st_atime_ns, times.st_mtime_ns))
    path, checkpoint, damages = read_newest_intact(tmp_path)
    assert (path.name, checkpoint['name']) == ('epoch_2.pth', 'epoch_2.pth')
    assert list(damages) == [tmp_path / 'epoch_3.pth']
    assert 'epoch_3.pth: ' in damages[tmp_path / 'epoch_3.pth']
    assert 'damaged' in damages[tmp_path / 'epoch_3.pth']


def test_where_none_is_intact_nothing_starts_anew_by_itself(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    flip(tmp_path / 'epoch_1.pth')
    empty(tmp_path / 'epoch_2.pth')
    with pytest.raises(CheckpointError) as caught:
        read_newest_intact(tmp_path)
    for said in ('none of its checkpoints is intact', 'epoch_1.pth: damaged: record', 'epoch_2.pth: not a checkpoint'):
        assert said in str(caught.value)
    assert str(caught.value).endswith('To start anew, remove epoch_*.pth and iter_*.pth there')


def test_what_would_run_code_is_no_damage(tmp_path):
    write(tmp_path, 'epoch_1.pth')
    torch.save({'extra': torch.nn.Linear(1, 1)}, tmp_path / 'epoch_2.pth')
    with pytest.raises(CheckpointError, match=r'epoch_2.pth: refused'):
        read_newest_intact(tmp_path)


def test_a_run_with_another_seed_or_config_is_refused(tmp_path):
    whole = {'meta': {'seed': 1, 'config_hash': 'a'}, 'state_dict': {}, 'history': {}, 'optimizer': {}}
    with pytest.raises(CheckpointError, match=r'a.pth: cannot be resumed, it holds no param_schedulers'):
        check_resumable(tmp_path / 'a.pth', whole, 1, 'a')
    whole['param_schedulers'] = []
    check_resumable(tmp_path / 'a.pth', whole, 1, 'a')
    with pytest.raises(CheckpointError, match='seed 1, this run has seed 2: pass --seed 1'):
        check_resumable(tmp_path / 'a.pth', whole, 2, 'a')
    with pytest.raises(CheckpointError, match='belongs to a run with another config'):
        check_resumable(tmp_path / 'a.pth', whole, 1, 'b')


class Runner:
    """As much of a runner as the hook touches; saves nothing but a name."""

    def __init__(self, folder, resumed_from=None, damaged=()):
        self.work_dir, self.resumed_from, self.damaged = str(folder), resumed_from, damaged
        self.message_hub = MessageHub.get_instance('checkpoints')
        self.logger = logging.getLogger('checkpoints')
        self.train_loop = SimpleNamespace(validated=0)
        self.epoch, self.iter, self.most = 0, 0, 0

    def save_checkpoint(self, out_dir, filename, *args, **kwargs):
        write(self.folder, filename)
        os.utime(self.folder / filename, (1000 + self.epoch, 1000 + self.epoch))
        self.most = max(self.most, len(full_checkpoints(self.folder)))

    @property
    def folder(self):
        return Path(self.work_dir)


def saved(runner, hook, epochs):
    hook.before_train(runner)
    for runner.epoch in epochs:
        hook._save_checkpoint(runner)
    return [path.name for path in full_checkpoints(runner.folder)]


@pytest.mark.parametrize(
    ('keep', 'there', 'most'), [(1, ['epoch_5.pth'], 2), (2, ['epoch_5.pth', 'epoch_4.pth'], 3), (-1, None, 5)]
)
def test_an_old_one_goes_when_the_new_one_is_whole(tmp_path, keep, there, most):
    runner = Runner(tmp_path)
    names = saved(runner, CheckpointHook(max_keep_ckpts=keep), range(5))
    assert names == (there or [f'epoch_{number}.pth' for number in (5, 4, 3, 2, 1)])
    assert runner.most == most


def test_a_resumed_run_counts_what_is_there(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'iter_9.pth')
    runner = Runner(tmp_path, tmp_path / 'iter_9.pth')
    hook = CheckpointHook(max_keep_ckpts=2)
    hook.before_train(runner)
    assert [path.name for path in full_checkpoints(tmp_path)] == ['iter_9.pth', 'epoch_2.pth']
    assert saved(runner, hook, [2]) == ['epoch_3.pth', 'iter_9.pth']


def test_what_is_damaged_goes_first(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'iter_9.pth')
    runner = Runner(tmp_path, tmp_path / 'epoch_2.pth', (tmp_path / 'iter_9.pth',))
    assert saved(runner, CheckpointHook(max_keep_ckpts=2), [2]) == ['epoch_3.pth', 'epoch_2.pth']


def test_a_newer_one_that_was_not_found_damaged_stays(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'iter_9.pth')
    runner = Runner(tmp_path, tmp_path / 'epoch_2.pth', (tmp_path / 'iter_9.pth',))
    CheckpointHook(max_keep_ckpts=1).before_train(runner)
    assert [path.name for path in full_checkpoints(tmp_path)] == ['epoch_3.pth', 'epoch_2.pth']


def test_ranks_other_than_the_first_neither_look_nor_remove(tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.engine.checkpoints.is_main_process', lambda: False)
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    hook = CheckpointHook(max_keep_ckpts=1)
    with monkeypatch.context() as patch:
        patch.setattr('fdkd.engine.checkpoints.full_checkpoints', lambda folder: pytest.fail('it looked'))
        hook.before_train(Runner(tmp_path, tmp_path / 'epoch_2.pth'))
    assert len(saved(Runner(tmp_path, tmp_path / 'epoch_2.pth'), hook, [2])) == 3


def test_a_run_that_starts_anew_leaves_what_it_did_not_write(tmp_path):
    write(tmp_path, 'epoch_7.pth', 'epoch_8.pth', 'epoch_9.pth')
    assert len(saved(Runner(tmp_path), CheckpointHook(max_keep_ckpts=1), [0, 1])) == 4


@pytest.mark.parametrize('name', ['out_dir', 'filename_tmpl'])
def test_checkpoints_that_resuming_would_not_find_are_refused(name):
    with pytest.raises(ConfigError, match=f"CheckpointHook: {name}='x': --resume looks for"):
        CheckpointHook(**{name: 'x'})
