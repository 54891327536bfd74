"""AFD by hand and against NumPy with its parameters, its invariances, single samples, and stages that do not fit."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses import afd
from fdkd.distill.losses.afd import AFDLoss, attended_distance
from fdkd.registry import DISTILL_LOSSES

STUDENT = [(5, 3, 6, 7), (5, 4, 3, 5), (5, 6)]  # maps and a vector
TEACHER = [(5, 2, 4, 4), (5, 5, 4, 4), (5, 3, 2, 8), (5, 7, 3)]  # maps and a sequence


def draw(*shapes, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


def stages(dtype=torch.float64, samples=5):
    both = draw(*STUDENT, *TEACHER, dtype=dtype)
    both = [stage[:samples] for stage in both]
    return both[: len(STUDENT)], both[len(STUDENT) :]


def build(dtype=torch.float64, **kwargs):
    torch.manual_seed(0)
    config = dict(type='AFDLoss', student_channels=[3, 4, 6], teacher_channels=[2, 5, 3, 3], qk_dim=8)
    loss = DISTILL_LOSSES.build(config | kwargs).to(dtype)
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return loss


def pool(x, size):
    """Means over areas: bin i of n covers floor(i * length / n) to ceil((i + 1) * length / n)."""
    for axis, bins in zip((1, 2), size, strict=True):
        length = x.shape[axis]
        edges = [(i * length // bins, -(-(i + 1) * length // bins)) for i in range(bins)]
        x = np.stack([x.take(range(*edge), axis).mean(axis) for edge in edges], axis)
    return x


def unit(x):
    return x / max(np.linalg.norm(x), 1e-12)


def numpy_distance(query, key, position, student_maps, teacher_maps):
    total = 0
    for n in range(len(query)):
        for t, teacher_map in enumerate(teacher_maps):
            scores = np.array([query[n, t] @ key[n, s, t] + position[t, s] for s in range(len(student_maps))])
            scores = np.exp(scores / math.sqrt(query.shape[2]))
            for s, student_map in enumerate(student_maps):
                resized = pool(student_map, teacher_map.shape[1:])[n]
                difference = unit(resized.ravel()) - unit(teacher_map[n].ravel())
                total += scores[s] / scores.sum() * np.square(difference).mean() / len(query)
    return total


def numpy_layer(layer, x):
    x = x @ layer[0].weight.detach().numpy().T + layer[0].bias.detach().numpy()
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    return x * layer[1].weight.detach().numpy() + layer[1].bias.detach().numpy()


def numpy_loss(loss, student, teacher):
    def as_map(x):
        x = x.detach().numpy()
        return np.moveaxis(x, 2, 1)[..., None] if x.ndim == 3 else x.reshape(*x.shape, *[1] * (4 - x.ndim))

    student, teacher = [as_map(x) for x in student], [as_map(x) for x in teacher]
    n, s, t = len(student[0]), len(student), len(teacher)
    query = np.stack([numpy_layer(f, x.mean((2, 3))) for f, x in zip(loss.query, teacher, strict=True)], 1)
    key = np.stack([numpy_layer(f, x.mean((2, 3))).clip(0) for f, x in zip(loss.key, student, strict=True)], 1)
    key = numpy_layer(loss.bilinear, key.reshape(n * s, -1)).reshape(n, s, t, -1)
    position = loss.teacher_position.detach().numpy() @ loss.student_position.detach().numpy().T
    energies = [[(x**2).mean(1) for x in maps] for maps in (student, teacher)]
    return loss.beta * numpy_distance(query, key, position, *energies)


def test_distance_by_hand():
    query = torch.tensor([[[2.0, 0.0, 0.0, 0.0]]])
    key = torch.tensor([[[[math.log(3), 5.0, 0.0, 0.0]], [[0.0, 0.0, 7.0, 0.0]]]])  # attention 3 / 4 and 1 / 4
    teacher = torch.tensor([[[3.0, 4.0]]])
    student = [torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[8.0, 8.0, 6.0, 6.0]]])]  # units (1, 0), (0.8, 0.6)
    expected = 3 / 4 * (0.4**2 + 0.8**2) / 2 + 1 / 4 * (0.2**2 + 0.2**2) / 2
    value = attended_distance(query, key, torch.zeros(1, 2), student, [teacher])
    assert value.item() == pytest.approx(expected, rel=1e-6)
    position = torch.tensor([[0.0, 2 * math.log(3)]])  # makes both weights 1 / 2
    value = attended_distance(query, key, position, student, [teacher])
    assert value.item() == pytest.approx(((0.4**2 + 0.8**2) / 2 + 0.2**2) / 2, rel=1e-6)


@pytest.mark.parametrize('scale', [1.0, 0.0, 1e4])
def test_distance_equals_numpy(scale):
    query, key, position = draw((3, 2, 4), (3, 3, 2, 4), (2, 3))
    student = [scale * x**2 for x in draw((3, 6, 7), (3, 3, 5), (3, 1, 1))]
    teacher = [x**2 for x in draw((3, 4, 4), (3, 2, 8), seed=1)]
    expected = numpy_distance(query.numpy(), key.numpy(), position.numpy(), *map(arrays, (student, teacher)))
    assert attended_distance(query, key, position, student, teacher).item() == pytest.approx(expected, rel=1e-12)


def arrays(tensors):
    return [x.numpy() for x in tensors]


@pytest.mark.parametrize('beta', [200.0, 1.0])
def test_module_equals_numpy(beta):
    loss, (student, teacher) = build(beta=beta), stages()
    assert isinstance(loss, AFDLoss)
    value = loss(student, teacher)
    assert value.item() == pytest.approx(numpy_loss(loss, student, teacher), rel=1e-10)
    assert loss(student, teacher, torch.zeros(5, dtype=torch.long)).equal(value)


def test_defaults_are_those_of_the_public_code():
    loss = AFDLoss([3, 4], [5, 6, 7])
    assert loss.beta == 200
    assert loss.bilinear[0].weight.shape == (3 * 128, 128)
    assert loss.teacher_position.std().item() == pytest.approx(math.sqrt(2 / (3 + 128)), rel=0.2)


def test_gradient_of_the_distance():
    inputs = [x.requires_grad_() for x in draw((2, 2, 3), (2, 2, 2, 3), (2, 2), (2, 3, 4), (2, 2, 2))]
    teacher = draw((2, 2, 3), (2, 1, 2), seed=1)
    assert torch.autograd.gradcheck(lambda q, k, p, *maps: attended_distance(q, k, p, maps, teacher), inputs)


def test_gradient_of_the_module():
    loss, (student, teacher) = build(), stages(samples=3)
    inputs = [x.requires_grad_() for x in student]
    assert torch.autograd.gradcheck(lambda *student: loss(student, teacher), inputs, fast_mode=True)
    loss(student, teacher).backward()
    assert all(parameter.grad is not None for parameter in loss.parameters())


def test_the_strength_of_a_map_changes_nothing():
    query, key, position, a, b, teacher = draw((3, 1, 4), (3, 2, 1, 4), (1, 2), (3, 6, 7), (3, 3, 5), (3, 4, 4))
    expected = attended_distance(query, key, position, [a, b], [teacher]).item()
    assert attended_distance(query, key, position, [7 * a, b], [teacher]).item() == pytest.approx(expected, rel=1e-12)
    assert attended_distance(query, key, position, [a, b], [9 * teacher]).item() == pytest.approx(expected, rel=1e-12)


def test_equal_maps_make_the_attention_irrelevant():
    query, key, position, a, teacher = draw((3, 1, 4), (3, 2, 1, 4), (1, 2), (3, 6, 7), (3, 4, 4))
    expected = attended_distance(query, key, position, [a, a], [teacher]).item()
    assert attended_distance(-3 * query, key, position + 1, [a, a], [teacher]).item() == pytest.approx(expected)


def test_a_student_equal_to_the_teacher_costs_nothing_where_stages_attend_to_themselves():
    maps = draw((3, 2, 4, 4), (3, 5, 3, 2))
    loss = AFDLoss([2, 5], [2, 5], qk_dim=2).double()
    assert loss(maps, maps).item() > 1
    with torch.no_grad():
        loss.teacher_position.copy_(1e3 * torch.eye(2))
        loss.student_position.copy_(torch.eye(2))
    assert loss(maps, maps).item() == pytest.approx(0, abs=1e-9)


def test_each_map_is_resized_once_for_each_size(monkeypatch):
    sizes = []

    def spy(x, size):
        sizes.append(tuple(size))
        return torch.nn.functional.adaptive_avg_pool2d(x, size)

    monkeypatch.setattr(afd, 'adaptive_avg_pool2d', spy)
    build()(*stages())
    assert sizes == 3 * [(4, 4)] + 3 * [(2, 8)] + 3 * [(7, 1)]


def test_a_tensor_is_a_single_stage():
    student, teacher = draw((4, 3, 5, 5), (4, 2, 3, 3))
    loss = AFDLoss(3, 2).double()
    units = [
        (x / x.norm(dim=1, keepdim=True)).numpy()
        for x in (
            torch.tensor(pool(student.square().mean(1).numpy(), (3, 3))).flatten(1),
            teacher.square().mean(1).flatten(1),
        )
    ]
    assert loss(student, teacher).item() == pytest.approx(200 * np.square(units[0] - units[1]).mean(), rel=1e-9)


def test_one_sample_passes_by_the_running_averages_and_leaves_them():
    loss, (student, teacher) = build(), stages(samples=1)
    before = {name: buffer.clone() for name, buffer in loss.named_buffers()}
    value = loss(student, teacher)
    for name, buffer in loss.named_buffers():
        # Three student stages are three rows of the bilinear layer, which has a deviation.
        assert buffer.equal(before[name]) == (not name.startswith('bilinear')), name
    loss.eval()
    loss.bilinear.train()
    assert loss(student, teacher).item() == pytest.approx(value.item(), rel=1e-12)


@pytest.mark.parametrize('samples', [1, 5])
@pytest.mark.parametrize('fill', [0.0, 1.0, 1e4])
def test_constant_stages_stay_finite(fill, samples):
    loss, (student, teacher) = build(torch.float32), stages(torch.float32, samples)
    student = [torch.full_like(x, fill, requires_grad=True) for x in student]
    value = loss(student, teacher)
    value.backward()
    assert value.isfinite()
    assert all(x.grad.isfinite().all() for x in [*student, *loss.parameters()])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_and_autocast_are_compared_in_float32(dtype):
    loss = build(torch.float32)
    student, teacher = ([300 * x for x in model] for model in stages(dtype))
    expected = loss([x.float() for x in student], [x.float() for x in teacher])
    student = [x.requires_grad_() for x in student]
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(student, teacher)
    value.backward()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert value.item() == pytest.approx(
        numpy_loss(loss, [x.float() for x in student], [x.float() for x in teacher]), rel=1e-3
    )
    assert all(x.grad.isfinite().all() for x in student)


def test_the_function_is_safe_under_autocast():
    inputs = draw((3, 1, 64), (3, 2, 1, 64), (1, 2), dtype=torch.float32)
    maps = draw((3, 6, 7), (3, 3, 5), (3, 4, 4), dtype=torch.float32)
    expected = attended_distance(*inputs, maps[:2], maps[2:]).item()
    with torch.autocast('cpu', torch.bfloat16):
        assert attended_distance(*inputs, maps[:2], maps[2:]).item() == pytest.approx(expected, rel=1e-6)


def test_float64_stays_float64():
    with torch.autocast('cpu', torch.bfloat16):
        value = build()(*stages())
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(numpy_loss(build(), *stages()), rel=1e-10)


@pytest.mark.parametrize('missing', ['student_channels', 'teacher_channels'])
def test_missing_channels_are_asked_for(missing):
    channels = dict(student_channels=[3], teacher_channels=[4]) | {missing: None}
    with pytest.raises(ValueError, match=r'add student_channels=\[...\] and teacher_channels'):
        AFDLoss(**channels)


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        ([(4, 3, 2, 2)], [(4, 5, 2, 2)], r'\(4, 3, 2, 2\).*\(4, 5, 2, 2\).*student_channels=\[3, 6\]'),
        ([(4, 3, 2, 2), (4, 6)], [(4, 4, 2, 2)], r'\(4, 4, 2, 2\).*expected \[N, C\].*teacher_channels=\[5\]'),
        ([(4, 3, 2, 2), (4, 6)], [(5,)], r'\(5,\).*expected \[N, C\]'),
        ([(4, 3, 2, 2), (4, 6)], [(4, 5, 2, 2, 2)], r'expected \[N, C\]'),
        ([(4, 3, 2, 2), (2, 6)], [(4, 5, 2, 2)], r'\(2, 6\).*batches differ'),
        ([(4, 3, 2, 2), (4, 6)], [(2, 5, 2, 2)], r'\(2, 5, 2, 2\).*batches differ'),
        ([(4, 3), (4, 6)], [(4, 5, 2, 2)], r'\(4, 3\).*\(4, 5, 2, 2\).*several positions'),
        ([(4, 3, 2, 2), (4, 6)], [(4, 5)], r'\(4, 5\).*several positions'),
    ],
)
def test_stages_that_do_not_fit_are_named(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        AFDLoss([3, 6], 5)([torch.zeros(x) for x in student], [torch.zeros(x) for x in teacher])
