"""ReviewKD by hand and against NumPy: the pooled distances, the fusion of stages, and inputs that break naive code."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fdkd.distill.losses.review_kd import ReviewKDLoss, hcl
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES

# Shapes of student and teacher, stage by stage.
SQUARE = [((3, 4, 8, 8), (3, 5, 8, 8)), ((3, 6, 4, 4), (3, 7, 4, 4)), ((3, 8, 2, 2), (3, 9, 2, 2))]
OTHER_SIZES = [((3, 4, 7, 3), (3, 5, 6, 8)), ((3, 6, 4, 2), (3, 7, 3, 4)), ((3, 8, 2, 1), (3, 9, 1, 2))]
VECTORS = [((3, 4), (3, 5)), ((3, 6), (3, 7))]
MIXED = [((3, 4), (3, 5, 3, 2)), ((3, 6, 5, 2), (3, 7))]
ALL = pytest.mark.parametrize('shapes', [SQUARE, OTHER_SIZES, VECTORS, MIXED], ids=['square', 'other', 'vec', 'mixed'])


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stages(shapes, fill=None):
    features = [[normal(*shape, seed=3 * i + k) for k, shape in enumerate(pair)] for i, pair in enumerate(shapes)]
    student, teacher = (
        [x if fill is None else torch.full_like(x, fill) for x in side] for side in zip(*features, strict=True)
    )
    return student, teacher


def build(student, teacher, **kwargs):
    torch.manual_seed(0)
    widths = {f'{name}_channels': [x.shape[1] for x in xs] for name, xs in (('student', student), ('teacher', teacher))}
    return DISTILL_LOSSES.build(dict(type='ReviewKDLoss', **widths) | kwargs)


def pool(x, size):
    """Mean over windows of rows ``floor(i H / size)`` to ``ceil((i + 1) H / size)``, columns likewise."""
    _, _, *sides = x.shape
    windows = [[slice(i * n // size, -(-(i + 1) * n // size)) for i in range(size)] for n in sides]
    return np.stack([np.stack([x[:, :, r, c].mean((2, 3)) for c in windows[1]], -1) for r in windows[0]], -2)


def reference_hcl(student, teacher, sizes=None):
    sizes = [n for n in (4, 2, 1) if n < student.shape[2]] if sizes is None else sizes
    errors = [np.mean((student - teacher) ** 2)]
    errors += [np.mean((pool(student, n) - pool(teacher, n)) ** 2) for n in sizes]
    return np.average(errors, weights=[0.5**k for k in range(len(errors))])


def nearest(x, size):
    if size == (1, 1):  # a vector: the mean, where the nearest position would be the corner
        return x.mean((2, 3), keepdims=True)
    rows, columns = (np.arange(to) * of // to for to, of in zip(size, x.shape[2:], strict=True))
    return x[:, :, rows][:, :, :, columns]


def normalised(x):
    """A batch norm that is new: scale 1, shift 0."""
    return (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)


def reference(loss, student, teacher):
    """The whole loss in NumPy, from the module's convolutions; the attention convolves the concatenation."""
    arrays = [[x.numpy().reshape(*x.shape, *[1] * (4 - x.ndim)) for x in side] for side in (student, teacher)]
    total, deeper = 0.0, None
    for fusion, s, t in reversed(list(zip(loss.fusions, *arrays, strict=True))):
        weight = {name: p.detach().numpy() for name, p in fusion.named_parameters()}
        x = normalised(np.einsum('oc,nchw->nohw', weight['reduce.0.weight'][..., 0, 0], s))
        if deeper is not None:
            deeper = nearest(deeper, x.shape[2:])
            logits = np.einsum('oc,nchw->nohw', weight['attention.weight'][..., 0, 0], np.concatenate([x, deeper], 1))
            attention = 1 / (1 + np.exp(-logits - weight['attention.bias'][:, None, None]))
            x = x * attention[:, :1] + deeper * attention[:, 1:]
        deeper = x = nearest(x, t.shape[2:])
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        h, w = x.shape[2:]
        out = sum(
            np.einsum('oc,nchw->nohw', weight['expand.0.weight'][..., i, j], padded[:, :, i : i + h, j : j + w])
            for i in range(3)
            for j in range(3)
        )
        total += reference_hcl(normalised(out), t)
    return total


