"""Taking up what was saved: the newest that is intact, which has to fit."""

import os
import shutil

import pytest
import torch
from mmengine.optim import AmpOptimWrapper

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.runner import Runner
from fdkd.errors import CheckpointError
from tests.robustness.bad import tiny  # noqa: F401  (registers TinyNet)
from tests.robustness.kills.runs import write_runs


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    """Config of a classifier that trains in no time."""
    return write_runs(tmp_path_factory.mktemp('tiny')).with_name('imu.py')


@pytest.fixture(scope='module')
def trained(tiny_run):
    """The work dir of a run of two epochs."""
    train_in(tiny_run, tiny_run.with_name('run'))
    return tiny_run.with_name('run')


def runner_in(config, folder, **settings):
    cfg = load_config(config, RunOptions(epochs=2))
    cfg.work_dir, cfg.experiment_name = str(folder), f'{folder.parent.name}-{len(list(folder.glob("*")))}'
    cfg.merge_from_dict(settings)
    return Runner.from_cfg(cfg)


def train_in(config, folder, **settings):
    runner = runner_in(config, folder, **settings)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def runner(tiny_run):
    return runner_in(tiny_run, tiny_run.with_name('untrained'))


def same_student(one, other):
    one, other = (torch.load(folder / 'student.pth')['state_dict'] for folder in (one, other))
    return all(one[name].equal(other[name]) for name in one)


def damage(path):
    times = path.stat()
    os.truncate(path, path.stat().st_size - 100)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def logged(folder):
    return ''.join(path.read_text() for path in folder.glob('*/*.log'))


