"""OFD by hand and against NumPy: margins, margin ReLU, the partial distance, and the loss of a list of stages."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses.ofd import OFDLoss, bn_margins, margin_relu, partial_l2
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES

MAPS = [(4, 3, 5, 2), (4, 5, 3, 2), (4, 2, 1, 1)]  # three stages of the student; the teacher has one channel more
VECTORS = [(4, 3), (4, 5)]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stages(shapes, fill=None):
    """Features of both models and the margins, as lists."""
    student = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    teacher = [normal(n, c + 1, *size, seed=9 + i) for i, (n, c, *size) in enumerate(shapes)]
    if fill is not None:
        student, teacher = ([torch.full_like(x, fill) for x in side] for side in (student, teacher))
    return student, teacher, [-normal(x.shape[1], seed=19).abs() for x in teacher]


def build(student, teacher, margins, **kwargs):
    torch.manual_seed(0)
    widths = {f'{name}_channels': [x.shape[1] for x in xs] for name, xs in (('student', student), ('teacher', teacher))}
    return DISTILL_LOSSES.build(dict(type='OFDLoss', margins=margins, **widths, **kwargs))


def reference_distance(student, teacher):
    total = 0.0
    for s, t in zip(student.flatten(), teacher.flatten(), strict=True):
        total += 0 if s <= t <= 0 else (s - t) ** 2
    return total / len(student)


def reference(loss, student, teacher, margins):
    """The whole loss in NumPy, from the module's convolutions (its batch norms being new: scale 1, shift 0)."""
    total = 0.0
    for stage, (s, t, m) in enumerate(zip(student, teacher, margins, strict=True)):
        s, t = (x.numpy().reshape(*x.shape[:2], -1) for x in (s, t))
        s = np.einsum('oc,ncp->nop', loss.stages[stage].conv.weight.detach().numpy()[..., 0, 0], s)
        s = (s - s.mean((0, 2), keepdims=True)) / np.sqrt(s.var((0, 2), keepdims=True) + 1e-5)
        total += reference_distance(s, np.maximum(t, m.numpy()[:, None])) / 2 ** (len(student) - 1 - stage)
    return loss.alpha * total


def test_margin_relu_by_hand():
    x = torch.tensor([[-3.0, -3.0], [-1.0, 2.0]])
    margin = torch.tensor([-2.0, -0.5])
    expected = torch.tensor([[-2.0, -0.5], [-1.0, 2.0]])
    assert margin_relu(x, margin).equal(expected)
    assert margin_relu(x[..., None, None].expand(2, 2, 3, 2), margin).equal(
        expected[..., None, None].expand(2, 2, 3, 2)
    )


@pytest.mark.parametrize(
    ('student', 'teacher', 'cost'),
    [(-2, -1, 0), (-1, -1, 0), (-0.5, -1, 0.25), (1, -1, 4), (-1, 0, 0), (-1, 2, 9), (3, 2, 1), (2, 2, 0)],
)
def test_the_partial_distance_by_hand(student, teacher, cost):
    student = torch.tensor([[float(student)]], requires_grad=True)
    loss = partial_l2(student, torch.tensor([[float(teacher)]]))
    loss.backward()
    assert loss.item() == cost
    assert student.grad.item() == (2 * (student.item() - teacher) if cost else 0)


def test_the_distance_is_summed_over_a_sample_and_averaged_over_the_batch():
    assert partial_l2(torch.zeros(4, 3, 2, 2), torch.full((4, 3, 2, 2), 2.0)).item() == 3 * 2 * 2 * 2**2


