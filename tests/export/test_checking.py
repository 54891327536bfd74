"""When an exported student counts as the same, and what its predictions are scored as."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fdkd.algorithms import SingleModality
from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ExportError
from fdkd.export import Exported
from fdkd.export.checking import Scored, cropped, eager_logits, predicted, raw
from tests.export.conftest import classifier, lived_in, segmentor_config

SENSOR = dict(type='MultimodalPreprocessor', modalities=dict(imu=dict(), depth=dict(mean=[2.0], std=[1.5], hole=0.0)))
META = [{'name': 'imu', 'dtype': 'float32', 'shape': ['N', 1, 6, 20], 'holds': ''}]


@pytest.fixture(scope='module')
def algorithm():
    return SingleModality('imu', classifier(type='ResNet18', in_channels=1), SENSOR).eval()


@pytest.fixture(scope='module')
def batch():
    samples = [ClassSample(metainfo={'sample_id': str(n), 'index': n}, gt_label=torch.tensor(n % 3)) for n in range(4)]
    return {'inputs': {'imu': list(torch.randn(4, 1, 6, 20))}, 'data_samples': samples}


def scored(algorithm, batch, change):
    """Of a file whose logits are those of the model, changed."""
    eager = eager_logits(algorithm, batch)
    file = Exported({'inputs': META}, lambda inputs: change(eager.numpy().copy()))
    found = Scored(algorithm, dict(type='ClassificationMetric'), {'classes': ['a', 'b', 'c']}, file)
    found.add(batch, eager, labelled=True)
    return found


def test_rounding_passes(algorithm, batch):
    found = scored(algorithm, batch, lambda logits: logits + np.float32(5e-5))
    found.refuse_difference()
    assert found.difference == pytest.approx(5e-5, rel=0.1)
    assert (found.same, found.decisions) == (4, 4)


@pytest.mark.parametrize('wrong', [2e-4, np.nan])
def test_other_logits_are_refused_with_numbers(algorithm, batch, wrong):
    def change(logits):
        logits[1, 0] += np.float32(wrong)
        return logits

    found = scored(algorithm, batch, change)
    found.add(batch, eager_logits(algorithm, batch), labelled=False)
    with pytest.raises(
        ExportError, match=r'by up to (0\.0002|nan) \(expected below 0\.0001 for logits up to .*nothing was written'
    ):
        found.refuse_difference()


def test_rounding_may_grow_with_the_logits(algorithm, batch):
    found = scored(algorithm, batch, lambda logits: logits)
    found.largest, found.difference = 40.0, 3.9e-4
    found.refuse_difference()
    found.difference = 4.1e-4
    with pytest.raises(ExportError, match=r'up to 0\.00041 \(expected below 0\.0004 for logits up to 40\)'):
        found.refuse_difference()
    assert scored(algorithm, batch, lambda logits: logits).tolerance == 1e-4
    large = Scored(algorithm, dict(type='ClassificationMetric'), {})
    large.add(batch, torch.tensor([[-50.0, 1.0, 2.0]] * 4), labelled=False)
    assert large.largest == 50


@pytest.mark.parametrize('wrong', [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused_of_any_file(algorithm, batch, wrong):
    scored(algorithm, batch, lambda logits: logits + np.float32(7)).refuse_nonfinite()
    with pytest.raises(ExportError, match='NaN or infinite logits; nothing was written'):
        scored(algorithm, batch, lambda logits: logits + np.float32(wrong)).refuse_nonfinite()


def test_a_nan_stays_after_good_batches(algorithm, batch):
    eager = eager_logits(algorithm, batch)
    broken = eager.numpy().copy()
    broken[0, eager[0].argmax()] = np.nan  # which is what argmax takes for the largest
    answers = iter([broken, eager.numpy()])
    found = Scored(
        algorithm, dict(type='ClassificationMetric'), {}, Exported({'inputs': META}, lambda _: next(answers))
    )
    for _ in range(2):
        found.add(batch, eager, labelled=False)
    assert found.share == 1
    with pytest.raises(ExportError, match='nan'):
        found.refuse_difference()


def test_other_decisions_are_refused(algorithm, batch):
    found = scored(algorithm, batch, lambda logits: logits)
    found.same -= 1
    with pytest.raises(ExportError, match=r'decisions on 25\.00 % of 4 '):
        found.refuse_difference()


def test_another_shape_is_refused(algorithm, batch):
    with pytest.raises(ExportError, match=r'puts out \(4, 2\), expected \(4, 3\)'):
        scored(algorithm, batch, lambda logits: logits[:, :2])


def test_metrics_are_of_the_files_predictions(algorithm, batch):
    labels = torch.tensor([0, 1, 2, 0])
    right = scored(algorithm, batch, lambda _: torch.nn.functional.one_hot(labels, 3).float().numpy())
    assert right.metrics()['accuracy'] == 100
    wrong = scored(algorithm, batch, lambda _: torch.nn.functional.one_hot((labels + 1) % 3, 3).float().numpy())
    assert wrong.metrics()['accuracy'] == 0
    assert Scored(algorithm, dict(type='ClassificationMetric'), {}).metrics() == {}


def test_predictions_are_those_of_the_classifier(algorithm, batch):
    expected = algorithm.test_step(copy.deepcopy(batch))
    found = predicted(algorithm, eager_logits(algorithm, batch), batch['data_samples'])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.pred_scores, other.pred_scores)
        assert one.pred_label == other.pred_label
    assert 'pred_label' not in batch['data_samples'][0]


def test_logits_and_predictions_are_those_of_the_segmentor():
    torch.manual_seed(0)
    algorithm = SingleModality('depth', ConfigDict(segmentor_config()), SENSOR).eval()
    lived_in(algorithm.student)
    meta = dict(sample_id='a', ori_shape=(40, 30), img_shape=(24, 32))
    samples = [SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=torch.zeros(1, 40, 30))) for _ in range(2)]
    batch = {'inputs': {'depth': list(3 * torch.rand(2, 1, 24, 32))}, 'data_samples': samples}
    logits = eager_logits(algorithm, batch)
    x = algorithm.data_preprocessor(batch, False)['inputs']['depth']
    for row, expected in zip(logits, algorithm.student.predict(x), strict=True):
        torch.testing.assert_close(row, expected.seg_logits.data)
    expected = algorithm.test_step(copy.deepcopy(batch))
    for one, other in zip(predicted(algorithm, logits, samples), expected, strict=True):
        assert one.pred_sem_seg.data.shape == (1, 40, 30)
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
    smaller = cropped(batch, 'depth')
    assert raw(algorithm, smaller)['depth'].shape == (2, 1, 18, 24)
    assert eager_logits(algorithm, smaller).shape == (2, 5, 18, 24)
