"""C2KD on small classifiers and segmentors: what the proxies read, what trains what, and where the teacher starts."""

import copy

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn.functional import cross_entropy, interpolate

from fdkd.algorithms.c2kd import C2KD, Proxy
from fdkd.datasets.class_sample import ClassSample
from fdkd.distill.losses.c2kd import c2kd_losses
from fdkd.errors import CheckpointError, ConfigError
from fdkd.registry import MODELS

CLASSES = 5
BOTH, ALONE, UNLABELLED = ('audio', 'visual', 'label'), ('audio', 'label'), ('audio', 'visual')
#: What each loss trains beside a proxy's own layers.
SIDES = {
    'loss_student': 'student',
    'loss_student_proxy': 'student',
    'loss_student_cross': 'student',
    'loss_teacher': 'teacher',
    'loss_teacher_proxy': 'teacher',
    'loss_teacher_cross': 'teacher',
}


def network(in_channels, num_classes=CLASSES):
    return dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=in_channels), num_classes=num_classes)


def c2kd(student=None, teacher=None, **options):
    """With proxies as if they had trained: fresh batch norms do next to nothing outside training."""
    torch.manual_seed(0)
    model = MODELS.build(
        ConfigDict(
            type='C2KD',
            student={'modality': 'audio', 'model': network(1), **(student or {})},
            teacher={'modality': 'visual', 'model': network(3), 'checkpoint': None, **(teacher or {})},
            **options,
        )
    ).eval()
    for proxy in (model.student_proxy, model.teacher_proxy):
        norm = proxy.norm
        for values in (norm.running_mean, norm.weight.data, norm.bias.data):
            values.normal_()
        norm.running_var.uniform_(0.5, 2)
    return model


def batch(*present, frames=None):
    generator = torch.Generator().manual_seed(1)
    paired = sum('visual' in names for names in present)
    inputs = {'audio': torch.randn(len(present), 1, 33, 33, generator=generator)}
    inputs['visual'] = torch.randn(paired, *([frames] if frames else []), 3, 33, 33, generator=generator)
    samples = [
        ClassSample(metainfo={'present': names}, gt_label=torch.tensor(label if 'label' in names else -1))
        for label, names in enumerate(present)
    ]
    return inputs, samples


def pooled(model, x):
    """What the classifier reads: the last stage after its ReLU, averaged."""
    return model.backbone(x).relu().mean((2, 3))


def by_hand(proxy, x):
    """A proxy outside training, of vectors."""
    norm = proxy.norm
    x = x @ proxy.adapt.weight[:, :, 0, 0].T
    x = (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    return x.relu() @ proxy.classify.weight[:, :, 0, 0].T + proxy.classify.bias


def test_a_proxy_is_a_second_classifier_of_what_the_classifier_reads():
    model = c2kd(lambda_1=2.0, lambda_2=3.0, lambda_3=5.0, omega=-0.1)
    inputs, samples = batch(BOTH, BOTH, BOTH, BOTH)
    target = torch.arange(4)
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        student, teacher = pooled(model.student, inputs['audio']), pooled(model.teacher, inputs['visual'])
        logits = model.student.head(student), model.teacher.head(teacher)
        proxies = by_hand(model.student_proxy, student), by_hand(model.teacher_proxy, teacher)
        expected = c2kd_losses(*logits, *proxies, target, lambda_1=2.0, lambda_2=3.0, lambda_3=5.0, omega=-0.1)
    expected = {f'c2kd.{name}': value for name, value in expected.items()}
    expected['loss_ce'], expected['teacher.loss_ce'] = (cross_entropy(x, target) for x in logits)
    assert set(losses) == set(expected)
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-7), name
    assert expected['c2kd.selected'].item() == 0.5


@pytest.mark.parametrize('loss', SIDES)
def test_each_loss_reaches_one_model_through_its_feature(loss):
    model = c2kd(omega=-1.1)
    model(*batch(BOTH, BOTH), mode='loss')[f'c2kd.{loss}'].backward()
    side, other = SIDES[loss], 'teacher' if SIDES[loss] == 'student' else 'student'
    assert getattr(model, side).backbone.conv1.weight.grad.any()
    for part in (getattr(model, other), getattr(model, f'{other}_proxy')):
        assert all(p.grad is None or not p.grad.any() for p in part.parameters())
    moved = getattr(model, f'{side}_proxy').classify.weight.grad
    assert (moved is not None and bool(moved.any())) == (loss != f'loss_{side}')


