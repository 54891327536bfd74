"""CrossModalDistiller on real networks and tiny images."""

import copy
from unittest.mock import Mock

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn.functional import interpolate, mse_loss

from fdkd.errors import ConfigError
from fdkd.registry import DISTILL_LOSSES, MODELS

SEGMENTORS = Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor
FEAT = {'type': 'FeatureMSELoss', 'on': 'feat'}


def distiller(**losses):
    torch.manual_seed(0)
    models = copy.deepcopy(SEGMENTORS)
    for model in models.values():
        model.backbone.init_cfg = None
        model.decode_head.dropout_ratio = model.auxiliary_head.dropout_ratio = 0.0
    return MODELS.build(
        ConfigDict(
            type='CrossModalDistiller',
            student=dict(modality='rgb', model=models['rgb']),
            teacher=dict(modality='depth', model=models['depth'], checkpoint=None),
            losses=losses or {'feat': FEAT},
        )
    )


def batch(modalities=('rgb', 'depth'), size=(32, 48)):
    generator = torch.Generator().manual_seed(1)
    channels = {'rgb': 3, 'depth': 1}
    inputs = {name: torch.randn(2, channels[name], *size, generator=generator) for name in modalities}
    labels = torch.randint(0, 40, (2, 1, *size), generator=generator)
    meta = {'ori_shape': size, 'img_shape': size}
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=meta) for label in labels]
    return inputs, samples


@pytest.fixture(scope='module')
def model():
    return distiller()


def pre_relu(segmentor, x):
    """The last block of ResNet-18 by hand: what goes into its last ReLU."""
    backbone = segmentor.backbone
    x = backbone.maxpool(backbone.relu(backbone.norm1(backbone.conv1(x))))
    for name in backbone.res_layers[:-1]:
        x = getattr(backbone, name)(x)
    first, last = backbone.layer4
    x = first(x)
    return last.norm2(last.conv2(torch.relu(last.norm1(last.conv1(x))))) + x


def test_losses_are_the_task_and_the_distance_of_the_features(model):
    inputs, samples = batch()
    model.train()
    task = model.student(inputs['rgb'], samples, mode='loss')
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        expected = mse_loss(pre_relu(model.student, inputs['rgb']), pre_relu(model.teacher, inputs['depth']))
    assert losses['feat.loss'].item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses['decode.loss_ce'].item() == pytest.approx(task['decode.loss_ce'].item(), rel=1e-4)
    assert 'feat.loss' in model.parse_losses(losses)[1]


def test_the_weight_scales_a_loss():
    inputs, samples = batch()
    plain, weighted = (distiller(feat=dict(FEAT, weight=w))(inputs, samples, mode='loss') for w in (1.0, 0.25))
    assert weighted['feat.loss'].item() == pytest.approx(0.25 * plain['feat.loss'].item(), rel=1e-5)


def test_a_weight_rises_over_the_epochs_of_its_warm_up():
    model, (inputs, samples) = distiller(feat=dict(FEAT, warmup=2)), batch()
    first = model(inputs, samples, mode='loss')['feat.loss'].item()
    model.start_epoch(1)
    assert model(inputs, samples, mode='loss')['feat.loss'].item() == pytest.approx(2 * first, rel=1e-4)


def test_only_the_student_gets_gradients(model):
    model.parse_losses(model(*batch(), mode='loss'))[0].backward()
    assert all(parameter.grad is not None for parameter in model.student.parameters())
    assert all(parameter.grad is None for parameter in model.teacher.parameters())


def test_the_teacher_stays_out_of_state_optimizer_and_copies(model):
    assert {name.split('.')[0] for name in model.state_dict()} == {'student'}
    optimizer = build_optim_wrapper(model, {'optimizer': {'type': 'SGD', 'lr': 0.1}}).optimizer
    teacher = {id(parameter) for parameter in model.teacher.parameters()}
    assert not teacher & {id(p) for group in optimizer.param_groups for p in group['params']}
    average = ExponentialMovingAverage(model)
    assert average.module.teacher is model.teacher
    assert not any('teacher' in name for name in average.state_dict())


def test_a_copy_distils_from_the_same_teacher(model):
    model.eval()
    expected, copied = (m.loss(*batch())['feat.loss'] for m in (model, copy.deepcopy(model)))
    torch.testing.assert_close(copied, expected, rtol=0, atol=0)


def test_the_teacher_follows_the_model_and_stays_in_evaluation_mode():
    model = distiller().double().train()
    assert next(model.teacher.parameters()).dtype == torch.float64
    assert not any(module.training for module in model.teacher.modules())


