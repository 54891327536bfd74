"""Accuracy, F1 and the confusion matrix against scikit-learn, and by hand."""

import math
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from sklearn import metrics as sklearn

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError
from fdkd.evaluation import ClassificationMetric
from fdkd.evaluation.hits import pack_hits, unpack_hits

CLASSES = ('dog', 'cat', 'owl', 'ghost', 'bat')


def samples(labels, scores, heads=None):
    """What a model hands to the evaluator; ids count from ``s0``."""
    found = []
    for index, (label, row) in enumerate(zip(labels, scores, strict=True)):
        row = torch.as_tensor(row)
        sample = ClassSample(metainfo={'sample_id': f's{index}'}, gt_label=torch.tensor(int(label)))
        sample.set_field(row, 'pred_scores')
        sample.set_field(row.argmax(), 'pred_label')
        if heads:
            sample.set_field({name: torch.as_tensor(values[index]) for name, values in heads.items()}, 'head_scores')
        found.append(sample)
    return found


def evaluate(batches, classes=CLASSES):
    evaluator = Evaluator({'type': 'ClassificationMetric'})
    evaluator.dataset_meta = {'classes': classes}
    for batch in batches:
        evaluator.process(batch)
    return evaluator.metrics[0], evaluator.evaluate(sum(map(len, batches)))


def one_hot(predicted, classes=5):
    return np.eye(classes, dtype=np.float32)[list(predicted)]


@pytest.fixture
def drawn():
    """Labels and scores of 200 samples; class 3 never occurs and is never predicted, class 4 is only predicted."""
    random = np.random.default_rng(0)
    labels = random.choice([0, 0, 0, 1, 2], 200)
    scores = random.random((200, 5)).astype(np.float32)
    scores[np.arange(200), labels] += 0.4
    scores[:, 3] = 0
    return labels, scores / scores.sum(1, keepdims=True)


def test_names_have_no_prefix_and_mmengine_does_not_warn_of_it(drawn, capsys):
    labels, scores = drawn
    _, found = evaluate([samples(labels, scores)])
    assert list(found) == ['accuracy', 'macro_f1']
    assert 'prefix' not in ''.join(capsys.readouterr())


def test_equals_scikit_learn(drawn):
    labels, scores = drawn
    predicted = scores.argmax(1)
    assert set(predicted) == {0, 1, 2, 4}  # the fixture is what it claims
    metric, results = evaluate([samples(labels[:128], scores[:128]), samples(labels[128:], scores[128:])])
    assert results == {
        'accuracy': round(100 * sklearn.accuracy_score(labels, predicted), 2),
        'macro_f1': round(100 * sklearn.f1_score(labels, predicted, average='macro'), 2),
    }
    assert np.array_equal(metric.confusion, sklearn.confusion_matrix(labels, predicted, labels=range(5)))
    expected = sklearn.precision_recall_fscore_support(labels, predicted, labels=range(5), zero_division=np.nan)
    assert list(metric.per_class) == list(CLASSES)
    for figures, precision, recall, f1, count in zip(metric.per_class.values(), *expected, strict=True):
        wanted = {'accuracy': 100 * recall, 'precision': 100 * precision, 'f1': 100 * f1, 'count': count}
        assert figures == pytest.approx(wanted, nan_ok=True)
    assert math.isnan(metric.per_class['ghost']['f1'])
    assert metric.per_class['bat']['f1'] == 0


def test_by_hand():
    # dog: 1 right of 2 true and 1 predicted, F1 2/3; cat: 2 right of 2 true and 3 predicted, F1 4/5
    metric, results = evaluate([samples([0, 0, 1, 1], one_hot([0, 1, 1, 1], 2))], ('dog', 'cat'))
    assert results == {'accuracy': 75.0, 'macro_f1': 73.33}
    assert metric.confusion.tolist() == [[1, 1], [0, 2]]  # a dog was taken for a cat
    assert metric.per_class['dog'] == pytest.approx({'accuracy': 50, 'precision': 100, 'f1': 200 / 3, 'count': 2})


def test_predictions_keep_order_id_and_probability():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32)
    metric, _ = evaluate([samples([1, 2], scores)], CLASSES[:3])
    assert metric.predictions == [
        {'sample_id': 's0', 'label': 1, 'predicted': 1, 'score': pytest.approx(0.7)},
        {'sample_id': 's1', 'label': 2, 'predicted': 0, 'score': pytest.approx(0.5)},
    ]