def test_everything_trains_and_both_models_are_left_behind():
    model = c2kd().train()
    optimizer = build_optim_wrapper(model, {'optimizer': {'type': 'SGD', 'lr': 0.1}})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    total, parts = model.parse_losses(model(*batch(BOTH, BOTH, BOTH), mode='loss'))
    optimizer.update_params(total)
    assert [name for name, p in model.named_parameters() if p.equal(before[name])] == []
    assert model.teacher.backbone.bn1.num_batches_tracked == 1
    assert 0 <= parts['c2kd.selected'] <= 1
    assert total.item() == pytest.approx(sum(x.item() for k, x in parts.items() if 'loss' in k and k != 'loss'))
    assert model.trained == {'student': ('audio', model.student), 'teacher': ('visual', model.teacher)}
    assert {name.partition('.')[0] for name in model.state_dict()} >= {'teacher', 'student_proxy', 'teacher_proxy'}


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(7)
    trained = MODELS.build(network(3))
    path = tmp_path / 'student.pth'
    torch.save({'meta': {'modality': 'visual'}, 'state_dict': trained.state_dict()}, path)
    return path, trained.state_dict()


def test_the_teacher_starts_from_its_checkpoint_and_keeps_it_when_the_student_is_initialised(checkpoint):
    path, weights = checkpoint
    model = c2kd(teacher={'checkpoint': str(path)})
    model.init_weights()
    for name, value in model.teacher.state_dict().items():
        assert value.equal(weights[name]), name
    assert all(p.requires_grad for p in model.teacher.parameters())
    assert not model.student.head.weight.equal(weights['head.weight'])


def test_initialisation_of_a_segmentors_teacher_does_not_undo_its_checkpoint():
    model = segmentors()
    for network in (model.student, model.teacher):
        torch.nn.init.constant_(network.decode_head.conv_seg.weight, 3.0)
    model.init_weights()
    assert model.teacher.decode_head.conv_seg.weight.eq(3).all()
    assert not model.student.decode_head.conv_seg.weight.eq(3).any()


def test_a_sample_without_the_teachers_modality_adds_the_students_task_alone():
    model = c2kd()
    (inputs, samples), (paired_inputs, paired) = batch(ALONE, BOTH, BOTH), batch(ALONE, BOTH, BOTH)
    losses = model(inputs, samples, mode='loss')
    paired_inputs['audio'] = paired_inputs['audio'][1:]
    expected = model(paired_inputs, paired[1:], mode='loss')
    for name, value in expected.items():
        if name != 'loss_ce':
            assert losses[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-7), name
    task = cross_entropy(model.student(inputs['audio']), torch.arange(3))
    assert losses['loss_ce'].item() == pytest.approx(task.item(), rel=1e-5)


def test_a_batch_without_pairs_touches_every_parameter():
    model = c2kd()
    losses = model(*batch(ALONE, ALONE), mode='loss')
    assert set(losses) == {'loss_ce', 'pairs.loss_none'}
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert not any(p.grad.any() for name, p in model.named_parameters() if not name.startswith('student.'))


def test_unlabelled_samples_teach_a_model_and_its_proxy_alone():
    losses = c2kd(omega=-1.1)(*batch(UNLABELLED, UNLABELLED), mode='loss')
    zero = {name for name, value in losses.items() if value.item() == 0}
    assert zero == {
        'loss_ce', 'teacher.loss_ce', 'c2kd.loss_student_cross', 'c2kd.loss_teacher_cross', 'c2kd.selected',
    }  # fmt: skip


@pytest.mark.parametrize('taps', [None, {'proxy': 'backbone.layer4.0'}])
@pytest.mark.parametrize('side', ['student', 'teacher'])
def test_frames_are_averaged_for_the_proxy_as_for_the_classifier(side, taps):
    visual = {'modality': 'visual', 'model': network(3), 'taps': taps}
    other = {'modality': 'audio', 'model': network(1)}
    model = c2kd(visual, other) if side == 'student' else c2kd(other, visual)
    seer, seer_proxy = getattr(model, side), getattr(model, f'{side}_proxy')
    inputs, samples = batch(BOTH, BOTH, frames=3)
    losses = model(inputs, samples, mode='loss')
    read = []
    seer.backbone.layer4[1].register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        x = torch.stack([pooled(seer, frames).mean(0) for frames in inputs['visual']])
        logits = seer.head(x)
        if taps:
            x = torch.stack([frames.mean((0, 2, 3)) for frames in read])
        proxy = by_hand(seer_proxy, x)
        expected = c2kd_losses(logits, logits, proxy, proxy, torch.arange(2))[f'loss_{side}']
    assert losses[f'c2kd.loss_{side}'].item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_proxy_may_read_another_stage():
    model = c2kd(student={'taps': {'proxy': 'backbone.layer3'}}, negative_slope=0.1)
    assert model.student_proxy.adapt.in_channels == 256
    assert model.teacher_proxy.adapt.in_channels == 512
    assert model.student_proxy.activation.negative_slope == 0.1
    inputs, samples = batch(BOTH, BOTH)
    model.student_proxy.activation.negative_slope = 0.0
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        read = []
        hook = model.student.backbone.layer3.register_forward_hook(lambda _, args, out: read.append(out))
        logits = model.student(inputs['audio'])
        hook.remove()
        proxy = by_hand(model.student_proxy, read[0].mean((2, 3)))
        expected = c2kd_losses(logits, logits, proxy, proxy, torch.arange(2))['loss_student']
    assert losses['c2kd.loss_student'].item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_proxy_starts_as_in_the_published_code():
    torch.manual_seed(0)
    proxy = Proxy(256, 6)
    assert proxy.adapt.bias is None
    assert proxy.adapt.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.02)
    assert proxy.classify.weight.abs().max().item() == pytest.approx(1 / 16, rel=0.01)  # uniform, as a linear layer
    assert proxy.classify.weight.std().item() == pytest.approx(1 / 16 / 3**0.5, rel=0.05)
    assert proxy.norm.weight.eq(1).all()
    assert proxy.activation.negative_slope == 0


