"""``tools/benchmark/step_tasks.py``: that each task computes what its name says."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from fdkd.apis.options import RunOptions

CONFIG = 'configs/demo/digits_image_from_audio.py'


@pytest.fixture(scope='module')
def tasks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
        yield import_module('step_tasks')


@pytest.fixture(scope='module')
def loaded(tasks):
    cfg = tasks.distillation_config(CONFIG, RunOptions(pretrained='none'))
    import_module('plain_training').use_tiny_backbones(cfg)
    return cfg


@pytest.fixture
def cfg(loaded):
    return Config(loaded.to_dict(), filename=loaded.filename)


@pytest.fixture
def distiller(tasks, cfg):
    return tasks.build(cfg)


@pytest.fixture
def batch(tasks, distiller):
    return tasks.generated(distiller, (32, 32), 3)


def test_batch_fits_the_models(batch):
    assert [tuple(x.shape) for x in batch['inputs']['image']] == 3 * [(1, 3, 32, 32)]
    assert batch['inputs'].keys() == {'image', 'audio'}
    assert all(0 <= int(sample.gt_label) < 10 for sample in batch['data_samples'])


def test_every_build_has_the_same_weights(tasks, cfg, distiller):
    other = tasks.build(cfg)
    for mine, theirs in zip(distiller.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine is not theirs


def test_a_step_changes_the_weights_and_the_student_alone_sees_its_modality_alone(tasks, cfg, batch):
    student = tasks.alone(cfg, 'image', cfg.model.student.model)
    before = student.student.head.weight.detach().clone()
    step = tasks.step(student, cfg, {**batch, 'inputs': {'image': batch['inputs']['image'], 'audio': None}})
    assert {'loss', 'loss_ce'} == step().keys()
    assert not torch.equal(student.student.head.weight, before)


def test_forward_is_the_evaluation_pass_without_gradients(tasks, cfg, distiller, batch):
    teacher = tasks.alone(cfg, 'audio', distiller.teacher)
    logits = tasks.forward(teacher, cfg, batch)()
    assert logits.shape == (3, 10)
    assert not logits.requires_grad
    assert not distiller.teacher.training
    assert torch.equal(logits, distiller.teacher(torch.stack(batch['inputs']['audio'])))


def test_pass_ends_at_the_tap(tasks, cfg, distiller, batch):
    ran = []
    distiller.teacher.head.register_forward_hook(lambda *_: ran.append(1))
    task = tasks.forward_to_tap(distiller, cfg, batch)
    task()
    assert ran == [1]  # the first pass learns where to end
    result, taps = task()
    assert ran == [1]
    assert result is None
    assert taps['feat'].shape == (3, 8)


def test_full_cache_spares_the_teacher_and_changes_no_loss(tasks, cfg, distiller, batch, tmp_path):
    cached, ran = tasks.with_cache(cfg, batch, tmp_path), []
    assert cached.teacher_cache.counts['computed'] == 3
    cached.teacher.register_forward_hook(lambda *_: ran.append(1))
    assert tasks.losses(cached, cfg, batch) == tasks.losses(distiller, cfg, batch)
    tasks.step(cached, cfg, batch)()
    assert not ran
    assert cached.teacher_cache.counts['read'] == 6


def test_distillation_without_losses_runs_both_models(tasks, cfg, batch):
    none, ran = tasks.without_losses(cfg), []
    none.teacher.register_forward_hook(lambda *_: ran.append(1))
    assert tasks.step(none, cfg, batch)().keys() == {'loss', 'loss_ce'}
    assert ran == [1]


def test_losses_are_those_of_the_config_alone(tasks, cfg, distiller, batch):
    names = {'fdkd.loss_low', 'fdkd.loss_high', 'fdkd.loss_align', 'fdkd.loss_band'}
    assert tasks.losses(distiller, cfg, batch).keys() == names


def test_losses_that_differ_are_not_timed(tasks):
    tasks.compare({'fdkd.loss_low': 1.0}, {'fdkd.loss_low': 1.000009}, 'plain')
    with pytest.raises(tasks.FdkdError, match=r'fdkd\.loss_low is 1\.0, but 1\.00002 in the plain formulation: noth'):
        tasks.compare({'fdkd.loss_low': 1.0}, {'fdkd.loss_low': 1.00002}, 'in the plain formulation')


@pytest.mark.parametrize(
    ('options', 'replaceable'),
    [
        ({'align': False, 'band_task': False, 'on': 'feat', 'weight': 2.0}, True),
        ({'align': False, 'band_task': False, 'on': 'feat', 'log': False}, False),
        ({'align': False, 'on': 'feat', 'num_classes': 40, 'channels': 512}, False),
    ],
)
def test_plain_formulation_stands_in_for_what_it_computes_alone(tasks, options, replaceable):
    assert tasks.is_dense_fdkd({'type': 'FDKDLoss', **options}) == replaceable
    assert not tasks.is_dense_fdkd({**options, 'type': 'FeatureMSELoss'})


def test_nothing_plain_where_the_loss_is_another(tasks, cfg):
    assert tasks.plain_distiller(cfg) is None


def test_plain_distiller_computes_the_same(tasks, cfg, batch):
    cfg.model.losses.fdkd.update(align=False, band_task=False)
    plain = tasks.plain_distiller(cfg)
    assert type(plain.terms.losses['fdkd']).__name__ == 'PlainFDKD'
    tasks.compare(tasks.losses(tasks.build(cfg), cfg, batch), tasks.losses(plain, cfg, batch), 'plain')


def test_channels_last_holds_for_models_and_inputs(tasks, cfg, batch):
    cfg.channels_last = True
    for algorithm in (tasks.build(cfg), tasks.alone(cfg, 'image', cfg.model.student.model)):
        weights = [x for x in algorithm.parameters() if x.ndim == 4]
        assert all(x.is_contiguous(memory_format=torch.channels_last) for x in weights)
        image = algorithm.data_preprocessor(tasks._needed(batch, algorithm))['inputs']['image']
        assert image.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_each_network_is_compiled_once(tasks, cfg, batch, monkeypatch):
    compiled = []
    monkeypatch.setattr(tasks, 'compile_networks', lambda algorithm, options: compiled.append(algorithm))
    cfg.compile = True
    distiller = tasks.build(cfg)
    tasks.forward_to_tap(distiller, cfg, batch)  # shares the distiller's teacher
    assert compiled == [distiller]
    teacher = tasks.alone(cfg, 'audio', cfg.model.teacher.model)
    tasks.forward(teacher, cfg, batch)
    assert compiled == [distiller, teacher]
    assert teacher.training  # in evaluation mode nothing compiled would run
    assert not teacher.student.training


def test_title_names_what_is_on(tasks):
    figures = {'config': 'a.py', 'batch_size': 4, 'device': 'cpu', 'threads': 1}
    off, on = dict.fromkeys(('amp', 'channels_last', 'compile'), False), {'amp': True, 'channels_last': True}
    assert tasks.described({**figures, **off}) == 'a.py: batch 4, cpu, 1 threads'
    assert tasks.described({**figures, **off, **on}) == 'a.py: batch 4, cpu, 1 threads, mixed precision, channels last'
    assert tasks.described({**figures, **off, 'amp': 'fp16'}).endswith('1 threads, mixed precision fp16')
