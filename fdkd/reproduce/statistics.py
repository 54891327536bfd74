"""How sure a difference between two methods is: over seeds, and over test samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from fdkd.errors import DataError
from fdkd.reproduce.result import Comparison, Interval

LEVEL = 0.95
#: Resamples that are held at once.
CHUNK = 50


@dataclass(frozen=True)
class Scores:
    """What a method reached, by seed.

    Attributes:
        values: Seed to accuracy or mean IoU, in %.
        hits: Classification: seed to bool ``[N]``, which of the test samples were predicted right.
        counts: Segmentation: seed to int ``[N, K, 3]``, pixels of each test image and class: intersection, predicted,
            labelled.

    ``hits`` or ``counts`` have to be those of ``values``, of the same test samples in the same order for every seed.
    """

    values: Mapping[int, float]
    hits: Mapping[int, np.ndarray] = field(default_factory=dict)
    counts: Mapping[int, np.ndarray] = field(default_factory=dict)


def compare(ours: Scores, theirs: Scores) -> Comparison | None:
    """A method minus another, paired by seed; ``None`` where they share no seed.

    Seeds that only one of them has are left out. The interval over samples needs the predictions of every shared seed,
    since it is an interval of the same difference.

    Raises:
        DataError: A value is not finite, or runs were tested on different samples.
    """
    seeds = sorted(ours.values.keys() & theirs.values.keys())
    if not seeds:
        return None
    values = [[scores.values[seed] for seed in seeds] for scores in (ours, theirs)]
    return Comparison(float(_differences(*values).mean()), paired_interval(*values), _over_samples(ours, theirs, seeds))


def paired_interval(ours: Sequence[float], theirs: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Two-sided t-interval of the mean difference between runs of the same seed.

    It takes differences as normally distributed; with two or three seeds it is wide. Where all differences are the
    same, its width is 0, which says that these seeds agree, not that others would.

    Args:
        ours: Figure of each seed.
        theirs: The other method's figures, of the same seeds in the same order.
        level: How often such an interval covers the true difference.

    Returns:
        The interval, in the unit of the figures; ``None`` with fewer than two seeds.

    Raises:
        DataError: A figure is not finite, or the lengths differ.

    Example:
        >>> paired_interval([61.0, 62.0, 63.0], [60.0, 60.0, 60.0])  # doctest: +ELLIPSIS
        Interval(low=-0.48..., high=4.48...)
    """
    differences = _differences(ours, theirs)
    if len(differences) < 2:
        return None
    mean = differences.mean()
    half = stats.t.ppf((1 + level) / 2, len(differences) - 1) * stats.sem(differences)
    return Interval(float(mean - half), float(mean + half))