def test_where_the_newest_checkpoint_is_damaged_the_one_before_is_resumed(tiny_run, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    damage(folder / 'epoch_2.pth')
    runner = train_in(tiny_run, folder, resume=True)
    assert runner.resumed_from == folder / 'epoch_1.pth'
    assert runner.damaged == (folder / 'epoch_2.pth',)
    assert same_student(folder, trained)
    warnings = [line for line in logged(folder).splitlines() if 'WARNING' in line and 'damaged' in line]
    assert len(warnings) == 1
    assert 'epoch_2.pth: not a checkpoint, or a damaged one (' in warnings[0]
    assert f'Resuming {folder}/epoch_1.pth instead' in warnings[0]
    assert torch.load(folder / 'epoch_2.pth')['meta']['epoch'] == 2


def test_what_torch_refuses_is_told_in_one_line_but_for_lack_of_memory(runner, tmp_path, monkeypatch):
    def refuse(self, path, checkpoint):
        raise errors.pop()

    errors = [torch.OutOfMemoryError('no memory'), RuntimeError('RNG state is wrong size')]
    monkeypatch.setattr(Runner, '_restore', refuse)
    with pytest.raises(CheckpointError, match=r'a.pth: cannot be resumed, .* \(RuntimeError: RNG state is wrong'):
        runner._continue(tmp_path / 'a.pth', {})
    with pytest.raises(torch.OutOfMemoryError):
        runner._continue(tmp_path / 'a.pth', {})


def test_a_run_that_starts_anew_where_another_was_warns(tiny_run, trained, tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    shutil.copy(trained / 'epoch_1.pth', folder)
    runner = train_in(tiny_run, folder)
    assert runner.resumed_from is None
    [warning] = [line for line in logged(folder).splitlines() if 'earlier run' in line]
    assert 'WARNING' in warning
    assert f'{folder}: holds checkpoints of an earlier run, which this one replaces: until this' in warning
    assert 'earlier run' not in logged(trained)


def test_a_damaged_student_of_a_finished_run_is_written_again(tiny_run, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    damage(folder / 'student.pth')
    train_in(tiny_run, folder, resume=True)
    assert same_student(folder, trained)
    assert torch.load(folder / 'student.pth')['meta']['finished']


def test_weights_to_start_from_are_never_replaced_by_others(tiny_run, trained, tmp_path):
    shutil.copy(trained / 'student.pth', tmp_path / 'start.pth')
    runner = train_in(tiny_run, tmp_path / 'run', resume=True, load_from=str(tmp_path / 'start.pth'))
    assert runner.resumed_from is None  # there was nothing to resume yet
    assert f'loaded {tmp_path}/start.pth' in logged(tmp_path / 'run')
    damage(tmp_path / 'start.pth')
    with pytest.raises(CheckpointError, match=r'start.pth: not a checkpoint, or a damaged one'):
        train_in(tiny_run, tmp_path / 'other', resume=True, load_from=str(tmp_path / 'start.pth'))
    resumed = train_in(tiny_run, tmp_path / 'run', resume=True, load_from=str(tmp_path / 'start.pth'))
    assert resumed.resumed_from == tmp_path / 'run' / 'epoch_2.pth'


def test_the_state_of_the_loss_scaler_comes_back(tiny_run, tmp_path, monkeypatch):
    """On a GPU that of AmpOptimWrapper, which refuses a CPU: here it holds torch's scaler for one."""
    monkeypatch.setattr('mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)

    def scaled(folder):
        runner = runner_in(tiny_run, folder)
        optimizer = torch.optim.SGD(runner.algorithm.parameters(), lr=0.1)
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper, runner.param_schedulers = AmpOptimWrapper(optimizer=optimizer), []
        runner.optim_wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=64.0, growth_interval=2)
        return runner

    one, other = scaled(tmp_path / 'one'), scaled(tmp_path / 'other')
    for loss in (1.0, 1.0, float('inf'), 1.0):  # grows to 128, is halved, and has one good step since
        one.optim_wrapper.update_params(loss * one.algorithm.student.head.weight.sum())
    one.save_checkpoint(str(tmp_path), 'epoch_1.pth')
    other.resume(tmp_path / 'epoch_1.pth')
    found = other.optim_wrapper.loss_scaler.state_dict()
    assert found == one.optim_wrapper.loss_scaler.state_dict()
    assert (found['scale'], found['_growth_tracker']) == (64.0, 1)


def test_a_student_file_loads_into_the_student(runner, tmp_path):
    weights = {name: torch.zeros_like(value) for name, value in runner.algorithm.student.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'student.pth')
    runner.load_checkpoint(tmp_path / 'student.pth')
    assert all(not value.any() for value in runner.algorithm.student.state_dict().values())


def test_weights_that_do_not_fit_are_refused(runner, tmp_path):
    torch.save({'state_dict': {'student.a': torch.ones(1)}}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=r'other.pth: does not fit SingleModality .* is missing'):
        runner.load_checkpoint(tmp_path / 'other.pth')


@pytest.mark.parametrize('weights', [['a'], {1: torch.zeros(1)}])
def test_weights_have_names(runner, tmp_path, weights):
    torch.save({'state_dict': weights}, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=r'odd\.pth: holds no weights by name'):
        runner.load_checkpoint(tmp_path / 'odd.pth')


def test_a_student_file_cannot_be_resumed(runner, tmp_path):
    state = {f'student.{name}': value for name, value in runner.algorithm.student.state_dict().items()}
    torch.save({'state_dict': state, 'meta': {}}, tmp_path / 'student.pth')
    with pytest.raises(CheckpointError, match='cannot be resumed, it holds no history, optimizer, param_schedulers'):
        runner.resume(tmp_path / 'student.pth')


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of the run whose files all have one time, the older ones even a later one."""
    folder = shutil.copytree(trained, tmp_path / 'run')
    for path in folder.glob('*.pth'):
        os.utime(path, (100, 100))
    os.utime(folder / 'epoch_1.pth', (200, 200))
    return folder


def test_times_of_files_do_not_matter(tiny_run, trained, copied):
    runner = train_in(tiny_run, copied, resume=True)
    assert runner.resumed_from == copied / 'epoch_2.pth'
    damage(copied / 'epoch_2.pth')
    assert train_in(tiny_run, copied, resume=True).resumed_from == copied / 'epoch_1.pth'
    assert same_student(copied, trained)


def test_a_run_that_started_anew_is_newer_whatever_its_number(tiny_run, trained, copied, monkeypatch):
    """It saves its first epoch over one of an earlier run, whose second stays until the new run comes to it."""
    earlier = (copied / 'epoch_2.pth').read_bytes()

    def stop(runner):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('fdkd.engine.loop.EpochLoop._validate', stop)
        with pytest.raises(KeyboardInterrupt):
            train_in(tiny_run, copied)
    assert (copied / 'epoch_2.pth').read_bytes() == earlier
    numbers = [torch.load(copied / f'epoch_{epoch}.pth')['meta']['run'] for epoch in (1, 2)]
    assert numbers == [1, 0]
    os.utime(copied / 'epoch_2.pth', (2**31, 2**31))
    runner = train_in(tiny_run, copied, resume=True)
    assert (runner.resumed_from, runner.run_number) == (copied / 'epoch_1.pth', 1)
    assert torch.load(copied / 'epoch_2.pth')['meta']['run'] == 1
    assert same_student(copied, trained)


def test_states_of_another_shape_are_refused_before_anything_is_loaded(tiny_run, trained, tmp_path):
    checkpoint = torch.load(trained / 'epoch_2.pth')
    [key, *_] = [key for key, x in checkpoint['optimizer']['state'][0].items() if x.ndim]
    checkpoint['optimizer']['state'][0][key] = torch.zeros(7, 7)
    torch.save(checkpoint, tmp_path / 'epoch_2.pth')
    runner = runner_in(tiny_run, tmp_path, resume=True)
    loaded = []
    runner.algorithm.load_state_dict = runner.algorithm.student.load_state_dict = loaded.append
    name, first = next(iter(runner.algorithm.named_parameters()))
    shapes = rf'the shape \(7, 7\), expected \({len(first)},'
    message = rf'epoch_2.pth: cannot be resumed, .*: {key} of {name} has {shapes}'
    with pytest.raises(CheckpointError, match=message):
        runner.train()
    assert not loaded


@pytest.mark.parametrize('gained', [True, False])
def test_of_another_network_the_layer_that_differs_is_named_and_nothing_is_loaded(tiny_run, trained, tmp_path, gained):
    """All states that come after it stand with other parameters than their own."""
    checkpoint = torch.load(trained / 'epoch_2.pth')
    states, [group, *_] = checkpoint['optimizer']['state'], checkpoint['optimizer']['param_groups']
    if gained:  # since the checkpoint was written
        first = next(name for name in checkpoint['state_dict'] if name.endswith('weight'))
        del checkpoint['state_dict'][first], states[group['params'].pop(0)]
        said = f'{first} is missing'
    else:
        checkpoint['state_dict']['student.gone.weight'] = torch.zeros(9, 9)
        states[max(states) + 1] = states[0]
        group['params'].insert(0, max(states))
        said = 'student.gone.weight is unknown'
    torch.save(checkpoint, tmp_path / 'epoch_2.pth')
    runner = runner_in(tiny_run, tmp_path, resume=True)
    loaded = []
    runner.algorithm.load_state_dict = runner.algorithm.student.load_state_dict = loaded.append
    with pytest.raises(CheckpointError, match=rf'epoch_2.pth: does not fit SingleModality in 1 of \d+ entries: {said}'):
        runner.train()
    assert not loaded


def test_where_more_is_logged_than_before_more_is_kept(tiny_run, trained, tmp_path):
    checkpoint = torch.load(trained / 'epoch_2.pth')
    checkpoint['history']['scalars']['train/loss']['max_length'] = 10_000
    torch.save(checkpoint, tmp_path / 'epoch_2.pth')
    means = dict(custom_cfg=[dict(data_src='loss', log_name='all', method_name='mean', window_size='global')])
    runner = train_in(tiny_run, tmp_path, resume=True, log_processor=means)
    assert runner.message_hub.get_scalar('train/loss').max_length == 1_000_000