@pytest.mark.parametrize('shape', [(5,), (4, 6), (2, 3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize('scale', [0, 1, 1e4])
def test_the_distance_equals_numpy(shape, scale):
    student, teacher = scale * normal(*shape), scale * normal(*shape, seed=1)
    assert partial_l2(student, teacher).item() == pytest.approx(reference_distance(student.numpy(), teacher.numpy()))


def test_equal_features_cost_nothing():
    x = normal(3, 4)
    assert partial_l2(x, x.clone()).item() == 0


def test_not_a_number_is_not_hidden():
    for pair in [(torch.nan, 1.0), (torch.nan, -1.0), (0.0, torch.nan)]:
        assert partial_l2(*(torch.full((2, 2), x) for x in pair)).isnan()


@pytest.mark.parametrize('z', [-8, -1.5, 0, 0.5, 2, 3.09])
@pytest.mark.parametrize('gamma', [1.0, -0.3, 1e3])
def test_margins_are_the_mean_of_the_negative_values(z, gamma):
    sigma = abs(gamma)
    x = np.linspace(min(z, 0) - 12, 0, 400001) * sigma
    density = np.exp(-0.5 * (x / sigma - z) ** 2)
    margin = bn_margins(torch.tensor([gamma], dtype=torch.float64), torch.tensor([z * sigma], dtype=torch.float64))
    assert margin.item() == pytest.approx(np.trapezoid(x * density, x) / np.trapezoid(density, x), rel=1e-6)


@pytest.mark.parametrize(
    ('gamma', 'beta', 'margin'),
    [
        (2, 0, -2 * math.sqrt(2 / math.pi)),
        (2, 6.19, -6),  # less than one value in a thousand is negative: the published code's -3 |gamma|
        (-2, 1e4, -6),
        (1e-30, 1, -3e-30),
        (1e-30, -1, -1),
        (1, -1e4, -1e4),
        (0, -2, -2),
        (0, 2, 0),
        (0, 0, 0),
    ],
)
def test_margins_at_the_extremes(gamma, beta, margin):
    found = bn_margins(torch.tensor([float(gamma)]), torch.tensor([float(beta)]))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(margin, rel=1e-6)


def test_margins_take_parameters_of_any_type():
    weight, bias = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.tensor([-2.0, 0.0, 1.0]))
    margins = bn_margins(weight, bias)
    assert not margins.requires_grad
    assert bn_margins(weight.half(), bias.half()).equal(margins)
    assert bn_margins(weight.double(), bias.double()).dtype == torch.float64


@pytest.mark.parametrize('shapes', [MAPS, MAPS[:1], VECTORS], ids=['maps', 'one map', 'vectors'])
@pytest.mark.parametrize('fill', [None, 0.0, 3.0, 1e4])
def test_the_loss_equals_numpy(shapes, fill):
    student, teacher, margins = stages(shapes, fill)
    loss = build(student, teacher, margins, alpha=0.5).double()
    expected = pytest.approx(reference(loss, student, teacher, margins), rel=1e-9)
    assert loss(student, teacher).item() == expected
    assert loss(student, teacher, torch.zeros(4, dtype=torch.long)).item() == expected


def test_a_single_feature_is_one_stage_and_a_vector_a_map_of_one_position():
    (student,), (teacher,), (margin,) = (side[:1] for side in stages(VECTORS))
    loss = build([student], [teacher], [margin]).double()
    alone = OFDLoss(3, 4, margin).double()
    alone.load_state_dict(loss.state_dict())
    assert alone(student, teacher).equal(loss([student], [teacher]))
    assert alone(student[..., None, None], teacher[..., None, None]).equal(loss([student], [teacher]))


def test_alpha_is_the_published_codes():
    student, teacher, margins = stages(MAPS)
    assert OFDLoss(3, 4, margins[0]).alpha == 1e-3
    plain, scaled = (build(student, teacher, margins, **kw).double()(student, teacher) for kw in ({}, {'alpha': 1e-2}))
    assert scaled.item() == pytest.approx(10 * plain.item())


def test_a_teacher_below_its_margin_counts_as_at_its_margin():
    student, teacher, margins = stages(MAPS)
    loss = build(student, teacher, margins).double()
    lower = [torch.where(t < m[:, None, None], t - 5, t) for t, m in zip(teacher, margins, strict=True)]
    assert loss(student, lower).equal(loss(student, teacher))


def test_adapters_start_as_published():
    weight = OFDLoss(256, 512, -torch.ones(512)).stages[0].conv.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 512), rel=0.02)


def test_margins_are_not_saved_but_move_with_the_loss():
    margins = -torch.ones(4)
    loss = OFDLoss(3, 4, margins)
    margins.zero_()
    assert not any('margin' in key for key in loss.state_dict())
    assert loss.double().stages[0].margin.equal(-torch.ones(4, dtype=torch.float64))


