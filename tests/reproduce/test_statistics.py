"""Intervals against SciPy, naive loops and simulation, and by hand."""

import math
import re

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from scipy import stats

from fdkd.errors import DataError
from fdkd.reproduce.result import Interval
from fdkd.reproduce.statistics import (
    Scores,
    bootstrap_accuracy,
    bootstrap_miou,
    compare,
    paired_interval,
)


def ends(interval):
    return [interval.low, interval.high]


def test_two_seeds_by_hand():
    interval = paired_interval([61.0, 64.0], [60.0, 60.0])  # differences 1 and 4, t(1) = tan(0.475 pi) = 12.706
    assert ends(interval) == pytest.approx([2.5 - 1.5 * 12.7062, 2.5 + 1.5 * 12.7062], abs=1e-3)


@pytest.mark.parametrize('level', [0.9, 0.95])
@pytest.mark.parametrize('seeds', [2, 3, 10])
def test_seeds_against_scipy(seeds, level):
    ours, theirs = np.random.default_rng(seeds).normal(60, 3, (2, seeds))
    reference = stats.ttest_rel(ours, theirs).confidence_interval(level)
    assert ends(paired_interval(ours, theirs, level)) == pytest.approx([reference.low, reference.high], rel=1e-9)


def test_equal_differences_have_width_zero():
    assert paired_interval([61.0, 71.0], [60.0, 70.0]) == Interval(1.0, 1.0)
    assert paired_interval([61.0, 71.0], [61.0, 71.0]) == Interval(0.0, 0.0)


def test_one_seed_says_nothing_of_seeds():
    assert paired_interval([61.0], [60.0]) is None
    assert paired_interval([], []) is None


def test_seeds_are_covered_as_often_as_they_should():
    generator = np.random.default_rng(0)
    differences = generator.normal(1.5, 2.0, (600, 3))
    covered = [1.5 in paired_interval(drawn, np.zeros(3)) for drawn in differences]
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_figures_are_finite(bad):
    with pytest.raises(DataError, match='finite'):
        paired_interval([61.0, bad], [60.0, 60.0])
    with pytest.raises(DataError, match='found 2 and 1'):
        paired_interval([61.0, 62.0], [60.0])


def test_accuracy_against_a_naive_loop():
    generator = np.random.default_rng(1)
    ours, theirs = generator.random((3, 150)) < 0.7, generator.random((3, 150)) < 0.6
    naive = []
    for _ in range(3000):
        drawn = generator.integers(0, 150, 150)
        naive.append(np.mean([100 * (a[drawn].mean() - b[drawn].mean()) for a, b in zip(ours, theirs, strict=True)]))
    expected = np.quantile(naive, [0.025, 0.975])
    assert ends(bootstrap_accuracy(ours, theirs)) == pytest.approx(expected, abs=0.05 * np.ptp(expected))


def test_accuracy_of_two_samples_by_hand():
    interval = bootstrap_accuracy(np.array([[True, False]]), np.array([[False, False]]))
    assert interval == Interval(0.0, 100.0)  # of four test sets one scores 0, two 50 and one 100


def test_seeds_share_the_drawn_samples():
    """Two seeds whose gains cancel in each sample never differ; samples drawn apart for each seed would."""
    ours = np.random.default_rng(2).random((1, 50)) < 0.5
    assert bootstrap_accuracy(np.concatenate([ours, ~ours]), np.concatenate([~ours, ours])) == Interval(0.0, 0.0)


def test_samples_are_paired_between_the_methods():
    """One more hit among many that both share: the interval is that of the one, not of the many."""
    theirs = np.random.default_rng(3).random((1, 1000)) < 0.5
    ours = theirs.copy()
    ours[0, np.flatnonzero(~theirs[0])[0]] = True
    assert ends(bootstrap_accuracy(ours, theirs)) == pytest.approx([0.0, 0.3])  # Poisson(1): 2.5 % lie beyond 3


@pytest.mark.parametrize('shape', [(1, 1), (1, 40), (3, 1), (3, 40)])
def test_identical_models_do_not_differ(shape):
    hits = np.random.default_rng(4).random(shape) < 0.5
    assert bootstrap_accuracy(hits, hits.copy()) == Interval(0.0, 0.0)


def test_one_sample_gives_its_own_difference():
    assert bootstrap_accuracy(np.array([[True], [True]]), np.array([[False], [True]])) == Interval(50.0, 50.0)


