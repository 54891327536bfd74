"""FAM against the full complex filter in NumPy, by hand, its gradients, its precision, and shapes that do not fit."""

import numpy as np
import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

from fdkd.distill.losses.fam import FAMLoss, FrequencyAttention, filter_frequencies, half_spectrum, high_pass
from fdkd.registry import DISTILL_LOSSES

SIZES = [(4, 4), (3, 5), (4, 5), (5, 2), (1, 3), (2, 1), (1, 1)]


def maps(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def full_filter(size, channels, out):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(*size, channels, out, generator=generator, dtype=torch.complex128)


def half(full):
    return torch.view_as_real(half_spectrum(full))


def built(student_channels=3, teacher_channels=2, **settings):
    torch.manual_seed(1)
    config = dict(type='FAMLoss', student_channels=student_channels, teacher_channels=teacher_channels, **settings)
    return DISTILL_LOSSES.build(config)


def full_high_pass(size, cutoff):
    """From integer frequencies, on the full spectrum."""
    kept = np.ones(size)
    for row in range(size[0]):
        for column in range(size[1]):
            cycles = [min(k, n - k) / n for k, n in zip((row, column), size, strict=True)]
            kept[row, column] = max(cycles) > cutoff / 2
    return kept


def by_numpy(x, full, kept):
    """The real part of the inverse transform of the full filtered spectrum."""
    mixed = np.einsum('nihw,hwio->nohw', np.fft.fft2(x), full) * kept
    return np.fft.ifft2(mixed).real


def test_by_hand():
    """A filter of ones copies; without the mean, that leaves the differences from it."""
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    ones = half(torch.ones(2, 2, 1, 1, dtype=torch.cfloat))
    assert filter_frequencies(x, ones, torch.ones(2, 2)).flatten().tolist() == pytest.approx([1, 3, 5, 7])
    assert filter_frequencies(x, ones, high_pass((2, 2))).flatten().tolist() == pytest.approx([-3, -1, 1, 3])
    module = FrequencyAttention(1, 1, (2, 2))
    with torch.no_grad():
        module.weight.copy_(ones)
        module.local.weight.fill_(2.0)
        module.local.bias.fill_(1.0)
    expected = [(-3 + 3) / 2, (-1 + 7) / 2, (1 + 11) / 2, (3 + 15) / 2]
    assert module(x).flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('size', SIZES)
def test_half_the_spectrum_is_the_real_part_of_the_full_one(size):
    (x,), full = maps((2, 3, *size)), full_filter(size, 3, 2)
    found = filter_frequencies(x, half(full), high_pass(size))
    np.testing.assert_allclose(found, by_numpy(x.numpy(), full.numpy(), full_high_pass(size, 0.1)), atol=1e-13)


@pytest.mark.parametrize('size', SIZES)
def test_any_filter_gives_the_same_on_every_backend(size, monkeypatch):
    """What is imaginary where a real signal is real is dropped before the inverse transform, not by it."""
    inverse = torch.fft.irfft

    def strict(rows, n, **settings):
        own = rows[..., [0, n // 2] if n % 2 == 0 else [0]]
        assert not own.imag.any()
        return inverse(rows, n=n, **settings)

    monkeypatch.setattr(torch.fft, 'irfft', strict)
    (x,) = maps((2, 3, *size))
    (weight,) = maps((size[0], size[1] // 2 + 1, 3, 2, 2))
    complete = torch.fft.rfft2(x).permute(2, 3, 0, 1) @ torch.view_as_complex(weight)
    complete = complete.permute(2, 3, 0, 1).numpy()
    spectrum = np.zeros((2, 2, *size), complex)
    for row in range(size[0]):
        for column in range(size[1]):
            mirror = (-row % size[0], -column % size[1])
            inside, mirrored = column <= size[1] // 2, mirror[1] <= size[1] // 2
            value = (complete[..., row, column] if inside else 0) + (
                np.conj(complete[(..., *mirror)]) if mirrored else 0
            )
            spectrum[..., row, column] = value / (inside + mirrored)
    expected = np.fft.ifft2(spectrum)
    assert abs(expected.imag).max() < 1e-13
    kept = torch.ones(size[0], size[1] // 2 + 1)
    np.testing.assert_allclose(filter_frequencies(x, weight, kept), expected.real, atol=1e-13)


def test_sgd_moves_frequencies_without_their_mirror_image_twice_as_far():
    size = (4, 5)
    (x, target), full = maps((2, 3, *size), (2, 2, *size)), full_filter(size, 3, 2).requires_grad_()
    mixed = torch.einsum('nihw,hwio->nohw', torch.fft.fft2(x), full)
    (torch.fft.ifft2(mixed).real * target).sum().backward()
    weight = half(full.detach()).requires_grad_()
    (filter_frequencies(x, weight, torch.ones(4, 3)) * target).sum().backward()
    found, expected = torch.view_as_complex(weight.grad), half_spectrum(full.grad)
    torch.testing.assert_close(found[:, :1], expected[:, :1])
    torch.testing.assert_close(found[:, 1:], 2 * expected[:, 1:])


@pytest.mark.parametrize(
    ('size', 'cutoff'), [((4, 4), 0.1), ((8, 6), 0.5), ((5, 7), 0.4), ((32, 32), 0.1), ((1, 1), 0)]
)
def test_the_high_pass_removes_the_mean_and_what_is_below_the_cutoff(size, cutoff):
    kept = high_pass(size, cutoff).numpy()
    assert kept[0, 0] == 0
    np.testing.assert_array_equal(kept, full_high_pass(size, cutoff)[:, : size[1] // 2 + 1])


def test_the_default_removes_the_mean_alone_up_to_19_positions_and_squares_beyond():
    assert all((high_pass((n, n)) == 0).sum() == 1 for n in range(1, 20))
    assert (high_pass((32, 32)) == 0).sum() == 3 * 2  # frequencies -1, 0 and 1, of which half the columns


@pytest.mark.parametrize('fill', ['random', 'constant', 'zero', 'huge'])
@pytest.mark.parametrize(
    'shapes', [((2, 3, 5, 2), (2, 2, 2, 2)), ((1, 3, 9, 6), (1, 2, 4, 4)), ((2, 3, 1, 1), (2, 2, 1, 1))]
)
def test_equals_numpy(fill, shapes):
    student, teacher = maps(*shapes)
    if fill in ('constant', 'zero'):
        student, teacher = (torch.full_like(x, 2.5 if fill == 'constant' else 0.0) for x in (student, teacher))
    if fill == 'huge':
        student, teacher = 1e4 * student, 1e4 * teacher
    loss = built().double()
    attention = loss.attention
    x, y = (adaptive_avg_pool2d(z, (4, 4)).numpy() for z in (student, teacher))
    weight = torch.view_as_complex(attention.weight.detach()).numpy()
    spectrum = np.einsum('nihw,hwio->nohw', np.fft.rfft2(x), weight) * full_high_pass((4, 4), 0.1)[:, :3]
    local = np.einsum('nihw,oi->nohw', x, attention.local.weight.detach().numpy()[..., 0, 0])
    local += attention.local.bias.detach().numpy()[:, None, None]
    expected = np.mean((0.5 * np.fft.irfft2(spectrum, s=(4, 4)) + 0.5 * local - y) ** 2)
    assert loss(student, teacher).item() == pytest.approx(expected, rel=1e-9)


def test_it_starts_as_the_public_filter():
    torch.manual_seed(1)
    attention = FrequencyAttention(3, 2, (4, 4))
    torch.manual_seed(1)
    full = (torch.rand(4, 4, 3, 2, dtype=torch.cfloat) / 6).numpy()
    (x,) = maps((2, 3, 4, 4))
    found = filter_frequencies(x.float(), attention.weight.detach(), torch.ones(4, 3))
    np.testing.assert_allclose(found, by_numpy(x.numpy(), full, 1), atol=1e-6)
    assert attention.gamma.tolist() == [0.5, 0.5]
    assert not any(parameter.is_complex() for parameter in attention.parameters())


def test_maps_are_averaged_to_the_size_and_smaller_ones_repeated():
    loss = built(size=(2, 2))
    student, teacher = (x.float() for x in maps((2, 3, 4, 4), (2, 2, 1, 2)))
    pooled = student.unflatten(3, (2, 2)).unflatten(2, (2, 2)).mean((3, 5))
    assert loss(student, teacher).item() == pytest.approx(loss(pooled, teacher.repeat(1, 1, 2, 1)).item(), rel=1e-6)


def test_the_filter_learns_a_circular_shift():
    """What no 1x1 convolution can express."""
    loss = built(1, 1).double()
    (x,) = maps((64, 1, 4, 4))
    x = x - x.mean((2, 3), keepdim=True)
    optimizer = torch.optim.Adam(loss.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(x, x.roll(1, 2)).backward()
        optimizer.step()
    assert loss(x, x.roll(1, 2)).item() < 1e-4


def test_labels_change_nothing():
    student, teacher = maps((2, 3, 4, 4), (2, 2, 4, 4))
    loss = built()
    assert loss(student, teacher, torch.full((2, 4, 4), 255)).equal(loss(student, teacher))


@pytest.mark.parametrize('size', [(4, 4), (3, 2)])
def test_gradient(size):
    loss = built(size=size).double()
    student, teacher = maps((2, 3, 4, 3), (2, 2, 4, 3))
    parameters = tuple(loss.parameters())
    assert torch.autograd.gradcheck(lambda *_: loss(student, teacher), parameters)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher), student.requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_filtered_in_float32(dtype):
    student, teacher = (10 * x.to(dtype) for x in maps((2, 3, 4, 4), (2, 2, 4, 4)))
    loss = built()
    expected = loss(student.float(), teacher.float())
    student.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(student, teacher)
    value.backward()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert student.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in loss.parameters())


def test_float64_stays_float64():
    assert built()(*maps((2, 3, 4, 4), (2, 2, 4, 4))).dtype == torch.float64


@pytest.mark.parametrize('fill', [0.0, 3.0, 1e4])
def test_constant_maps_have_finite_gradients(fill):
    student = torch.full((1, 3, 2, 2), fill, requires_grad=True)
    loss = built()
    value = loss(student, torch.full((1, 2, 5, 2), fill))
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in loss.parameters())


class TestErrors:
    @pytest.mark.parametrize('shapes', [((2, 3), (2, 2)), ((2, 5, 3), (2, 5, 2)), ((2, 3, 4, 4), (2, 2))])
    def test_vectors_have_no_positions(self, shapes):
        with pytest.raises(
            ValueError, match=r'student feature \(2, .*teacher feature \(2, .*needs maps \[N, C, H, W\]'
        ):
            built()(*maps(*shapes))

    def test_other_samples_and_channels_are_named(self):
        with pytest.raises(ValueError, match=r'\(2, 3, 4, 4\).*\(1, 2, 4, 4\).*of the same samples'):
            built()(*maps((2, 3, 4, 4), (1, 2, 4, 4)))
        with pytest.raises(ValueError, match=r'\(2, 3, 4, 4\).*\(2, 4, 4, 4\).*built for 3 and 2 channels'):
            built()(*maps((2, 3, 4, 4), (2, 4, 4, 4)))

    @pytest.mark.parametrize(
        'channels', [{}, {'student_channels': 3}, {'student_channels': [3], 'teacher_channels': [2]}]
    )
    def test_the_channels_of_one_map_are_needed(self, channels):
        with pytest.raises(ValueError, match=r"FAMLoss compares one map: student_channels=.*on='map'"):
            FAMLoss(**channels)

    @pytest.mark.parametrize('size', [(0, 4), (4, 4, 4)])
    def test_a_size_is_two_numbers(self, size):
        with pytest.raises(ValueError, match='expected a height and a width'):
            FAMLoss(3, 2, size=size)