def test_gradient():
    student, teacher, margins = stages(MAPS)
    loss = build(student, teacher, margins).double()
    inputs = [x.requires_grad_() for x in student]
    assert torch.autograd.gradcheck(lambda *s: loss(s, teacher), inputs)
    loss(student, teacher).backward()
    assert all(parameter.grad.any() for name, parameter in loss.named_parameters() if 'weight' in name)
    assert torch.autograd.gradcheck(lambda s: partial_l2(s, teacher[0][:, :3]), student[0])


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize('shapes', [MAPS, VECTORS], ids=['maps', 'vectors'])
def test_precision_is_that_of_float32_at_least(dtype, shapes):
    student, teacher, margins = stages(shapes)
    student, teacher = ([x.to(dtype) for x in side] for side in (student, teacher))
    student = [x.requires_grad_() for x in student]
    loss = build(student, teacher, margins).to(torch.promote_types(dtype, torch.float32))
    expected = loss([x.to(loss.stages[0].margin) for x in student], [x.to(loss.stages[0].margin) for x in teacher])
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(student, teacher)
    found.backward()
    assert found.dtype == expected.dtype
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert all(x.grad.isfinite().all() for x in student)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_functions_compute_in_float32_at_least(dtype):
    student, teacher, margin = (x.to(dtype) for x in (300 * normal(8, 64), 300 * normal(8, 64, seed=1), -normal(64)))
    relu = margin_relu(teacher, margin)
    assert relu.dtype == torch.float32
    assert relu.equal(torch.maximum(teacher.float(), margin.float()))
    found, expected = partial_l2(student, teacher), partial_l2(student.double(), teacher.double())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('fill', [0.0, 5.0, 1e4, -1e4])
def test_constant_features_stay_finite(fill):
    student, teacher, margins = stages(MAPS, fill)
    student = [x.float().requires_grad_() for x in student]
    loss = build(student, teacher, margins)
    value = loss(student, [x.float() for x in teacher])
    value.backward()
    assert value.isfinite()
    assert all(x.grad.isfinite().all() for x in [*student, *loss.parameters()] if x.grad is not None)


def test_a_lone_vector_is_normalised_as_in_evaluation():
    loss, pair = OFDLoss(3, 4, -torch.ones(4)), (torch.rand(1, 3), torch.rand(1, 4))
    assert loss(*pair).equal(loss.eval()(*pair))


@pytest.mark.parametrize('margins', [None, [-torch.ones(4), None]])
def test_missing_margins_are_explained(margins):
    with pytest.raises(LossError, match=r'no batch norm.*BERT'):
        OFDLoss([3, 3], [4, 4], margins)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((None, 4, -torch.ones(4)), r'OFDLoss needs the channels.*student_channels='),
        (([3, 5], 4, -torch.ones(4)), r'\[3, 5\].*\[4\]'),
        ((3, 4, -torch.ones(5)), r'margins \[\(5,\)\] for teacher_channels \[4\]'),
        (([3, 3], [4, 4], [-torch.ones(4)]), r'margins \[\(4,\)\] for teacher_channels \[4, 4\]'),
    ],
)
def test_arguments_that_do_not_fit_are_named(args, message):
    with pytest.raises(LossError, match=message):
        OFDLoss(*args)


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        ((2, 3, 5, 2), (2, 4, 2, 2), r"\(2, 4, 5, 2\).*\(2, 4, 2, 2\).*add connector=dict\(type='Resize'\) to"),
        ((2, 3), (2, 4, 1, 1), r'\(2, 3\).*\(2, 4, 1, 1\) differ$'),
        ((2, 3), (3, 4), r'\(2, 4, 1, 1\).*\(3, 4, 1, 1\) differ$'),
        ((2, 5), (2, 4), r'student features \(2, 5\).*student_channels \[3\]'),
        ((2, 3, 4), (2, 4, 4), r'\(2, 3, 4\).*\[N, D\].*\[N, C, H, W\]'),
    ],
)
def test_shapes_that_do_not_fit_are_named(student, teacher, message):
    with pytest.raises(LossError, match=message):
        OFDLoss(3, 4, -torch.ones(4))(torch.rand(student), torch.rand(teacher))


def test_functions_refuse_shapes_that_differ():
    with pytest.raises(LossError, match=r'\(4, 6\).*\(1, 6\)'):
        partial_l2(torch.zeros(4, 6), torch.zeros(1, 6))
    with pytest.raises(LossError, match=r'margins \(1,\).*\(2, 3\)'):
        margin_relu(torch.zeros(2, 3), torch.zeros(1))