def test_the_seed_of_the_draws_fixes_them():
    ours, theirs = np.random.default_rng(5).random((2, 1, 97)) < 0.5
    assert bootstrap_accuracy(ours, theirs, 500) == bootstrap_accuracy(ours, theirs, 500)
    assert bootstrap_accuracy(ours, theirs, 500) != bootstrap_accuracy(ours, theirs, 500, seed=1)


def test_accuracy_is_covered_as_often_as_it_should():
    generator = np.random.default_rng(6)
    covered = []
    for _ in range(400):  # right with probability 0.7 and 0.6, on the same samples more often than by chance
        ease = generator.random((1, 300))
        other = np.where(generator.random(ease.shape) < 0.5, ease, generator.random(ease.shape))
        covered.append(10.0 in bootstrap_accuracy(ease < 0.7, other < 0.6, repeats=400))
    assert 0.92 < np.mean(covered) < 0.975


@pytest.mark.parametrize(
    ('ours', 'theirs'),
    [
        (np.ones((1, 3)), np.ones((1, 3), bool)),
        (np.full((1, 3), np.nan), np.full((1, 3), np.nan)),
        (np.ones(3, bool), np.ones(3, bool)),
        (np.ones((1, 3), bool), np.ones((1, 4), bool)),
        (np.ones((2, 3), bool), np.ones((1, 3), bool)),
        (np.ones((1, 0), bool), np.ones((1, 0), bool)),
    ],
)
def test_hits_are_checked(ours, theirs):
    with pytest.raises(DataError, match=re.escape(f'{ours.dtype} {list(ours.shape)} and {theirs.dtype}')):
        bootstrap_accuracy(ours, theirs)


def drawn_counts(seed, seeds=2, images=30, classes=4):
    """Counts of two models on the same labels, as a confusion would give them."""
    generator = np.random.default_rng(seed)
    labelled = generator.integers(0, 500, (images, classes)) * (generator.random((images, classes)) < 0.6)
    labelled[:, 0] += 1
    labelled = np.broadcast_to(labelled, (seeds, images, classes))
    return [
        np.stack(
            [generator.binomial(labelled, share), labelled + generator.integers(0, 90, labelled.shape), labelled], -1
        )
        for share in (0.7, 0.55)
    ]


def mmseg_miou(counts):
    """MMSegmentation's mean IoU in % of ``[N, K, 3]``."""
    intersection, predicted, labelled = np.moveaxis(counts.sum(0).astype(float), -1, 0)
    union = predicted + labelled - intersection
    areas = [torch.from_numpy(area) for area in (intersection, union, predicted, labelled)]
    return 100 * float(np.nanmean(IoUMetric.total_area_to_metrics(*areas, metrics=['mIoU'])['IoU']))


def test_miou_against_a_naive_loop():
    ours, theirs = drawn_counts(0)
    generator, naive = np.random.default_rng(7), []
    for _ in range(1500):
        drawn = generator.integers(0, 30, 30)
        naive.append(np.mean([mmseg_miou(a[drawn]) - mmseg_miou(b[drawn]) for a, b in zip(ours, theirs, strict=True)]))
    expected = np.quantile(naive, [0.025, 0.975])
    assert ends(bootstrap_miou(ours, theirs, 4000)) == pytest.approx(expected, abs=0.1 * np.ptp(expected))


def test_one_image_gives_its_own_difference():
    ours = np.array([[[[2, 3, 4], [5, 6, 5]]]])  # IoU 2/5 and 5/6
    theirs = np.array([[[[1, 2, 4], [4, 6, 5]]]])  # 1/5 and 4/7
    expected = 100 * (2 / 5 + 5 / 6 - 1 / 5 - 4 / 7) / 2
    assert ends(bootstrap_miou(ours, theirs)) == pytest.approx([expected, expected])
    assert mmseg_miou(ours[0]) - mmseg_miou(theirs[0]) == pytest.approx(expected)


def test_a_class_that_does_not_occur_is_left_out():
    ours, theirs = np.array([[[[4, 4, 4], [0, 0, 0]]]]), np.array([[[[1, 2, 4], [0, 1, 0]]]])
    assert ends(bootstrap_miou(ours, theirs)) == pytest.approx([90.0, 90.0])  # 1 / 1 - (1/5 + 0) / 2: it is predicted
    theirs[..., 1, :] = 0
    assert ends(bootstrap_miou(ours, theirs)) == pytest.approx([80.0, 80.0])  # 1 / 1 - 1/5


