"""C2KD's losses against NumPy and SciPy: what is selected, what is fixed, what each one trains."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from fdkd.distill.losses.c2kd import OFSDLoss, c2kd_losses, ofsd_loss
from fdkd.registry import DISTILL_LOSSES

NAMES = ('student', 'teacher', 'student_proxy', 'teacher_proxy')
#: What each loss trains, and what it is drawn towards, which is fixed.
PAIRS = {
    'loss_student': ('student', 'student_proxy'),
    'loss_student_proxy': ('student_proxy', 'student'),
    'loss_student_cross': ('student_proxy', 'teacher_proxy'),
    'loss_teacher': ('teacher', 'teacher_proxy'),
    'loss_teacher_proxy': ('teacher_proxy', 'teacher'),
    'loss_teacher_cross': ('teacher_proxy', 'student_proxy'),
}


def logits(samples=12, classes=5, number=4, scale=2.0):
    generator = torch.Generator().manual_seed(0)
    shape = (samples, classes)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(number)]


def classes_of(samples=12, classes=5):
    return torch.arange(samples) % classes


def kl(own, fixed):
    """KL(fixed || own) of two rows of logits."""
    log_p, log_q = (x - x.max() - np.log(np.exp(x - x.max()).sum()) for x in (own, fixed))
    return (np.exp(log_q) * (log_q - log_p)).sum()


def tau(a, b):
    return np.nan_to_num(kendalltau(a, b).statistic)


def ofsd(own, fixed, target, omega=0.0):
    """Row by row; rows without a label are passed over."""
    rows = [
        kl(np.delete(s, y), np.delete(t, y)) * (tau(s, t) > omega)
        for s, t, y in zip(own.numpy(), fixed.numpy(), target.tolist(), strict=True)
        if y >= 0
    ]
    return sum(rows) / max(len(rows), 1)


def as_maps(*tensors):
    """12 rows as two images of 2 x 3 pixels."""
    return [x.view(2, 2, 3, -1).permute(0, 3, 1, 2) for x in tensors]


def test_by_hand():
    student = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    teacher = torch.log(torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]]))
    expected = 0.75 * np.log(0.75 / 0.6) + 0.25 * np.log(0.25 / 0.4)  # classes 1 and 2 of the first sample
    assert ofsd_loss(student, teacher, torch.tensor([0, 0])).item() == pytest.approx(expected / 2, rel=1e-5)


@pytest.mark.parametrize('omega', [-1.1, 0.0, 0.3])
def test_ofsd_equals_numpy_and_the_module_equals_the_function(omega):
    student, teacher = logits(number=2)
    target = classes_of()
    loss = ofsd_loss(student, teacher, target, omega=omega)
    assert loss.item() == pytest.approx(ofsd(student, teacher, target, omega), rel=1e-12)
    built = DISTILL_LOSSES.build(dict(type='OFSDLoss', omega=omega))
    assert isinstance(built, OFSDLoss)
    assert built(student, teacher, target).equal(loss)


def test_the_threshold_itself_is_not_passed():
    student, teacher = torch.tensor([[0.0, 1.0, 2.0, 3.0]]), torch.tensor([[3.0, 1.0, 0.0, 7.0]])  # three pairs of six
    assert ofsd_loss(student, teacher, torch.tensor([3])).item() == 0
    assert ofsd_loss(student, teacher, torch.tensor([3]), omega=-0.01).item() > 0


@pytest.mark.parametrize('case', ['random', 'constant', 'zero', 'huge', 'one class'])
def test_all_parts_equal_numpy(case):
    parts = dict(zip(NAMES, logits(), strict=True))
    target = classes_of()
    if case == 'constant':
        parts['student_proxy'] = torch.full((12, 5), 3.0, dtype=torch.float64)
    elif case == 'zero':
        parts = {name: torch.zeros(12, 5, dtype=torch.float64) for name in NAMES}
    elif case == 'huge':
        parts = dict(zip(NAMES, logits(scale=1e4), strict=True))
    elif case == 'one class':
        target = torch.full((12,), 2)
    found = c2kd_losses(**parts, target=target)
    for name, (own, fixed) in PAIRS.items():
        own, fixed = parts[own], parts[fixed]
        rows = zip(own.numpy(), fixed.numpy(), strict=True)
        expected = ofsd(own, fixed, target) if 'cross' in name else np.mean([kl(s, t) for s, t in rows])
        assert found[name].item() == pytest.approx(expected, rel=1e-12, abs=1e-12), name
    proxies = zip(parts['student_proxy'].numpy(), parts['teacher_proxy'].numpy(), strict=True)
    assert found['selected'].item() == pytest.approx(np.mean([tau(s, t) > 0 for s, t in proxies]))


def test_the_weights_scale_their_pairs():
    plain = c2kd_losses(*logits(), classes_of())
    weighted = c2kd_losses(*logits(), classes_of(), lambda_1=2.0, lambda_2=3.0, lambda_3=5.0)
    factors = {
        'teacher': 2,
        'teacher_proxy': 2,
        'student': 3,
        'student_proxy': 3,
        'student_cross': 5,
        'teacher_cross': 5,
    }
    for name, factor in factors.items():
        assert weighted[f'loss_{name}'].item() == pytest.approx(factor * plain[f'loss_{name}'].item(), rel=1e-12)


@pytest.mark.parametrize('name', PAIRS)
def test_a_loss_trains_one_side_and_holds_the_other(name):
    parts = {key: x.requires_grad_() for key, x in zip(NAMES, logits(), strict=True)}
    c2kd_losses(**parts, target=classes_of())[name].backward()
    assert {key for key, x in parts.items() if x.grad is not None and x.grad.any()} == {PAIRS[name][0]}


def test_the_target_has_no_part_across_models_but_in_the_selection():
    student, teacher = logits(number=2)
    target = classes_of()
    student.requires_grad_()
    ofsd_loss(student, teacher, target, omega=-1.1).backward()
    assert student.grad.gather(1, target[:, None]).eq(0).all()
    assert student.grad.any(1).all()
    low = teacher.scatter(1, target[:, None], -50.0)
    assert ofsd_loss(student, low, target, omega=-1.1).item() == ofsd_loss(student, teacher, target, omega=-1.1).item()
    assert ofsd_loss(student, low, target).item() != ofsd_loss(student, teacher, target).item()


def test_equal_models_cost_nothing_and_keep_everything():
    x = logits(number=1)[0]
    found = c2kd_losses(x, x.clone(), x.clone(), x.clone(), classes_of())
    assert found.pop('selected').item() == 1
    for loss in (*found.values(), ofsd_loss(x, x.clone(), classes_of())):
        assert loss.item() == pytest.approx(0, abs=1e-14)


def test_gradients():
    parts = [x[:3].requires_grad_() for x in logits()]
    # finite differences see both sides move: the fixed ones are given as constants
    fixed = [x.detach() for x in parts]
    target = classes_of(3)
    for name, (own, _) in PAIRS.items():
        place = NAMES.index(own)

        def loss(x, place=place, name=name):
            return c2kd_losses(*fixed[:place], x, *fixed[place + 1 :], target, omega=-1.1)[name]

        assert torch.autograd.gradcheck(loss, parts[place])
    assert torch.autograd.gradcheck(lambda s: ofsd_loss(s, fixed[1], target, omega=-1.1), parts[0])


def test_samples_without_a_label_count_between_a_model_and_its_proxy_alone():
    target = classes_of()
    target[7:] = -1
    found, labelled = c2kd_losses(*logits(), target), c2kd_losses(*(x[:7] for x in logits()), target[:7])
    everything = c2kd_losses(*logits(), classes_of())
    for name in PAIRS:
        expected = labelled if 'cross' in name else everything
        assert found[name].item() == pytest.approx(expected[name].item(), rel=1e-12)
    assert found['selected'].item() == labelled['selected'].item()


def test_void_pixels_count_nowhere():
    target = classes_of()
    target[::3] = 255
    valid = target != 255
    found = c2kd_losses(*as_maps(*logits()), target.view(2, 2, 3))
    expected = c2kd_losses(*(x[valid] for x in logits()), target[valid])
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-12)
    student, teacher = logits(number=2)
    loss = ofsd_loss(*as_maps(student, teacher), target.view(2, 2, 3))
    assert loss.item() == pytest.approx(ofsd_loss(student[valid], teacher[valid], target[valid]).item(), rel=1e-12)


@pytest.mark.parametrize('label', [-1, 0])
@pytest.mark.parametrize('fill', [0.0, 1e4, -1e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('samples', [1, 4])
def test_degenerate_inputs_stay_finite(fill, label, dtype, samples):
    target = torch.full((samples,), label)
    parts = [(fill * torch.eye(samples, 3) + own).to(dtype).requires_grad_() for own in (0, 1, 1e4, -1e4)]
    losses = [*c2kd_losses(*parts, target).values(), ofsd_loss(parts[0], parts[1].detach(), target)]
    sum(losses).backward()
    assert all(loss.isfinite() for loss in losses)
    assert all(x.grad.isfinite().all() for x in parts)


def test_only_void_pixels_cost_nothing():
    found = c2kd_losses(*as_maps(*logits()), torch.full((2, 2, 3), 255))
    assert all(value.item() == 0 for value in found.values())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    parts = [x.to(dtype) for x in logits(64, 10)]
    target = classes_of(64, 10)
    expected = c2kd_losses(*(x.double() for x in parts), target)
    with torch.autocast('cpu', torch.bfloat16):
        found = c2kd_losses(*parts, target)
        one_way = ofsd_loss(parts[2], parts[3], target)
    for name, value in expected.items():
        assert found[name].dtype == torch.float32
        assert found[name].item() == pytest.approx(value.item(), rel=1e-5)
    assert one_way.item() == pytest.approx(expected['loss_student_cross'].item(), rel=1e-5)
    with torch.autocast('cpu', torch.bfloat16):
        same = c2kd_losses(*(x.float() for x in parts), target)
    assert all(same[name].item() == pytest.approx(found[name].item(), rel=1e-6) for name in found)


@pytest.mark.parametrize('place', range(4))
def test_shapes_that_differ_are_named(place):
    parts = logits()
    parts[place] = parts[place][:, :4]
    with pytest.raises(ValueError, match=r'\(12, [45]\).*\(12, [45]\).*differ'):
        c2kd_losses(*parts, classes_of())


def test_what_has_no_meaning_is_refused():
    student, teacher = logits(number=2)
    for call in (OFSDLoss(), lambda s, t, y: c2kd_losses(s, t, s, t, y)):
        with pytest.raises(ValueError, match='needs labels'):
            call(student, teacher, None)
        with pytest.raises(ValueError, match='K >= 2'):
            call(student[:, :1], teacher[:, :1], classes_of())
        with pytest.raises(ValueError, match=r'\(3,\).*\(12, 5\)'):
            call(student, teacher, classes_of(3))
    with pytest.raises(ValueError, match=r'\(12, 5\).*\(12, 4\)'):
        ofsd_loss(student, teacher[:, :4], classes_of())


def test_two_classes_leave_nothing_to_tell_across():
    found = c2kd_losses(*logits(classes=2), classes_of(classes=2))
    assert found['loss_student_cross'].item() == 0 == found['loss_teacher_cross'].item()
    assert found['loss_student'].item() > 0
