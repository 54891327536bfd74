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
    holds_checkpoints,
    read_newest_intact,
    run_number_of_new,
)
from fdkd.errors import CheckpointError, ConfigError


def write(folder, *names, run=0):
    """Checkpoints of a run whose epochs have ten iterations, all with the time at which the first was written."""
    for name in names:
        kind, number = name.removesuffix('.pth').split('_')
        epoch, iteration = (int(number), 10 * int(number)) if kind == 'epoch' else (int(number) // 10, int(number))
        meta = {'run': run, 'epoch': epoch, 'iter': iteration}
        write_checkpoint({'name': name, 'meta': meta, 'weights': torch.arange(4.0)}, folder / name)
        os.utime(folder / name, (100, 100))


def names(folder):
    return [path.name for path in full_checkpoints(folder)]


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    """Spoils a weight, so that the checkpoint still says where it belongs."""
    spoil(path, torch.arange(4.0).numpy().tobytes())


def misplace(path):
    """Spoils what it says of where it belongs."""
    spoil(path, b'iter')


def spoil(path, what):
    data = bytearray(path.read_bytes())
    data[data.index(what)] ^= 1
    path.write_bytes(bytes(data))


def empty(path):
    path.write_bytes(b'')


def text(path):
    path.write_bytes(b'these are notes')


def test_what_went_furthest_comes_first_whatever_the_times(tmp_path):
    assert not holds_checkpoints(tmp_path)
    write(tmp_path, 'epoch_10.pth', 'iter_95.pth', 'epoch_9.pth', 'iter_101.pth')
    os.utime(tmp_path / 'epoch_9.pth', (200, 200))
    (tmp_path / 'epoch_11.pth.here-7.partial').touch()
    (tmp_path / 'student.pth').touch()
    assert names(tmp_path) == ['iter_101.pth', 'epoch_10.pth', 'iter_95.pth', 'epoch_9.pth']
    assert holds_checkpoints(tmp_path)


def test_the_end_of_an_epoch_comes_after_its_last_step(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'iter_20.pth', 'epoch_2.pth')
    meta = {'epoch': 1, 'iter': 20}  # the hooks have not yet seen the epoch's end
    write_checkpoint({'meta': meta}, tmp_path / 'iter_20.pth')
    assert names(tmp_path) == ['epoch_2.pth', 'iter_20.pth', 'epoch_1.pth']


def test_a_run_that_began_later_is_newer(tmp_path):
    assert run_number_of_new(tmp_path) == 0
    write(tmp_path, 'epoch_8.pth', 'epoch_9.pth')
    assert run_number_of_new(tmp_path) == 1
    write(tmp_path, 'epoch_1.pth', run=1)
    write(tmp_path, 'iter_3.pth', run=2)
    assert names(tmp_path) == ['iter_3.pth', 'epoch_1.pth', 'epoch_9.pth', 'epoch_8.pth']
    assert run_number_of_new(tmp_path) == 3
    checkpoint = torch.load(tmp_path / 'epoch_9.pth')
    del checkpoint['meta']['run']  # as those that did not say so
    write_checkpoint(checkpoint, tmp_path / 'epoch_9.pth')
    assert names(tmp_path) == ['iter_3.pth', 'epoch_1.pth', 'epoch_9.pth', 'epoch_8.pth']


def test_what_has_gone_is_passed_over_and_what_does_not_say_where_it_belongs_comes_first(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth')
    (tmp_path / 'epoch_11.pth').symlink_to(tmp_path / 'gone')
    misplace(tmp_path / 'epoch_1.pth')
    truncate(tmp_path / 'epoch_2.pth')
    flip(tmp_path / 'epoch_3.pth')  # says it
    (tmp_path / 'iter_9.pth').mkdir()
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_1.pth', 'epoch_4.pth', 'epoch_3.pth']
    assert run_number_of_new(tmp_path) == 1
    path, _, damages = read_newest_intact(tmp_path)
    assert (path.name, {path.name for path in damages}) == ('epoch_4.pth', {'epoch_1.pth', 'epoch_2.pth'})


@pytest.mark.parametrize('damage', [truncate, flip, misplace, empty, text])
def test_the_newest_that_is_intact_is_read(tmp_path, damage):
    assert read_newest_intact(tmp_path) is None
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth')
    path, checkpoint, damages = read_newest_intact(tmp_path)
    assert (path.name, checkpoint['name'], damages) == ('epoch_3.pth', 'epoch_3.pth', {})
    damage(tmp_path / 'epoch_3.pth')
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
        self.epoch, self.iter, self.most, self.run_number = 0, 0, 0, 0
        self.unsafe_checkpoint = False

    def save_checkpoint(self, out_dir, filename, *args, **kwargs):
        write(self.folder, filename, run=self.run_number)
        self.most = max(self.most, len(full_checkpoints(self.folder)))

    @property
    def folder(self):
        return Path(self.work_dir)


def saved(runner, hook, epochs):
    hook.before_train(runner)
    for runner.epoch in epochs:
        hook._save_checkpoint(runner)
    return names(runner.folder)


@pytest.mark.parametrize(
    ('keep', 'there', 'most'), [(1, ['epoch_5.pth'], 2), (2, ['epoch_5.pth', 'epoch_4.pth'], 3), (-1, None, 5)]
)
def test_an_old_one_goes_when_the_new_one_is_whole(tmp_path, keep, there, most):
    runner = Runner(tmp_path)
    left = saved(runner, CheckpointHook(max_keep_ckpts=keep), range(5))
    assert left == (there or [f'epoch_{number}.pth' for number in (5, 4, 3, 2, 1)])
    assert runner.most == most


def test_a_resumed_run_counts_what_is_there(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'iter_29.pth')
    runner = Runner(tmp_path, tmp_path / 'iter_29.pth')
    hook = CheckpointHook(max_keep_ckpts=2)
    hook.before_train(runner)
    assert names(tmp_path) == ['iter_29.pth', 'epoch_2.pth']
    assert saved(runner, hook, [2]) == ['epoch_3.pth', 'iter_29.pth']


def test_what_is_damaged_goes_first(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'iter_29.pth')
    runner = Runner(tmp_path, tmp_path / 'epoch_2.pth', (tmp_path / 'iter_29.pth',))
    assert saved(runner, CheckpointHook(max_keep_ckpts=2), [2]) == ['epoch_3.pth', 'epoch_2.pth']


def test_a_newer_one_that_was_not_found_damaged_stays(tmp_path):
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'iter_39.pth')
    runner = Runner(tmp_path, tmp_path / 'epoch_2.pth', (tmp_path / 'iter_39.pth',))
    CheckpointHook(max_keep_ckpts=1).before_train(runner)
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_2.pth']


def test_what_only_an_unsafe_reader_reads_is_put_in_its_place(tmp_path):
    """Without it the one that was resumed would be the newest, and the newer one the first to go."""
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth')
    torch.save(torch.load(tmp_path / 'epoch_2.pth') | {'extra': torch.nn.Linear(1, 1)}, tmp_path / 'epoch_2.pth')
    runner = Runner(tmp_path, tmp_path / 'epoch_2.pth')
    runner.unsafe_checkpoint = True
    CheckpointHook(max_keep_ckpts=1).before_train(runner)
    assert {path.name for path in tmp_path.iterdir()} == {'epoch_2.pth', 'epoch_3.pth'}


def test_ranks_other_than_the_first_neither_look_nor_remove(tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.engine.checkpoints.is_main_process', lambda: False)
    write(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    hook = CheckpointHook(max_keep_ckpts=1)
    with monkeypatch.context() as patch:
        patch.setattr('fdkd.engine.checkpoints.full_checkpoints', lambda folder: pytest.fail('it looked'))
        hook.before_train(Runner(tmp_path, tmp_path / 'epoch_2.pth'))
    assert len(saved(Runner(tmp_path, tmp_path / 'epoch_2.pth'), hook, [2])) == 3


def test_a_run_that_starts_anew_leaves_what_it_did_not_write(tmp_path, monkeypatch):
    write(tmp_path, 'epoch_7.pth', 'epoch_8.pth', 'epoch_9.pth')
    with monkeypatch.context() as patch:
        patch.setattr('fdkd.engine.checkpoints.read_meta', lambda *_: pytest.fail('it looked'))
        CheckpointHook(max_keep_ckpts=1).before_train(Runner(tmp_path))
    assert len(saved(Runner(tmp_path), CheckpointHook(max_keep_ckpts=1), [0, 1])) == 4


@pytest.mark.parametrize('name', ['out_dir', 'filename_tmpl'])
def test_checkpoints_that_resuming_would_not_find_are_refused(name):
    with pytest.raises(ConfigError, match=f"CheckpointHook: {name}='x': --resume looks for"):
        CheckpointHook(**{name: 'x'})
