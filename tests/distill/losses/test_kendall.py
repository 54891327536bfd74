"""Kendall's tau-b against SciPy: ties, constants, infinities, chunks and maps."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from fdkd.distill.losses import kendall
from fdkd.distill.losses.kendall import kendall_tau


def rows(samples, classes, ties=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (samples, classes)
    if ties:
        return [torch.randint(0, 4, shape, generator=generator).float() for _ in range(2)]
    a = torch.randn(shape, generator=generator)
    return [a, a + torch.randn(shape, generator=generator)]


def scipy_tau(a, b):
    """Row by row; 0 for SciPy's NaN."""
    with np.errstate(invalid='ignore'):
        return np.nan_to_num([kendalltau(x, y).statistic for x, y in zip(a.numpy(), b.numpy(), strict=True)])


def test_by_hand():
    a = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 3.0]])
    b = torch.tensor([[1.0, 3.0, 2.0, 4.0], [4.0, 3.0, 3.0, 1.0]])
    # five of six pairs agree, one does not; then none agrees, three disagree, one is tied in b alone (1, 1 and 3, 3)
    torch.testing.assert_close(kendall_tau(a, b), torch.tensor([4 / 6, -4 / 5]))


@pytest.mark.filterwarnings('ignore:One or more sample arguments')
@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('classes', [1, 2, 3, 4, 6, 7, 28, 141])
def test_equals_scipy(classes, ties):
    a, b = rows(32, classes, ties)
    np.testing.assert_allclose(kendall_tau(a, b).numpy(), scipy_tau(a, b), atol=1e-6)
    assert kendall_tau(a.double(), b.double()).dtype == torch.float64
    np.testing.assert_allclose(kendall_tau(a.double(), b.double()).numpy(), scipy_tau(a, b), atol=1e-14)


@pytest.mark.parametrize('bound', [1, 7, 100])
def test_chunks_of_positions_and_of_pairs_change_nothing(monkeypatch, bound):
    a, b = rows(9, 6, ties=True)
    whole = kendall_tau(a, b)
    monkeypatch.setattr(kendall, '_AT_ONCE_CPU', bound)
    assert kendall_tau(a, b).equal(whole)


def test_maps_equal_their_pixels():
    a, b = (x.view(2, 3, 4, 5).permute(0, 3, 1, 2) for x in rows(24, 5))
    tau = kendall_tau(a, b)
    assert tau.shape == (2, 3, 4)
    assert tau.flatten().equal(kendall_tau(*rows(24, 5)))


def test_constant_sides_have_none():
    a, b = torch.zeros(3, 5), torch.arange(5.0).expand(3, 5)
    for pair in ((a, b), (b, a), (a, a)):
        assert kendall_tau(*pair).equal(torch.zeros(3))


def test_the_same_order_is_one_and_the_reverse_minus_one():
    a, _ = rows(16, 50)
    assert kendall_tau(a, a.exp()).equal(torch.ones(16))
    assert kendall_tau(a, -a).equal(-torch.ones(16))


def test_tiny_and_huge_differences_count_alike():
    a, b = rows(8, 6)
    assert kendall_tau(1e-30 * a, 1e30 * b).equal(kendall_tau(a, b))


def test_infinities_are_tied_as_in_scipy():
    a = torch.tensor([[-torch.inf, -torch.inf, 1.0, 2.0]])
    b = torch.tensor([[3.0, 1.0, 2.0, torch.inf]])
    np.testing.assert_allclose(kendall_tau(a, b).numpy(), scipy_tau(a, b), atol=1e-6)


def test_half_precision_is_compared_as_it_is():
    a, b = (x.bfloat16() for x in rows(8, 20))
    with torch.autocast('cpu', torch.bfloat16):
        tau = kendall_tau(a, b)
    assert tau.dtype == torch.float32
    np.testing.assert_allclose(tau.numpy(), scipy_tau(a.float(), b.float()), atol=1e-6)


def test_the_input_stays_as_it_was_and_has_no_gradient():
    a, b = (x.requires_grad_() for x in rows(4, 5))
    before = a.detach().clone()
    assert not kendall_tau(a, b).requires_grad
    assert a.detach().equal(before)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r'\(4, 6\) and \(4, 5\)'):
        kendall_tau(torch.zeros(4, 6), torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r'\(2, 3, 4\).*\[N, K, H, W\]'):
        kendall_tau(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))


def test_no_rows():
    assert kendall_tau(torch.zeros(0, 6), torch.zeros(0, 6)).shape == (0,)