def test_nothing_after_the_teachers_last_tap_runs():
    model = distiller()
    calls = []
    model.teacher.decode_head.conv_seg.register_forward_pre_hook(lambda *_: calls.append('head'))
    for _ in range(3):
        model(*batch(), mode='loss')
    assert calls == ['head']  # the first pass learns where the last tap is


def test_prediction_needs_the_students_modality_alone(model):
    model.eval()
    inputs, samples = batch(modalities=('rgb',))
    predicted = model(inputs, copy.deepcopy(samples), mode='predict')
    expected = model.student(inputs['rgb'], copy.deepcopy(samples), mode='predict')
    for a, b in zip(predicted, expected, strict=True):
        torch.testing.assert_close(a.pred_sem_seg.data, b.pred_sem_seg.data)


def test_dense_logits_are_resized_to_the_label_map():
    seen = []

    @DISTILL_LOSSES.register_module(name='SeesShapes', force=True)
    class SeesShapes(torch.nn.Module):
        def forward(self, student, teacher, target):
            seen.extend([student, teacher, target])
            return (student - teacher).abs().mean()

    model = distiller(kd={'type': 'SeesShapes', 'on': 'logits'}).eval()
    inputs, samples = batch()
    model.loss(inputs, samples)
    raw = model.student(inputs['rgb'], mode='tensor')
    expected = interpolate(raw, size=(32, 48), mode='bilinear', align_corners=False)
    torch.testing.assert_close(seen[0], expected)
    assert seen[1].shape == seen[0].shape
    assert torch.equal(seen[2], torch.cat([sample.gt_sem_seg.data for sample in samples]))


def test_a_part_that_would_be_dropped_is_refused():
    @DISTILL_LOSSES.register_module(name='Misnamed', force=True)
    class Misnamed(torch.nn.Module):
        def forward(self, student, teacher, target):
            return {'distance': (student - teacher).abs().mean()}

    with pytest.raises(ValueError, match=r"the loss 'kd' returns \['distance'\]"):
        distiller(kd={'type': 'Misnamed', 'on': 'feat'})(*batch(), mode='loss')


def test_a_connector_adapts_the_students_feature():
    connector = {'type': 'Projection', 'in_channels': 512, 'out_channels': 512}
    model = distiller(feat=dict(FEAT, connector=connector))
    torch.nn.init.zeros_(model.terms.connectors['feat'][0].linear.weight)
    inputs, samples = batch()
    with torch.no_grad():
        expected = pre_relu(model.teacher, inputs['depth']).square().mean()
    assert model(inputs, samples, mode='loss')['feat.loss'].item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_loss_without_a_tap_is_named():
    with pytest.raises(ConfigError, match="the loss 'feat' names no tap"):
        distiller(feat={'type': 'FeatureMSELoss'})


def test_a_teacher_without_a_checkpoint_is_refused():
    config = ConfigDict(
        type='CrossModalDistiller',
        student=dict(modality='rgb', model=SEGMENTORS['rgb']),
        teacher=dict(modality='depth', model=SEGMENTORS['depth']),
        losses={'feat': FEAT},
    )
    with pytest.raises(ConfigError, match="teacher of modality 'depth' has no checkpoint"):
        MODELS.build(config)


def gaps(samples, *present):
    """The samples with what each has."""
    for sample, names in zip(samples, present, strict=True):
        sample.set_metainfo({'present': names})
    return samples


def test_a_sample_without_the_teachers_modality_adds_its_task_loss_alone():
    model = distiller(feat=FEAT).eval()
    inputs, samples = batch()
    samples = gaps(samples, ('rgb', 'label'), ('rgb', 'depth', 'label'))
    losses = model.loss({**inputs, 'depth': inputs['depth'][1:]}, samples)
    with torch.no_grad():
        expected = mse_loss(pre_relu(model.student, inputs['rgb'])[1:], pre_relu(model.teacher, inputs['depth'][1:]))
        task = model.student(inputs['rgb'], samples, mode='loss')
    assert losses['feat.loss'].item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses['decode.loss_ce'].item() == pytest.approx(task['decode.loss_ce'].item(), rel=1e-4)


def test_a_batch_without_the_teachers_modality_trains_the_task_and_touches_every_connector():
    connector = {'type': 'Projection', 'in_channels': 512, 'out_channels': 512}
    model = distiller(feat=dict(FEAT, connector=connector))
    inputs, samples = batch(modalities=('rgb',))
    losses = model.loss(inputs, gaps(samples, ('rgb', 'label'), ('rgb', 'label')))
    assert losses.keys() == model.student(inputs['rgb'], samples, mode='loss').keys() | {'pairs.loss_none'}
    model.parse_losses(losses)[0].backward()
    assert not model.terms.connectors['feat'][0].linear.weight.grad.any()


