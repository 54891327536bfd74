"""The closed gradient against autograd through the plain formulation, and against finite differences."""

import pytest
import torch

from fdkd.distill.decouplers import FourierDecoupler, PermutedDecoupler, RandomBandDecoupler
from fdkd.distill.losses import closed_gradient
from fdkd.distill.losses.closed_gradient import EPS, applies_to, band_distances
from fdkd.distill.losses.fdkd import FDKDLoss, band_distance

SHAPES = [(4, 16), (3, 15), (2, 512), (3, 9, 8), (2, 7, 6, 5), (2, 3, 8, 12)]
DECOUPLERS = [
    FourierDecoupler(),
    FourierDecoupler(cutoff=0.25),
    FourierDecoupler(mask='radial'),
    FourierDecoupler(cutoff=1.0),  # the high band is empty
    FourierDecoupler(cutoff=0.0),  # the low one
    PermutedDecoupler(seed=2),
    RandomBandDecoupler(seed=2),
]
every_shape = pytest.mark.parametrize('shape', SHAPES)
every_decoupler = pytest.mark.parametrize(
    'decoupler', DECOUPLERS, ids=lambda x: f'{type(x).__name__}-{x.cutoff}-{x.mask}'
)


def pair(*shape, dtype=torch.float64):
    """A student and a teacher of different scale and mean; the first vector of each is nothing but its mean."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    x, y = 2 * x + 1, 0.5 * y - 3
    x[0], y[-1] = 1.5, -0.5
    return x.to(dtype).requires_grad_(), y.to(dtype)


def plain(student, teacher, decoupler, log=True):
    """Low and high sum of squares through autograd, and the bands."""
    dims, ours, theirs = decoupler.dims(student), decoupler(student), decoupler(teacher)
    sums = [
        band_distance(a, b, dims, log=log and band == 'high') * student.numel()
        for band, a, b in zip(('low', 'high'), ours, theirs, strict=True)
    ]
    return (*sums, ours, theirs)


def gradient(value, student):
    return torch.autograd.grad(value, student, retain_graph=True)[0]


@every_shape
@every_decoupler
@pytest.mark.parametrize('log', [True, False])
@pytest.mark.parametrize('bands', [True, False])
def test_values_and_gradients_are_those_of_autograd(shape, decoupler, log, bands):
    student, teacher = pair(*shape)
    found = band_distances(student, teacher, decoupler, log=log, bands=bands)
    low, high, ours, theirs = plain(student, teacher, decoupler, log)
    for value, expected in ((found.low, low), (found.high, high)):
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradient(value, student), gradient(expected, student), rtol=1e-10, atol=1e-10)
    if bands:
        for band, expected in zip((*found.student, *found.teacher), (*ours, *theirs), strict=True):
            torch.testing.assert_close(band, expected, rtol=1e-10, atol=1e-12)


@every_shape
@pytest.mark.parametrize('decoupler', [decoupler for decoupler in DECOUPLERS if 0 < decoupler.cutoff < 1])
def test_float32_is_as_good_as_autograd(shape, decoupler):
    """Vectors that are constant but for rounding, and bands without a bin, are left out: what is there is rounding."""
    exact, teacher = (x.detach()[1:-1] for x in pair(4, *shape[1:]))
    exact.requires_grad_()
    student = exact.detach().float().requires_grad_()
    found = band_distances(student, teacher.float(), decoupler)
    single = plain(student, teacher.float(), decoupler)
    for value, expected, autograd in zip(found[:2], plain(exact, teacher, decoupler)[:2], single[:2], strict=True):
        torch.testing.assert_close(value.double(), expected, rtol=2e-6, atol=1e-12)
        expected = gradient(expected, exact)
        ours, theirs = ((gradient(x, student) - expected).norm() for x in (value, autograd))
        assert ours <= 1.5 * theirs + 1e-6 * expected.norm()


@every_shape
def test_gradient_of_distances_and_bands_together(shape):
    student, teacher = pair(*shape)
    student.data[0] = torch.randn(shape[1:], generator=torch.Generator().manual_seed(1))  # the norm has no slope at 0

    def everything(x):
        found = band_distances(x, teacher, FourierDecoupler(), bands=True)
        return 0.3 * found.low, found.high, found.student.low.square(), found.student.high

    assert torch.autograd.gradcheck(everything, student)


@pytest.mark.parametrize('band', ['low', 'high'])
def test_one_band_alone_gives_the_feature_its_gradient(band):
    student, teacher = pair(4, 16)
    found = band_distances(student, teacher, FourierDecoupler(), bands=True)
    weight = torch.arange(16.0)
    expected = (getattr(closed_gradient.Bands(*FourierDecoupler()(student)), band) * weight).sum()
    torch.testing.assert_close(
        gradient((getattr(found.student, band) * weight).sum(), student), gradient(expected, student)
    )


@pytest.mark.parametrize(('low', 'high'), [(True, False), (False, True)])
def test_what_is_not_asked_for_is_none(low, high):
    student, teacher = pair(2, 3, 6, 5)
    found = band_distances(student, teacher, FourierDecoupler(), low=low, high=high)
    expected = plain(student, teacher, FourierDecoupler())
    assert (found.low is None, found.high is None) == (not low, not high)
    value, wanted = (found.low, expected[0]) if low else (found.high, expected[1])
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(gradient(value, student), gradient(wanted, student))


@pytest.mark.parametrize('scale', [0.1 * EPS, 0.9 * EPS, 2 * EPS])
@pytest.mark.parametrize('which', ['student', 'teacher'])
def test_bands_about_as_short_as_the_least_norm(scale, which):
    student, teacher = pair(4, 16)
    short = student if which == 'student' else teacher
    wave = torch.cos(torch.arange(16) * torch.pi / 4) + torch.cos(torch.arange(16) * 3 * torch.pi / 4)
    short.data[1] = scale * wave.double() / wave.norm()
    found, expected = band_distances(student, teacher, FourierDecoupler()), plain(student, teacher, FourierDecoupler())
    for value, wanted in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradient(value, student), gradient(wanted, student), rtol=1e-7, atol=1e-10)


def test_arguments_are_left_alone_and_backward_may_be_repeated():
    student, teacher = pair(2, 3, 6, 5)
    before = student.detach().clone(), teacher.clone()
    found = band_distances(student, teacher, FourierDecoupler())
    first, weighted = gradient(found.high, student), gradient(3 * found.high - found.low, student)
    torch.testing.assert_close(weighted, 3 * first - gradient(found.low, student))
    assert torch.equal(student, before[0])
    assert torch.equal(teacher, before[1])


def test_kept_for_backward_are_two_tensors_of_the_students_size():
    student, teacher = pair(2, 3, 6, 5)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.shape) or x, lambda x: x):
        band_distances(student, teacher, FourierDecoupler())
    assert kept == [student.shape] * 2


def test_without_gradient_nothing_is_kept():
    student, teacher = pair(4, 16)
    with torch.no_grad():
        found = band_distances(student, teacher, FourierDecoupler())
    assert not found.low.requires_grad
    torch.testing.assert_close(found.high, plain(student, teacher, FourierDecoupler())[1])


class Soft(FourierDecoupler):
    """Halves the low band: no projection."""

    def smooth(self, x, dims):
        return super().smooth(x, dims) / 2


def test_only_decouplers_that_are_known_to_project():
    assert all(applies_to(decoupler) for decoupler in DECOUPLERS)
    assert not applies_to(FourierDecoupler(keep_dc=True))
    assert not applies_to(Soft())


def test_the_loss_takes_it_only_where_it_applies(monkeypatch):
    """A decoupler of one's own, and a teacher that has a gradient, go through autograd."""
    monkeypatch.setattr(closed_gradient, 'band_distances', None)
    student, teacher = (x.detach()[1:3] for x in pair(4, 16))
    loss, with_soft = (FDKDLoss(align=False, band_task=False) for _ in range(2))
    with_soft.decoupler = Soft()
    assert torch.autograd.gradcheck(lambda x: sum(with_soft(x, teacher).values()), student.requires_grad_())
    assert torch.autograd.gradcheck(lambda x: sum(loss(student, x).values()), teacher.clone().requires_grad_())
    with pytest.raises(TypeError):
        loss(student, teacher)
