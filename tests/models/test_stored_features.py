"""A teacher of stored features: its taps, and a distillation from it."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from fdkd.algorithms import CrossModalDistiller
from fdkd.algorithms.facts import TapFacts
from fdkd.check.external import check_external
from fdkd.check.findings import Findings
from fdkd.check.inputs import Plan, generated_batch
from fdkd.datasets.class_sample import ClassSample
from fdkd.datasets.transforms import LoadFeatures
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.engine.teacher_cache.hook import refusals
from fdkd.errors import CheckpointError, ConfigError, DataError
from fdkd.models import StoredFeatures
from tests.support.pairs import CLASSES, network

TAPS = dict(feat=(6,), steps=(4, 3), map=(2, 3, 5), logits=(CLASSES,))
SIZE = 6 + 12 + 30 + CLASSES


@pytest.fixture
def values():
    return torch.randn(3, SIZE, generator=torch.Generator().manual_seed(0))


def read(model, inputs, *names, stop_early=False):
    reader = TapReader(model, resolve_taps(model, names), stop_early)
    return reader.run(model, inputs)[1]


def test_taps_are_what_the_files_hold(tmp_path):
    generator, stored, rows = np.random.default_rng(0), [], []
    step = LoadFeatures('features', TAPS)
    for number in range(3):
        stored.append({name: generator.normal(size=shape).astype(np.float32) for name, shape in TAPS.items()})
        np.savez(tmp_path / f'{number}.npz', **stored[-1])
        rows.append(torch.from_numpy(step.apply(str(tmp_path / f'{number}.npz'), 'a')))
    taps = read(StoredFeatures(TAPS), torch.stack(rows), *TAPS)
    for name, x in taps.items():
        np.testing.assert_array_equal(x.numpy(), np.stack([entry[name] for entry in stored]))


def test_it_has_no_weights_and_says_its_widths():
    model = StoredFeatures(TAPS)
    assert not model.state_dict()
    assert model.tap_widths == {'stored.feat': 6, 'stored.steps': 3, 'stored.map': 2, 'stored.logits': CLASSES}
    student = torch.nn.Linear(1, 1)
    facts = TapFacts(student, model, {'feat': '', 'maps': ['']}, {'feat': 'stored.feat', 'maps': ['stored.map']})
    assert facts('teacher_channels', 'feat') == facts('channels', 'feat') == 6
    assert facts('channels', 'maps') == [2]
    assert facts('margins', 'feat') is None


def test_the_classes_are_those_of_the_logits():
    assert StoredFeatures(TAPS).num_classes == StoredFeatures(TAPS, CLASSES).num_classes == CLASSES
    assert StoredFeatures(dict(feat=(6,)), 3).num_classes == 3
    with pytest.raises(ConfigError, match='the logits are 5, the classes 3'):
        StoredFeatures(TAPS, 3)


def test_predictions_come_from_the_logits(values):
    samples = [ClassSample() for _ in range(3)]
    StoredFeatures(TAPS)(values, samples, mode='predict')
    for sample, row in zip(samples, values[:, -CLASSES:], strict=True):
        assert sample.pred_label == row.argmax()
        torch.testing.assert_close(sample.pred_scores, row.softmax(0))
    assert torch.equal(StoredFeatures(TAPS)(values), values[:, -CLASSES:])


def test_without_logits_there_is_no_prediction(values):
    model = StoredFeatures(dict(feat=(6,)), CLASSES)
    assert torch.equal(model(values[:, :6]), values[:, :6])
    with pytest.raises(DataError, match=r"no logits of whole samples are stored, only \{'feat': \(6,\)\}"):
        model(values[:, :6], [ClassSample() for _ in range(3)], mode='predict')


def test_another_size_and_training_are_refused(values):
    with pytest.raises(DataError, match=rf'\(52,\) values of each sample, expected \({SIZE},\): LoadFeatures'):
        StoredFeatures(TAPS)(values[:, :-1])
    with pytest.raises(ConfigError, match='cannot be trained'):
        StoredFeatures(TAPS)(values, [], mode='loss')


def distiller(losses, **teacher):
    stored = dict(type='StoredFeatures', taps=TAPS)
    return CrossModalDistiller(
        student=dict(modality='audio', model=network(1)),
        teacher=dict(modality='features', model={**stored, **teacher}, checkpoint=None),
        losses=losses,
    )


def test_a_student_learns_from_logits_and_through_a_projection_from_features(values):
    projection = dict(type='Projection', in_channels=512, out_channels=6)
    losses = dict(
        kd=dict(type='LogitKDLoss', on='logits', tau=1.0),
        feat=dict(type='FeatureMSELoss', on='feat', connector=projection),
    )
    model = distiller(losses)
    model.init_weights()
    present = (('audio', 'features', 'label'), ('audio', 'label'), ('audio', 'features', 'label'))
    samples = [ClassSample(metainfo={'present': names}, gt_label=torch.tensor(1)) for names in present]
    sound = torch.randn(3, 1, 33, 33, generator=torch.Generator().manual_seed(1))
    inputs = {'audio': sound, 'features': values[:2]}
    for _ in range(2):  # the second pass of the teacher ends at its last tap
        found = model.loss(inputs, samples)
    logits = model.student(sound).detach()
    expected = torch.nn.functional.kl_div(
        logits[[0, 2]].log_softmax(1), values[:2, -CLASSES:].softmax(1), reduction='batchmean'
    )
    torch.testing.assert_close(found['kd.loss'].detach(), expected, rtol=1e-4, atol=1e-5)
    sum(value for name, value in found.items() if 'loss' in name).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert not any('teacher' in name for name in model.state_dict())


def test_fdkd_learns_its_width_from_the_stored_shape():
    projection = dict(type='Projection', in_channels=512, out_channels=6)
    model = distiller(dict(fdkd=dict(type='FDKDLoss', on='feat', connector=projection)))
    shapes = {tuple(x.shape) for x in model.terms.losses.state_dict().values() if x.ndim == 2}
    assert shapes == {(CLASSES, 6)}


def test_another_number_of_classes_is_refused():
    with pytest.raises(CheckpointError, match='knows 4 classes, the student 5'):
        distiller(dict(kd=dict(type='LogitKDLoss', on='logits')), taps=dict(logits=(4,)))


def test_there_is_nothing_to_cache():
    [reason] = refusals(distiller(dict(kd=dict(type='LogitKDLoss', on='logits'))), None)
    assert reason.startswith('StoredFeatures has no weights')


def test_a_config_is_checked_without_files():
    pipeline = [dict(type='LoadFeatures', modality='features', taps=TAPS), dict(type='PackClassification')]
    batch = generated_batch(pipeline, Plan(('features',), CLASSES, {}), 2)
    assert [x.shape for x in batch['inputs']['features']] == [(SIZE,)] * 2
    teacher = dict(modality='features', model=dict(type='StoredFeatures', taps=TAPS))
    found = Findings('mine.py')
    check_external(Config(dict(model=dict(type='CrossModalDistiller', teacher=teacher))), found)
    assert not found.mistakes
    assert not found.notes