def test_pooled_distances_by_hand():
    student = torch.zeros(1, 1, 8, 8)
    student[0, 0, 0, 0] = 16
    # full 256/64 = 4; in a 4x4 cell 4, so 16/16 = 1; in a 2x2 cell 1, so 1/4; overall 1/4, so 1/16
    expected = (4 + 1 / 2 + 1 / 4 * 1 / 4 + 1 / 8 * 1 / 16) / (1 + 1 / 2 + 1 / 4 + 1 / 8)
    assert hcl(student, torch.zeros(1, 1, 8, 8)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ('height', 'width', 'sizes'),
    [(5, 5, (4, 2, 1)), (5, 2, (4, 2, 1)), (4, 8, (2, 1)), (3, 9, (2, 1)), (2, 9, (1,)), (1, 9, ())],
)
def test_only_sizes_below_the_height_count(height, width, sizes):
    student, teacher = normal(2, 3, height, width), normal(2, 3, height, width, seed=1)
    assert hcl(student, teacher).item() == pytest.approx(reference_hcl(student.numpy(), teacher.numpy(), sizes))


@pytest.mark.parametrize('shape', [(4, 6), (2, 3, 1, 1), (2, 3, 5, 2), (2, 3, 2, 5), (2, 3, 9, 9), (1, 2, 7, 13)])
@pytest.mark.parametrize('scale', [0, 1, 1e4])
def test_hcl_equals_numpy(shape, scale):
    student, teacher = scale * normal(*shape), scale * normal(*shape, seed=1)
    arrays = [x.numpy().reshape(*shape, *[1] * (4 - len(shape))) for x in (student, teacher)]
    assert hcl(student, teacher).item() == pytest.approx(reference_hcl(*arrays), rel=1e-10)


def test_equal_features_cost_nothing():
    x = normal(2, 3, 6, 4)
    assert hcl(x, x.clone()).item() == 0


@ALL
@pytest.mark.parametrize('fill', [None, 0.0, 3.0, 1e4])
def test_the_loss_equals_numpy(shapes, fill):
    student, teacher = stages(shapes, fill)
    loss = build(student, teacher, mid_channels=6).double()
    with torch.no_grad():
        for fusion in loss.fusions[:-1]:
            fusion.attention.weight.mul_(5)  # far from a sigmoid of 1/2
    expected = pytest.approx(reference(loss, student, teacher), rel=1e-8)
    assert loss(student, teacher).item() == expected
    assert loss(student, teacher, torch.zeros(3, dtype=torch.long)).item() == expected


def test_a_single_feature_is_one_stage_without_fusion():
    student, teacher = stages(OTHER_SIZES[:1])
    loss = build(student, teacher).double()
    alone = ReviewKDLoss(4, 5).double()
    alone.load_state_dict(loss.state_dict())
    assert alone(student[0], teacher[0]).equal(loss(student, teacher))
    assert alone.fusions[0].attention is None


def test_shallow_stages_review_deeper_ones_and_not_the_reverse():
    student, teacher = stages(SQUARE)
    loss = build(student, teacher).double().eval()
    for stage in range(3):  # move the teacher's stage: its gradient reaches the student's stages from there on down
        inputs = [x.clone().requires_grad_() for x in student]
        moved = [t + 100 * (i == stage) for i, t in enumerate(teacher)]
        (loss(inputs, moved) - loss(inputs, teacher)).backward()
        assert [bool(x.grad.abs().max() > 1e-8) for x in inputs] == [i >= stage for i in range(3)]


def test_resizing_goes_to_the_nearest_position():
    student, teacher = normal(2, 3, 4, 2), normal(2, 5, 2, 6)
    loss = ReviewKDLoss(3, 5).double()
    first = loss.fusions[0].reduce(student)
    expected = hcl(loss.fusions[0].expand(interpolate(first, (2, 6), mode='nearest')), teacher)
    assert loss(student, teacher).item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ('channels', 'mid', 'expected'), [([64, 512], None, 512), ([8, 1024], None, 512), ([512, 64], None, 64), (9, 5, 5)]
)
def test_stages_are_fused_in_at_most_512_channels(channels, mid, expected):
    loss = ReviewKDLoss(channels, channels, mid_channels=mid)
    assert {fusion.reduce[0].out_channels for fusion in loss.fusions} == {expected}