def test_a_pair_without_a_label_adds_its_distillation_alone():
    model = distiller(feat=FEAT).eval()
    inputs, samples = batch()
    labelled = model.loss(inputs, gaps(samples, ('rgb', 'depth', 'label'), ('rgb', 'depth', 'label')))
    samples[0].gt_sem_seg.data[:] = 255
    losses = model.loss(inputs, gaps(samples, ('rgb', 'depth'), ('rgb', 'depth', 'label')))
    task = model.student(inputs['rgb'][1:], samples[1:], mode='loss')
    assert losses['feat.loss'].item() == pytest.approx(labelled['feat.loss'].item(), rel=1e-6)
    assert losses['decode.loss_ce'].item() == pytest.approx(task['decode.loss_ce'].item(), rel=1e-4)


def same_modality():
    models = copy.deepcopy(SEGMENTORS)
    for model in models.values():
        model.backbone.init_cfg = None
        model.decode_head.dropout_ratio = model.auxiliary_head.dropout_ratio = 0.0
    part = dict(modality='rgb', model=models['rgb'])
    losses = {'feat': FEAT}
    return MODELS.build(
        ConfigDict(type='CrossModalDistiller', student=part, teacher=dict(part, checkpoint=None), losses=losses)
    )


def test_a_teacher_may_see_what_its_student_sees():
    torch.manual_seed(0)
    model = same_modality().eval()
    inputs, samples = batch(modalities=('rgb',))
    losses = model.loss(inputs, samples)
    with torch.no_grad():
        expected = mse_loss(pre_relu(model.student, inputs['rgb']), pre_relu(model.teacher, inputs['rgb']))
    assert losses['feat.loss'].item() == pytest.approx(expected.item(), rel=1e-4)
    model.teacher.load_state_dict(model.student.state_dict())
    assert model.loss(inputs, samples)['feat.loss'].item() < 1e-9


def weights(model):
    return {name: x.clone() for name, x in model.state_dict().items()}


def equal(one, other):
    return all(one[name].equal(other[name]) for name in one)


def test_an_untrained_teacher_is_initialised_after_its_student_and_follows_the_seed():
    def built(seed):
        torch.manual_seed(seed)
        model = same_modality()
        model.init_weights()
        return weights(model.student), weights(model.teacher)

    (student, teacher), again, other = built(3), built(3), built(4)
    assert equal(student, again[0])
    assert equal(teacher, again[1])
    assert not equal(teacher, other[1])
    assert not equal(teacher, student)
    deviation = teacher['backbone.layer4.0.conv2.weight'].std().item()
    assert deviation == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)  # Kaiming-normal, fan-out, as of students


def test_a_trained_teacher_is_not_initialised(tmp_path):
    torch.manual_seed(0)
    model = same_modality()
    path = tmp_path / 'teacher.pth'
    torch.save({'state_dict': model.teacher.state_dict()}, path)
    config = copy.deepcopy(SEGMENTORS['rgb'])
    config.backbone.init_cfg = None
    part = dict(modality='rgb', model=config)
    trained = MODELS.build(
        ConfigDict(
            type='CrossModalDistiller', student=part, teacher=dict(part, checkpoint=str(path)), losses={'feat': FEAT}
        )
    )
    trained.init_weights()
    assert equal(weights(model.teacher), weights(trained.teacher))


def test_a_teacher_cache_is_asked_for_the_samples_that_have_the_teachers_modality():
    model = distiller(feat=FEAT).eval()
    inputs, samples = batch()
    samples = gaps(samples, ('rgb', 'label'), ('rgb', 'depth', 'label'))
    inputs['depth'] = inputs['depth'][1:]
    expected = model.loss(inputs, samples)
    model.teacher_cache = Mock(side_effect=lambda x, asked, run: run(x, len(asked)))
    losses = model.loss(inputs, samples)
    [(x, asked, _)] = [call.args for call in model.teacher_cache.call_args_list]
    assert x is inputs['depth']
    assert asked == [samples[1]]
    assert all(losses[name].equal(expected[name]) for name in expected)


def test_the_teacher_does_not_run_where_its_cache_knows_all():
    model, (inputs, samples) = distiller(feat=FEAT).eval(), batch()
    with torch.no_grad():
        known = {'feat': pre_relu(model.student, inputs['rgb'])}
    model.teacher_cache = lambda *_: known
    model.teacher.forward = Mock(side_effect=AssertionError)
    assert model.loss(inputs, samples)['feat.loss'].item() == pytest.approx(0, abs=1e-9)


def test_a_batch_without_the_teachers_modality_asks_no_cache():
    model = distiller(feat=FEAT)
    model.teacher_cache = Mock(side_effect=AssertionError)
    inputs, samples = batch(modalities=('rgb',))
    model.loss(inputs, gaps(samples, ('rgb', 'label'), ('rgb', 'label')))