def test_images_are_drawn_and_not_pixels():
    """Large images count for more: the IoU is of the pixels of all drawn images."""
    ours = np.array([[[[900, 900, 900]], [[0, 0, 100]]]])
    theirs = np.array([[[[0, 0, 900]], [[0, 0, 100]]]])
    interval = bootstrap_miou(ours, theirs)  # both images 90 %, the first twice 100 %, the second twice 0 %
    assert ends(interval) == pytest.approx([0.0, 100.0])
    ours, theirs = (np.repeat(counts, 200, axis=1) for counts in (ours, theirs))
    assert ends(bootstrap_miou(ours, theirs)) == pytest.approx([90, 90], abs=2)


@pytest.mark.parametrize(('seeds', 'images'), [(1, 1), (3, 1), (1, 20), (2, 130)])
def test_identical_segmentations_do_not_differ(seeds, images):
    ours, _ = drawn_counts(1, seeds, images)
    assert bootstrap_miou(ours, ours.copy(), repeats=70) == Interval(0.0, 0.0)


def test_unlabelled_images_change_nothing():
    ours, theirs = drawn_counts(2)
    padded = [np.concatenate([counts, np.zeros_like(counts)], axis=1) for counts in (ours, theirs)]
    assert bootstrap_miou(*padded, repeats=60) == bootstrap_miou(ours, theirs, repeats=60)
    with pytest.raises(DataError, match='no pixel'):
        bootstrap_miou(np.zeros_like(ours), np.zeros_like(ours))


def test_counts_are_checked():
    ours, theirs = drawn_counts(3)
    for bad in (ours.astype(float), ours[0], ours[..., :2], ours[:1], ours[:, :0]):
        with pytest.raises(DataError, match='expected two integer arrays'):
            bootstrap_miou(bad, theirs)
    with pytest.raises(DataError, match='the same images, in one order'):
        bootstrap_miou(ours, theirs[:, ::-1])
    shuffled = ours.copy()
    shuffled[1] = ours[1, ::-1]
    with pytest.raises(DataError, match='the same images, in one order'):
        bootstrap_miou(shuffled, theirs)


def test_seeds_of_both_are_paired():
    result = compare(Scores({2: 70.0, 0: 60.0, 5: 99.0}), Scores({0: 58.0, 1: 0.0, 2: 64.0}))
    assert result.difference == 4.0  # 2 and 6
    assert result.over_seeds == paired_interval([60.0, 70.0], [58.0, 64.0])
    assert result.over_samples is None


def test_without_a_shared_seed_there_is_nothing_to_compare():
    assert compare(Scores({0: 60.0}), Scores({1: 60.0})) is None
    assert compare(Scores({}), Scores({0: 60.0})) is None


def test_predictions_give_the_interval_over_samples():
    generator = np.random.default_rng(8)
    hits = {seed: generator.random(80) < 0.5 for seed in range(4)}
    ours = Scores({0: 1.0, 1: 2.0, 3: 9.0}, {0: hits[0], 1: hits[1], 3: hits[3]})
    theirs = Scores({1: 1.0, 0: 1.0}, {1: hits[2], 0: hits[3]})
    expected = bootstrap_accuracy(np.stack([hits[0], hits[1]]), np.stack([hits[3], hits[2]]))
    assert compare(ours, theirs).over_samples == expected
    assert compare(Scores({0: 1.0}, {0: hits[0]}), theirs).over_seeds is None


def test_pixels_give_the_interval_over_images():
    ours, theirs = drawn_counts(4)
    ours_scores, their_scores = (
        Scores({7: 1.0, 9: 2.0}, counts=dict(zip((7, 9), counts, strict=True))) for counts in (ours, theirs)
    )
    result = compare(ours_scores, their_scores)
    assert result.over_samples == bootstrap_miou(ours, theirs)


def test_an_interval_of_some_seeds_is_not_that_of_all():
    hits = {0: np.array([True, False]), 1: np.array([True, True])}
    values = {0: 50.0, 1: 100.0}
    assert compare(Scores(values, hits), Scores(values, {0: hits[0]})).over_samples is None


def test_different_test_sets_are_refused():
    values = {0: 50.0, 1: 100.0}
    mixed = Scores(values, {0: np.array([True]), 1: np.array([True, True])})
    with pytest.raises(DataError, match='different samples'):
        compare(mixed, mixed)
    with pytest.raises(DataError, match='of one shape'):
        compare(Scores({0: 1.0}, {0: np.array([True])}), Scores({0: 1.0}, {0: np.array([True, True])}))
    with pytest.raises(DataError, match='finite'):
        compare(Scores({0: math.nan}), Scores({0: 1.0}))
