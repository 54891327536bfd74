"""mIoU, mean accuracy and pixel accuracy against a confusion matrix in NumPy, whole and image by image."""

from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from fdkd.evaluation import SegmentationMetric

CLASSES = ('wall', 'floor', 'bed', 'chair', 'ghost', 'lamp')


def evaluate(truths, predictions, classes=CLASSES):
    """The metric after one ``process`` per frame, and its results."""
    metric = SegmentationMetric()
    metric.dataset_meta = {'classes': classes}
    for sample in samples(truths, predictions):
        metric.process({}, [sample])
    return metric, metric.evaluate(len(truths))


def samples(truths, predictions):
    """What a model hands to the evaluator; ids count from ``s0``."""
    return [
        {
            'sample_id': f's{index}',
            'pred_sem_seg': {'data': torch.from_numpy(prediction)[None]},
            'gt_sem_seg': {'data': torch.from_numpy(truth)[None]},
        }
        for index, (truth, prediction) in enumerate(zip(truths, predictions, strict=True))
    ]


def confusion(truths, predictions, size):
    """Counts pixel by pixel: rows are the truth, columns the prediction."""
    matrix = np.zeros((size, size), int)
    for truth, prediction in zip(truths, predictions, strict=True):
        for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
            if t != 255:
                matrix[t, p] += 1
    return matrix


@pytest.fixture
def frames():
    """Five frames with void; class 4 never occurs, class 5 is predicted but never true."""
    random = np.random.default_rng(0)
    truths = random.choice([0, 0, 0, 1, 1, 2, 3, 255], (5, 9, 7))
    noise = random.choice([0, 1, 2, 3, 5], truths.shape)
    keep = (random.random(truths.shape) < 0.6) & (truths != 255)
    return truths, np.where(keep, truths, noise)


def test_names_have_no_prefix_and_mmengine_does_not_warn_of_it(frames, capsys):
    _, found = evaluate(*frames)
    assert list(found) == ['mIoU', 'mAcc', 'aAcc']
    assert 'prefix' not in ''.join(capsys.readouterr())
    metric = SegmentationMetric(prefix='student')
    metric.dataset_meta = {'classes': CLASSES}
    metric.process({}, samples(*frames))
    assert list(metric.evaluate(5)) == ['student/mIoU', 'student/mAcc', 'student/aAcc']


def test_equals_the_confusion_matrix(frames):
    matrix = confusion(*frames, len(CLASSES))
    right, true, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid='ignore'):
        iou, accuracy = right / (true + predicted - right), right / true
    assert np.isnan(iou).tolist() == [False] * 4 + [True, False]  # the fixture is what it claims
    assert np.isnan(accuracy).tolist() == [False] * 4 + [True, True]

    metric, results = evaluate(*frames)
    expected = {
        'mIoU': iou[[0, 1, 2, 3, 5]].mean(),
        'mAcc': accuracy[:4].mean(),
        'aAcc': right.sum() / matrix.sum(),
    }
    assert set(results) == set(expected)
    for name, value in expected.items():
        assert results[name] == pytest.approx(100 * value, abs=0.005 + 1e-9), name
        assert results[name] == round(results[name], 2)
    assert list(metric.per_class) == list(CLASSES)
    for index, name in enumerate(CLASSES):
        assert metric.per_class[name]['IoU'] == pytest.approx(100 * iou[index], rel=1e-5, nan_ok=True)
        assert metric.per_class[name]['Acc'] == pytest.approx(100 * accuracy[index], rel=1e-5, nan_ok=True)


def test_by_hand():
    truth, prediction = np.array([[0, 0, 1, 1, 255]]), np.array([[0, 1, 1, 1, 0]])
    # class 0: 1 right of 2 true and 1 predicted, IoU 1/2; class 1: 2 right of 2 true and 3 predicted, IoU 2/3
    metric, results = evaluate([truth], [prediction], ('a', 'b'))
    assert results == {'mIoU': 58.33, 'mAcc': 75.0, 'aAcc': 75.0}
    assert metric.per_class['a'] == {'IoU': 50.0, 'Acc': 50.0}


def test_an_image_by_hand():
    truth, prediction = np.array([[0, 0, 1, 1, 255, 1]]), np.array([[0, 1, 1, 2, 0, 1]])
    images = evaluate([truth, prediction], [prediction, prediction], ('a', 'b', 'c'))[0].images
    assert images['ids'].tolist() == ['s0', 's1']
    assert images['intersection'].tolist() == [[1, 2, 0], [2, 3, 1]]
    assert images['predicted'].tolist() == [[1, 3, 1], [2, 3, 1]]
    assert images['labelled'].tolist() == [[2, 3, 0], [2, 3, 1]]


