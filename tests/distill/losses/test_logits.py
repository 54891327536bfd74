"""Which positions count, and means over them."""

import pytest
import torch

from fdkd.distill.losses.logits import counted, labelled, mean_of_sums, mean_over, prepare_logits


def test_logits_come_in_at_least_float32():
    half, double = torch.zeros(2, 3, dtype=torch.float16), torch.zeros(2, 3, dtype=torch.float64)
    assert [x.dtype for x in prepare_logits(half, half, None)] == [torch.float32] * 2
    assert [x.dtype for x in prepare_logits(half, double, None)] == [torch.float64] * 2


@pytest.mark.parametrize(
    ('student', 'teacher', 'target', 'message'),
    [
        ((2, 3), (2, 4), None, r'\(2, 3\).*\(2, 4\) differ'),
        ((2, 3, 4), (2, 3, 4), None, r'\(2, 3, 4\): expected'),
        ((2, 1), (2, 1), None, 'expected K >= 2'),
        ((2, 1, 4, 4), (2, 1, 4, 4), (2, 4, 4), 'expected K >= 2'),
        ((2, 3), (2, 3), (3,), r'labels \(3,\) do not fit logits \(2, 3\)'),
        ((2, 3, 4, 5), (2, 3, 4, 5), (2, 5, 4), r'labels \(2, 5, 4\) do not fit'),
    ],
)
def test_what_cannot_be_compared_is_named(student, teacher, target, message):
    target = None if target is None else torch.zeros(target, dtype=torch.int64)
    with pytest.raises(ValueError, match=message):
        prepare_logits(torch.zeros(student), torch.zeros(teacher), target)


def test_unlabelled_samples_count_and_void_pixels_do_not():
    assert counted(torch.zeros(3, 2), torch.tensor([0, -1, 1])) is None
    assert counted(torch.zeros(1, 2, 1, 2), None) is None
    assert counted(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 255, 1]]])).tolist() == [[[True, False, True]]]


def test_labelled_positions():
    has, classes = labelled(torch.tensor([2, -1, 255]))
    assert has.tolist() == [True, False, True]  # 255 is a class of vectors
    assert classes.tolist() == [2, 0, 255]
    has, classes = labelled(torch.tensor([[[2, 255]]]))
    assert has.tolist() == [[[True, False]]]
    assert classes.tolist() == [[[2, 0]]]
    with pytest.raises(ValueError, match='needs labels'):
        labelled(None)


def test_mean_over_what_counts():
    values = torch.tensor([1.0, 2.0, 6.0, float('nan')], requires_grad=True)
    mask = torch.tensor([True, False, True, False])
    mean = mean_over(values, mask)
    assert mean.item() == 3.5
    mean.backward()
    assert values.grad.tolist() == [0.5, 0, 0.5, 0]
    assert mean_over(values, torch.zeros(4, dtype=torch.bool)).item() == 0
    assert mean_over(values[:3], None).item() == 3


@pytest.mark.parametrize('weight', [1.0, 0.3, 0.0])
@pytest.mark.parametrize('mask', [None, torch.tensor([True, False, True])])
def test_weighted_means_keep_the_digits_of_float64(mask, weight):
    terms = torch.tensor([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]], dtype=torch.float64)
    expected = weight * (63 / 3 if mask is None else 51 / 2)
    assert mean_over(terms.sum(1), mask, weight).item() == pytest.approx(expected, rel=1e-14)
    assert mean_of_sums(terms, mask, weight).item() == pytest.approx(expected, rel=1e-14)
