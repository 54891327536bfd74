"""mIoU, mean accuracy and pixel accuracy against a confusion matrix in NumPy."""

import numpy as np
import pytest
import torch

from fdkd.evaluation import SegmentationMetric

CLASSES = ('wall', 'floor', 'bed', 'chair', 'ghost', 'lamp')


def evaluate(truths, predictions, classes=CLASSES):
    """The metric after one ``process`` per frame, and its results."""
    metric = SegmentationMetric()
    metric.dataset_meta = {'classes': classes}
    for truth, prediction in zip(truths, predictions, strict=True):
        sample = {
            'pred_sem_seg': {'data': torch.from_numpy(prediction)[None]},
            'gt_sem_seg': {'data': torch.from_numpy(truth)[None]},
        }
        metric.process({}, [sample])
    return metric, metric.evaluate(len(truths))


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
    sample = {'pred_sem_seg': {'data': torch.from_numpy(perfect)}, 'gt_sem_seg': {'data': torch.from_numpy(truths)}}
    metric.process({}, [sample])
    assert metric.evaluate(1) == {'mIoU': 100.0, 'mAcc': 100.0, 'aAcc': 100.0} != first
    assert np.isnan(metric.per_class['lamp']['IoU'])  # neither true nor predicted this time


def test_nothing_is_printed(frames, capsys):
    evaluate(*frames)
    printed = capsys.readouterr()
    assert 'IoU' not in printed.out + printed.err