def bootstrap_accuracy(ours: np.ndarray, theirs: np.ndarray, repeats: int = 10_000, seed: int = 0) -> Interval:
    """95 % percentile interval of a difference in accuracy when the test samples are drawn anew.

    Both methods and all seeds are scored on the same draw. With few samples the interval is too narrow; one sample
    gives width 0.

    Args:
        ours: bool ``[S, N]``: whether the run of a seed predicted a test sample right.
        theirs: The other method's, of the same seeds and samples.
        repeats: How many test sets are drawn.
        seed: Of the draws.

    Returns:
        Interval of the accuracies' difference, averaged over seeds, in points.

    Raises:
        DataError: The arrays are not bool, not of one shape ``[S, N]``, or empty.
    """
    for hits in (ours, theirs):
        if hits.dtype != bool or hits.ndim != 2 or not hits.size or hits.shape != ours.shape:
            raise DataError(f'expected two bool arrays [S, N] of one shape, found {_shapes(ours, theirs)}')
    seeds, samples = ours.shape
    gains = ours.sum(0) - theirs.sum(0)  # [N], of which only -S..S occur: drawing how often each does is enough
    gains, frequencies = np.unique(gains, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(samples, frequencies / samples, size=repeats)
    return _percentiles(100 * (drawn @ gains) / (seeds * samples))


def bootstrap_miou(ours: np.ndarray, theirs: np.ndarray, repeats: int = 1000, seed: int = 0) -> Interval:
    """95 % percentile interval of a difference in mean IoU when the test images are drawn anew.

    The IoU of a class is that of the pixels of all drawn images together, and a class that is neither labelled nor
    predicted does not count in the mean, as in MMSegmentation. Images without a labelled pixel are not drawn: they
    change no figure.

    Args:
        ours: int ``[S, N, K, 3]``: pixels of intersection, prediction and label, for each seed, image and class.
        theirs: The other method's, of the same seeds and images.
        repeats: How many test sets are drawn.
        seed: Of the draws.

    Returns:
        Interval of the difference in mean IoU, averaged over seeds, in points.

    Raises:
        DataError: The arrays are not integers of one shape ``[S, N, K, 3]``, labels differ, or no pixel is labelled.
    """
    for counts in (ours, theirs):
        whole = np.issubdtype(counts.dtype, np.integer)
        if not whole or counts.ndim != 4 or counts.shape[-1] != 3 or not counts.size or counts.shape != ours.shape:
            raise DataError(f'expected two integer arrays [S, N, K, 3] of one shape, found {_shapes(ours, theirs)}')
    labelled = ours[0, ..., 2]
    if (ours[..., 2] != labelled).any() or (theirs[..., 2] != labelled).any():
        raise DataError('the runs differ in labelled pixels: they have to be tested on the same images, in one order')
    used = labelled.any(1)
    if not used.any():
        raise DataError('no pixel of these images is labelled')
    both = np.stack([ours, theirs])[:, :, used].astype(np.float64)  # products of floats are many times faster
    flat = both.reshape(*both.shape[:3], -1)  # [2, S, N, 3K]
    images, generator, differences = flat.shape[2], np.random.default_rng(seed), []
    for start in range(0, repeats, CHUNK):
        drawn = generator.multinomial(images, np.full(images, 1 / images), size=min(CHUNK, repeats - start))
        summed = drawn.astype(np.float64) @ flat  # [2, S, CHUNK, 3K]
        means = _mean_iou(summed.reshape(*summed.shape[:3], -1, 3)).mean(1)
        differences.append(100 * (means[0] - means[1]))
    return _percentiles(np.concatenate(differences))


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> np.ndarray:
    if len(ours) != len(theirs):
        raise DataError(f'expected figures of the same seeds, found {len(ours)} and {len(theirs)}')
    differences = np.subtract(ours, theirs, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise DataError(f'expected finite figures, found {list(ours)} and {list(theirs)}')
    return differences


def _over_samples(ours: Scores, theirs: Scores, seeds: Sequence[int]) -> Interval | None:
    for kind, bootstrap in (('hits', bootstrap_accuracy), ('counts', bootstrap_miou)):
        known = [getattr(scores, kind) for scores in (ours, theirs)]
        if all(seed in by_seed for by_seed in known for seed in seeds):
            return bootstrap(*(_stack(by_seed, seeds) for by_seed in known))
    return None


def _stack(by_seed: Mapping[int, np.ndarray], seeds: Sequence[int]) -> np.ndarray:
    shapes = {seed: by_seed[seed].shape for seed in seeds}
    if len(set(shapes.values())) > 1:
        raise DataError(f'the seeds of a method were tested on different samples: shapes by seed {shapes}')
    return np.stack([by_seed[seed] for seed in seeds])


def _mean_iou(counts: np.ndarray) -> np.ndarray:
    """Summed pixels ``[..., K, 3]`` to the mean IoU ``[...]`` (0 to 1) of the classes that occur."""
    intersection, predicted, labelled = np.moveaxis(counts, -1, 0)
    union = predicted + labelled - intersection
    occurs = union > 0
    return (intersection / np.where(occurs, union, 1)).sum(-1) / occurs.sum(-1)


def _percentiles(differences: np.ndarray) -> Interval:
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _shapes(ours: np.ndarray, theirs: np.ndarray) -> str:
    return ' and '.join(f'{array.dtype} {list(array.shape)}' for array in (ours, theirs))