def test_hits_are_those_of_the_labelled_samples_in_order():
    predicted, labels = [1, 0, 2, 2, 1, 0, 0, 1, 1, 0], [1, -1, 2, 0, -1, 1, 0, 1, 1, 0]
    metric, results = evaluate(
        [samples(labels[:4], one_hot(predicted[:4])), samples(labels[4:], one_hot(predicted[4:]))]
    )
    assert metric.per_sample['labelled'] == 8
    hits = unpack_hits(metric.per_sample['hits'], 8)
    assert hits.tolist() == [True, True, False, False, True, True, True, True]
    assert results['accuracy'] == 100 * hits.mean() == 75


def test_samples_without_a_label_are_predicted_but_not_scored(drawn):
    labels, scores = drawn
    hidden = np.where(np.arange(200) % 3 == 0, -1, labels)
    metric, results = evaluate([samples(hidden, scores, {'low': scores[:, ::-1].copy()})])
    kept = hidden != -1
    alone, expected = evaluate([samples(labels[kept], scores[kept], {'low': scores[kept][:, ::-1].copy()})])
    assert results == expected
    assert np.array_equal(metric.confusion, alone.confusion)
    assert [sample['label'] for sample in metric.predictions] == hidden.tolist()
    assert [sample['predicted'] for sample in metric.predictions] == scores.argmax(1).tolist()


def test_without_a_single_label_every_figure_is_undefined():
    metric, results = evaluate([samples([-1, -1], one_hot([0, 1]))])
    assert results == pytest.approx({'accuracy': math.nan, 'macro_f1': math.nan}, nan_ok=True)
    assert metric.confusion.sum() == 0
    assert metric.per_sample == {'labelled': 0, 'hits': ''}
    assert [sample['predicted'] for sample in metric.predictions] == [0, 1]


def test_further_heads_have_accuracies_of_their_own():
    labels = [0, 1, 2, -1]
    heads = {'low': one_hot([0, 1, 0, 1]), 'high': one_hot([1, 2, 2, 0])}
    metric, results = evaluate([samples(labels, one_hot([0, 1, 2, 2]), heads)])
    assert results == {'accuracy': 100.0, 'macro_f1': 100.0, 'accuracy_low': 66.67, 'accuracy_high': 33.33}
    assert set(metric.predictions[0]) == {'sample_id', 'label', 'predicted', 'score'}


def test_a_second_evaluation_starts_afresh(drawn):
    metric, first = evaluate([samples(*drawn)])
    metric.process({}, [sample.to_dict() for sample in samples([0, 1], one_hot([0, 1]))])
    assert metric.evaluate(2) == {'accuracy': 100.0, 'macro_f1': 100.0} != first
    assert len(metric.predictions) == metric.confusion.sum() == 2


def test_another_number_of_classes_is_named():
    with pytest.raises(ConfigError, match=r'the model scores 5 classes, the data set has 3: set num_classes=3'):
        evaluate([samples([0], one_hot([0]))], CLASSES[:3])


def on_rank(rank, rendezvous, labels, scores):
    """Evaluates every second sample; the first sample fills up the second rank's, as the sampler does."""
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2, timeout=timedelta(minutes=1)
    )
    metric = ClassificationMetric()
    metric.dataset_meta = {'classes': CLASSES}
    found = [sample.to_dict() for sample in samples(labels, scores)]
    metric.process({}, [*found, found[0]][rank::2])
    return metric.evaluate(len(found)), getattr(metric, 'predictions', None), getattr(metric, 'per_sample', None)


def test_two_processes_find_what_one_finds(drawn, tmp_path):
    labels, scores = (part[:7] for part in drawn)
    alone, expected = evaluate([samples(labels, scores)])
    with ProcessPoolExecutor(2, get_context('spawn')) as pool:
        calls = [pool.submit(on_rank, rank, tmp_path / 'rendezvous', labels, scores) for rank in range(2)]
        (metrics, predictions, per_sample), (others, *nothing) = (call.result(timeout=120) for call in calls)
    assert metrics == others == expected
    assert predictions == alone.predictions
    assert per_sample == {'labelled': 7, 'hits': pack_hits(scores.argmax(1) == labels)}
    assert nothing == [None, None]
