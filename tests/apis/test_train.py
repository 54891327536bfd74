"""The whole job, as a user starts it, on a few tiny frames."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS as MMSEG_MODELS

from fdkd.apis.options import RunOptions
from fdkd.apis.test import test as score
from fdkd.apis.train import train
from fdkd.errors import CheckpointError, ConfigError, NonFiniteLossError
from tests.support.probes import read_watch
from tests.support.processes import on_two_processes

pytestmark = pytest.mark.usefixtures('runs')

FDKD = 'configs/fdkd/nyu_rgb_from_depth.py'
PROBES = {'imports': ['tests.support.probes'], 'allow_failed_imports': False}


def tiny(root, **changes):
    settings = dict(data_root=str(root), size=(32, 24), epochs=1, batch_size=2, pretrained='none', workers=0)
    return RunOptions(**{**settings, **changes})


def write_config(path, base, **changes):
    """A config file that inherits from one of the repository and changes some keys."""
    lines = [f'_base_ = {str(Path(base).resolve())!r}', *(f'{key} = {value!r}' for key, value in changes.items())]
    path.write_text('\n'.join(lines))
    return path


@pytest.fixture(scope='module')
def teacher(nyu_root, tmp_path_factory):
    """A depth model trained for one step or two."""
    folder = tmp_path_factory.mktemp('teacher')
    train('configs/unimodal/nyu_depth.py', tiny(nyu_root), work_dir=folder)
    return folder / 'student.pth'


def test_one_command_trains_teacher_and_student_and_reports(nyu_root, runs, capsys):
    results = train(FDKD, tiny(nyu_root))
    printed = capsys.readouterr().out
    folder = runs / 'fdkd' / 'nyu_rgb_from_depth'
    assert 'training it first' in printed
    assert 'student (rgb)' in printed
    assert 'teacher (depth)' in printed
    assert results['student']['modality'] == 'rgb'
    assert results['teacher']['modality'] == 'depth'
    written = json.loads((folder / 'results.json').read_text())
    assert written['student']['metrics'] == results['student']['metrics']
    assert (written['seed'], written['selection']) == (0, 'last epoch')
    assert written['config_hash'] == Config.fromfile(folder / 'nyu_rgb_from_depth.py').config_hash
    assert (folder / 'predictions.png').read_bytes().startswith(b'\x89PNG')

    trained = list(runs.glob('unimodal/nyu_depth-*/student.pth'))
    before = trained[0].stat().st_mtime_ns
    train(FDKD, tiny(nyu_root))
    assert 'training it first' not in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in runs.glob('unimodal/nyu_depth-*/student.pth')] == [before]


def test_a_teacher_that_the_user_trained_is_found(nyu_root, runs, capsys):
    train('configs/unimodal/nyu_depth.py', tiny(nyu_root))
    capsys.readouterr()
    train(FDKD, tiny(nyu_root))
    assert 'training it first' not in capsys.readouterr().out


def test_the_student_stands_alone(nyu_root, tmp_path, teacher):
    train(FDKD, tiny(nyu_root), work_dir=tmp_path, teacher=str(teacher))
    student = torch.load(tmp_path / 'student.pth', weights_only=True)
    full = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    assert student['meta']['modality'] == 'rgb'
    assert len(student['meta']['classes']) == 40
    assert {name.split('.')[0] for name in full['state_dict']} == {'student'}
    config = Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor['rgb']
    config.backbone.init_cfg = None
    plain = MMSEG_MODELS.build(config)
    plain.load_state_dict(student['state_dict'], strict=True)
    assert torch.equal(plain.decode_head.conv_seg.bias, full['state_dict']['student.decode_head.conv_seg.bias'])


def test_evaluation_needs_the_students_modality_alone(nyu_root, tmp_path, teacher):
    trained = train(FDKD, tiny(nyu_root), work_dir=tmp_path, teacher=str(teacher))
    rgb_only = tmp_path / 'rgb_only'
    shutil.copytree(nyu_root, rgb_only)
    shutil.rmtree(rgb_only / 'depth')
    for file in ('student.pth', 'epoch_1.pth'):
        again = score(FDKD, tmp_path / file, tiny(rgb_only))
        assert again['student']['metrics'] == trained['student']['metrics']
        assert again['student']['per_class']['wall'] == pytest.approx(
            trained['student']['per_class']['wall'], nan_ok=True
        )


def test_a_loss_from_outside_the_package_trains(nyu_root, tmp_path, teacher):
    config = write_config(
        tmp_path / 'mine.py',
        'configs/_base_/pairs/nyu_rgb_from_depth.py',
        custom_imports=PROBES,
        custom_hooks=[{'type': 'Watch', 'path': str(tmp_path / 'seen')}],
        model={'losses': {'mine': {'type': 'AbsoluteDifference', 'on': 'logits', 'factor': 2.0}}},
    )
    train(config, tiny(nyu_root), work_dir=tmp_path / 'run', teacher=str(teacher))
    losses = read_watch(tmp_path / 'seen')[0]['losses']
    assert losses['mine.loss_abs'] > 0
    parts = [value for name, value in losses.items() if 'loss' in name and name != 'loss']
    assert losses['loss'] == pytest.approx(sum(parts), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_and_names_parts_and_samples(nyu_root, tmp_path, teacher):
    config = write_config(
        tmp_path / 'poisoned.py',
        FDKD,
        custom_imports=PROBES,
        custom_hooks=[{'type': 'StopOnNonFiniteLoss'}, {'type': 'Poison', 'at': 1}],
    )
    with pytest.raises(NonFiniteLossError, match=r'iteration 2 .*decode.loss_ce nan.*samples: 0\d+, 0\d+'):
        train(config, tiny(nyu_root, epochs=2), work_dir=tmp_path / 'run', teacher=str(teacher))
    assert not list((tmp_path / 'run').glob('epoch_2.pth'))


@pytest.fixture
def on_gpu(monkeypatch):
    """Treats losses as on a GPU; the labels, of which a batch of void alone is refused, stay on the host."""
    monkeypatch.setattr('fdkd.engine.deferred.worth_deferring', lambda value: isinstance(value, torch.Tensor))
    monkeypatch.setattr('fdkd.engine.runner.get_device', lambda: 'cuda')
    monkeypatch.setattr('fdkd.models.preprocessor._refuse_all_void', lambda samples: None)


def test_on_a_gpu_a_loss_that_is_not_finite_stops_before_anything_is_saved(nyu_root, tmp_path, teacher, on_gpu):
    config = write_config(
        tmp_path / 'poisoned.py',
        FDKD,
        custom_imports=PROBES,
        custom_hooks=[{'type': 'StopOnNonFiniteLoss'}, {'type': 'Poison', 'at': 0}],
        default_hooks={'checkpoint': {'by_epoch': False, 'interval': 1}},
    )
    with pytest.raises(NonFiniteLossError, match=r'iteration 1 .*decode.loss_ce nan.*samples: 0\d+, 0\d+'):
        train(config, tiny(nyu_root), work_dir=tmp_path / 'run', teacher=str(teacher))
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_between_two_lines_of_the_log_nothing_waits_for_the_gpu(nyu_root, tmp_path, teacher, request):
    def run(name, hook):
        config = write_config(
            tmp_path / f'{name}.py',
            FDKD,
            custom_imports=PROBES,
            custom_hooks=[{'type': 'StopOnNonFiniteLoss'}, {'type': hook, 'path': str(tmp_path / name)}],
            optim_wrapper={'clip_grad': {'max_norm': 5.0}},
        )
        folder = tmp_path / f'run_{name}'
        train(config, tiny(nyu_root, epochs=2), work_dir=folder, teacher=str(teacher))
        scalars = torch.load(folder / 'epoch_2.pth', weights_only=True)['history']['scalars']
        return {key: scalars[key]['values'] for key in scalars if 'time' not in key}

    expected = run('plain', 'Watch')
    request.getfixturevalue('on_gpu')
    found = run('deferred', 'WatchWaits')
    waits = [json.loads(line) for line in (tmp_path / 'deferred').read_text().splitlines()]
    assert waits == [[], ['tolist']] * 2  # the second iteration of an epoch is its last, which is logged
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        torch.testing.assert_close(found[key], values, rtol=1e-6, atol=0, msg=key)


def test_a_run_resumed_within_an_epoch_equals_one_that_was_not_interrupted(nyu_root, tmp_path, teacher, monkeypatch):
    def run(name, resume=False):
        config = write_config(
            tmp_path / f'{name}.py',
            FDKD,
            custom_imports=PROBES,
            custom_hooks=[{'type': 'Watch', 'path': str(tmp_path / name)}],
            default_hooks={'checkpoint': {'by_epoch': False, 'interval': 1}},
        )
        folder = tmp_path / f'run_{name}'
        train(config, tiny(nyu_root, epochs=2), work_dir=folder, teacher=str(teacher), resume=resume)
        return torch.load(folder / 'student.pth', weights_only=True)['state_dict']

    whole = run('whole')
    seen = read_watch(tmp_path / 'whole')
    middle = len(seen) // 2 + 1  # one iteration into the second epoch
    monkeypatch.setenv('STOP_AT', str(middle))
    with pytest.raises(KeyboardInterrupt):
        run('cut')
    monkeypatch.delenv('STOP_AT')
    resumed = run('cut', resume=True)
    assert read_watch(tmp_path / 'cut') == seen
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_resuming_with_another_seed_is_refused(nyu_root, tmp_path, teacher):
    train(FDKD, tiny(nyu_root), work_dir=tmp_path, teacher=str(teacher))
    with pytest.raises(CheckpointError, match=r'was trained with seed 0, this run has seed 1'):
        train(FDKD, tiny(nyu_root, seed=1), work_dir=tmp_path, teacher=str(teacher), resume=True)


def test_resuming_with_other_options_is_refused(nyu_root, tmp_path, teacher):
    train(FDKD, tiny(nyu_root), work_dir=tmp_path, teacher=str(teacher))
    with pytest.raises(CheckpointError, match=r'epoch_1.pth: belongs to a run with another config, other options'):
        train(FDKD, tiny(nyu_root, epochs=3), work_dir=tmp_path, teacher=str(teacher), resume=True)


def test_a_teacher_for_a_config_without_one_is_refused(nyu_root, teacher):
    with pytest.raises(ConfigError, match=r'nyu_rgb.py trains without a teacher'):
        train('configs/unimodal/nyu_rgb.py', tiny(nyu_root), teacher=str(teacher))


def test_a_batch_that_no_split_can_fill_is_an_error(nyu_root, tmp_path, teacher):
    with pytest.raises(ConfigError, match=r'training samples do not fill one batch of 64'):
        train(FDKD, tiny(nyu_root, batch_size=64), work_dir=tmp_path, teacher=str(teacher))


def test_amp_on_the_cpu_trains_in_bfloat16(nyu_root, tmp_path, teacher):
    def losses(name, amp):
        config = write_config(
            tmp_path / f'{name}.py',
            FDKD,
            custom_imports=PROBES,
            custom_hooks=[{'type': 'Watch', 'path': str(tmp_path / name)}],
        )
        train(config, tiny(nyu_root, amp=amp), work_dir=tmp_path / f'run_{name}', teacher=str(teacher))
        return read_watch(tmp_path / name)[0]['losses']

    full, half = losses('full', False), losses('half', True)
    assert half['decode.loss_ce'] == pytest.approx(full['decode.loss_ce'], rel=0.05)
    assert half['decode.loss_ce'] != full['decode.loss_ce']


def test_prompts_are_learnt_before_the_training_and_come_back_with_it(nyu_root, tmp_path, teacher):
    def run(epochs, resume=False):
        options = tiny(nyu_root, epochs=2, cfg_options={'train_cfg.max_epochs': epochs})
        train('configs/freekd/nyu_rgb_from_depth.py', options, work_dir=tmp_path, teacher=str(teacher), resume=resume)
        return torch.load(tmp_path / f'epoch_{epochs}.pth')['state_dict']['terms.losses.freekd.prompts']

    logs = '*/*.log'
    first = run(1)
    assert first.std() > 0.012  # they start with a deviation of 0.01
    assert 'prompts, epoch 1 of 1' in next(tmp_path.glob(logs)).read_text()
    (log,) = tmp_path.glob(logs)
    log.unlink()
    assert run(1, resume=True).equal(first)
    assert 'prompts, epoch' not in next(tmp_path.glob(logs)).read_text()


def on_rank(config, options, folder, teacher):
    train(config, options, work_dir=folder, teacher=teacher, launcher='pytorch')


def test_two_processes_give_the_losses_of_one(nyu_root, tmp_path, teacher):
    heads = ('decode_head', 'auxiliary_head')
    fixed = {f'model.student.model.{head}.dropout_ratio': 0.0 for head in heads}
    fixed |= {f'model.student.model.{head}.loss_decode.avg_non_ignore': False for head in heads}

    def run(name, processes):
        config = write_config(
            tmp_path / f'{name}.py',
            FDKD,
            custom_imports=PROBES,
            custom_hooks=[{'type': 'FreezeBatchNorm'}, {'type': 'Watch', 'path': str(tmp_path / name)}],
        )
        options = tiny(nyu_root, epochs=2, batch_size=2 // processes, cfg_options=fixed)
        folder = tmp_path / f'run_{name}'
        if processes > 1:
            on_two_processes(on_rank, tmp_path, config, options, folder, str(teacher))
        else:
            train(config, options, work_dir=folder, teacher=str(teacher))
        ranks = [read_watch(tmp_path / name, rank) for rank in range(processes)]
        return [
            {key: sum(part['losses'][key] for part in step) / processes for key in step[0]['losses'] if 'loss' in key}
            for step in zip(*ranks, strict=True)
        ]

    one, two = run('one', 1), run('two', 2)
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert b == pytest.approx(a, rel=2e-4)