def test_convolutions_start_as_published():
    (fusion,) = ReviewKDLoss(256, 128, mid_channels=64).fusions
    for conv, fan_in in ((fusion.reduce[0], 256), (fusion.expand[0], 64 * 9)):
        bound = math.sqrt(3 / fan_in)
        assert conv.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert conv.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
        assert conv.bias is None


def test_gradient():
    student, teacher = stages(OTHER_SIZES[1:])
    loss = build(student, teacher, mid_channels=3).double()
    assert torch.autograd.gradcheck(lambda *s: loss(s, teacher), [x.requires_grad_() for x in student])
    loss(student, teacher).backward()
    assert all(p.grad.any() for name, p in loss.named_parameters() if name.endswith(('0.weight', 'attention.weight')))
    maps = [normal(2, 2, 5, 3, seed=seed) for seed in range(2)]
    assert torch.autograd.gradcheck(lambda s: hcl(s, maps[1]), maps[0].requires_grad_())


@ALL
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_precision_is_that_of_float32_at_least(shapes, dtype):
    student, teacher = ([x.to(dtype) for x in side] for side in stages(shapes))
    student = [x.requires_grad_() for x in student]
    wide = torch.promote_types(dtype, torch.float32)
    loss = build(student, teacher).to(wide)
    expected = loss([x.to(wide) for x in student], [x.to(wide) for x in teacher])
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(student, teacher)
        pooled = hcl(teacher[0], 0 * teacher[0])
    found.backward()
    assert found.dtype == pooled.dtype == expected.dtype
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert pooled.item() == pytest.approx(hcl(teacher[0].double(), 0 * teacher[0].double()).item(), rel=1e-6)
    assert all(x.grad.isfinite().all() for x in student)


@pytest.mark.parametrize('fill', [0.0, 5.0, 1e4, -1e4])
def test_constant_features_stay_finite(fill):
    student, teacher = ([x.float() for x in side] for side in stages(SQUARE, fill))
    student = [x.requires_grad_() for x in student]
    loss = build(student, teacher)
    value = loss(student, teacher)
    value.backward()
    assert value.isfinite()
    assert all(x.grad.isfinite().all() for x in [*student, *loss.parameters()])


@pytest.mark.parametrize(
    ('student', 'teacher'), [((1, 3), (1, 4)), ((1, 3, 2, 2), (1, 4, 1, 1)), ((1, 3, 1, 1), (1, 4, 2, 2))]
)
def test_a_batch_of_one_trains(student, teacher):
    loss = ReviewKDLoss(3, 4)
    loss(torch.rand(student), torch.rand(teacher)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in loss.parameters())


def test_a_vector_learns_from_every_position_of_a_map():
    student = torch.rand(2, 3, 4, 2, requires_grad=True)
    ReviewKDLoss(3, 4).eval()(student, torch.rand(2, 4)).backward()
    assert student.grad[0, :, 0, 0].any()
    torch.testing.assert_close(student.grad, student.grad[:, :, :1, :1].expand_as(student))


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        ((2, 3), (3, 4), r'\(2, 4, 1, 1\).*\(3, 4, 1, 1\) differ$'),
        ((2, 5), (2, 4), r'student features \(2, 5\).*student_channels \[3\]'),
        ((2, 3), (2, 5), r'teacher features \(2, 5\).*teacher_channels \[4\]'),
        ((2, 3, 4), (2, 4, 4), r'\(2, 3, 4\).*\[N, D\].*\[N, C, H, W\]'),
    ],
)
def test_shapes_that_do_not_fit_are_named(student, teacher, message):
    with pytest.raises(LossError, match=message):
        ReviewKDLoss(3, 4)(torch.rand(student), torch.rand(teacher))


def test_channels_that_do_not_fit_are_named():
    with pytest.raises(LossError, match=r'ReviewKDLoss needs the channels.*student_channels='):
        ReviewKDLoss(teacher_channels=4)
    with pytest.raises(LossError, match=r'\[3, 5\].*\[4\]'):
        ReviewKDLoss([3, 5], 4)
    with pytest.raises(LossError, match=r'\(4, 6\).*\(1, 6\)'):
        hcl(torch.zeros(4, 6), torch.zeros(1, 6))