def test_each_image_has_the_counts_of_its_own_confusion_matrix(frames):
    images = evaluate(*frames)[0].images
    assert images['ids'].tolist() == [f's{index}' for index in range(5)]
    for index, (truth, prediction) in enumerate(zip(*frames, strict=True)):
        matrix = confusion([truth], [prediction], len(CLASSES))
        assert images['intersection'][index].tolist() == matrix.diagonal().tolist()
        assert images['predicted'][index].tolist() == matrix.sum(0).tolist()
        assert images['labelled'][index].tolist() == matrix.sum(1).tolist()
    assert {images[name].dtype for name in ('intersection', 'predicted', 'labelled')} == {np.dtype('int64')}


def figures(images):
    """The report's figures from the counts per image, in NumPy float64."""
    right, predicted, true = (images[name].sum(0).astype(float) for name in ('intersection', 'predicted', 'labelled'))
    with np.errstate(invalid='ignore'):
        iou, accuracy = right / (predicted + true - right), right / true
    values = {'mIoU': np.nanmean(iou), 'mAcc': np.nanmean(accuracy), 'aAcc': right.sum() / true.sum()}
    return {name: round(100 * float(value), 2) for name, value in values.items()}, 100 * iou


def test_sums_over_the_images_are_exactly_what_is_reported(frames):
    metric, results = evaluate(*frames)
    expected, iou = figures(metric.images)
    assert results == expected
    assert np.array_equal([figures['IoU'] for figures in metric.per_class.values()], iou, equal_nan=True)


def test_sums_beyond_what_float32_can_count_are_exact():
    # Each count is exact in float32, their sum 2^24 + 1 is not; IoU of class a is (2^24 + 1) / (2^24 + 3).
    metric = SegmentationMetric()
    metric.dataset_meta = {'classes': ('a', 'b')}
    for name, right, true in (('x', 2**24, 2**24), ('y', 1, 3)):
        intersection, labelled = torch.tensor([right, 5.0]), torch.tensor([true, 5.0])
        predicted = intersection + torch.tensor([0.0, true - right])
        metric.results.append((name, intersection, labelled + predicted - intersection, predicted, labelled))
    metric.evaluate(2)
    assert metric.images['intersection'].sum(0).tolist() == [2**24 + 1, 10]
    assert metric.per_class['a']['IoU'] == 100 * ((2**24 + 1) / (2**24 + 3))


def on_rank(rank, rendezvous, truths, predictions):
    """Evaluates every second image; the first image fills up the second rank's, as the sampler does."""
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2, timeout=timedelta(minutes=1)
    )
    metric = SegmentationMetric()
    metric.dataset_meta = {'classes': CLASSES}
    found = samples(truths, predictions)
    metric.process({}, [*found, found[0]][rank::2])
    return metric.evaluate(len(found)), getattr(metric, 'images', None)


def test_two_processes_find_what_one_finds(frames, tmp_path):
    alone, expected = evaluate(*frames)
    with ProcessPoolExecutor(2, get_context('spawn')) as pool:
        calls = [pool.submit(on_rank, rank, tmp_path / 'rendezvous', *frames) for rank in range(2)]
        (results, images), (others, nothing) = (call.result(timeout=120) for call in calls)
    assert results == others == expected
    assert {name: x.tolist() for name, x in images.items()} == {n: x.tolist() for n, x in alone.images.items()}
    assert nothing is None


def test_what_is_predicted_at_void_does_not_count(frames):
    truths, predictions = frames
    elsewhere = np.where(truths == 255, (predictions + 1) % 4, predictions)
    assert evaluate(truths, elsewhere)[1] == evaluate(truths, predictions)[1]


def test_frames_are_summed_before_the_ratio(frames):
    truths, predictions = frames
    whole = evaluate([truths.reshape(1, -1, 7)[0]], [predictions.reshape(1, -1, 7)[0]])[1]
    assert evaluate(truths, predictions)[1] == whole


def test_a_second_evaluation_starts_afresh(frames):
    truths, predictions = frames
    metric, first = evaluate(truths, predictions)
    perfect = np.where(truths == 255, 0, truths)
    metric.process({}, samples(truths[None], perfect[None]))
    assert metric.evaluate(1) == {'mIoU': 100.0, 'mAcc': 100.0, 'aAcc': 100.0} != first
    assert np.isnan(metric.per_class['lamp']['IoU'])  # neither true nor predicted this time
    assert metric.images['ids'].tolist() == ['s0']


def test_nothing_is_printed(frames, capsys):
    evaluate(*frames)
    printed = capsys.readouterr()
    assert 'IoU' not in printed.out + printed.err