def test_a_lone_sample_trains():
    losses = c2kd().train()(*batch(BOTH), mode='loss')
    assert all(value.isfinite() for value in losses.values())


def segmentors():
    torch.manual_seed(0)
    models = copy.deepcopy(Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor)
    for model in models.values():
        model.backbone.init_cfg = None
        model.decode_head.dropout_ratio = model.auxiliary_head.dropout_ratio = 0.0
    return c2kd(
        student={'modality': 'rgb', 'model': models['rgb']},
        teacher={'modality': 'depth', 'model': models['depth']},
        omega=-1.1,
    )


def test_dense_proxies_classify_the_map_that_the_classifier_reads_and_void_pixels_count_nowhere():
    model = segmentors()
    for network in (model.student, model.teacher):
        network.decode_head.conv_seg.weight.data.normal_()  # a map that varies
    generator = torch.Generator().manual_seed(1)
    inputs = {'rgb': torch.randn(2, 3, 32, 48, generator=generator)}
    inputs['depth'] = torch.randn(2, 1, 32, 48, generator=generator)
    labels = torch.randint(0, 40, (2, 1, 32, 48), generator=generator)
    labels[:, :, :9] = 255
    meta = {'ori_shape': (32, 48), 'img_shape': (32, 48)}
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=meta) for label in labels]
    losses = model(inputs, samples, mode='loss')
    logits, proxies = [], []
    for network, proxy, modality in (
        (model.student, model.student_proxy, 'rgb'),
        (model.teacher, model.teacher_proxy, 'depth'),
    ):
        read = []
        hook = network.decode_head.conv_seg.register_forward_pre_hook(lambda _, args, read=read: read.append(args[0]))
        with torch.no_grad():
            out = network(inputs[modality], mode='tensor')
            classified = by_hand(proxy, read[0].movedim(1, -1)).movedim(-1, 1)
        hook.remove()
        logits.append(interpolate(out, size=(32, 48), mode='bilinear'))
        proxies.append(interpolate(classified, size=(32, 48), mode='bilinear'))
    valid = labels[:, 0] != 255
    rows = [x.movedim(1, -1)[valid] for x in (*logits, *proxies)]
    for name, value in c2kd_losses(*rows, labels[:, 0][valid], omega=-1.1).items():
        assert losses[f'c2kd.{name}'].item() == pytest.approx(value.item(), rel=1e-4), name
    assert 'teacher.decode.loss_ce' in losses
    assert losses['c2kd.selected'] == 1


def test_mixed_precision_stays_finite():
    with torch.autocast('cpu', torch.bfloat16):
        losses = c2kd().train()(*batch(BOTH, BOTH), mode='loss')
    assert all(value.isfinite() for value in losses.values())
    assert all(value.dtype == torch.float32 for value in losses.values())


def test_prediction_needs_the_students_modality_alone():
    model = c2kd()
    inputs, samples = batch(ALONE)
    predicted = model({'audio': inputs['audio']}, samples, mode='predict')
    assert predicted[0].pred_label == model.student(inputs['audio']).argmax(1)[0]


def test_what_cannot_be_meant_is_refused(tmp_path):
    teacher = dict(modality='visual', model=network(3))
    with pytest.raises(ConfigError, match=r"'visual' has no checkpoint.*`fdkd train`"):
        C2KD(dict(modality='audio', model=network(1)), teacher)
    with pytest.raises(CheckpointError, match=r'knows 4 classes, the student 5'):
        c2kd(teacher={'model': network(3, num_classes=4)})
    with pytest.raises(ConfigError, match=r"how wide 'pool' is.*taps\.proxy"):
        c2kd(student={'taps': {'proxy': 'pool'}})
    with pytest.raises(ConfigError, match=r"no tap 'nowhere'"):
        c2kd(student={'taps': {'proxy': 'nowhere'}})
