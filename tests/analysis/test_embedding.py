"""t-SNE of models together: which rows, in which order, and the same twice."""

import numpy as np
import pytest
import torch

from fdkd.analysis.embedding import embed
from fdkd.errors import FdkdError

LABELS = torch.arange(30) % 3


def features(shift=0.0):
    noise = torch.randn(30, 8, generator=torch.Generator().manual_seed(0)) * 0.05
    return noise + 3 * torch.eye(8)[LABELS] + shift


def test_chosen_classes_of_all_models_share_a_plane():
    embedding = embed({'teacher': features(), 'student': features(0.01)}, LABELS, [0, 2])
    assert embedding.labels.tolist() == [label for label in LABELS.tolist() if label != 1]
    assert {name: points.shape for name, points in embedding.points.items()} == {'teacher': (20, 2), 'student': (20, 2)}
    teacher, student = embedding.points.values()
    apart = np.linalg.norm(teacher[embedding.labels == 0].mean(0) - teacher[embedding.labels == 2].mean(0))
    own = np.linalg.norm(teacher - student, axis=1).mean()  # nearly equal features lie side by side
    assert own < apart / 3


def test_the_seed_decides():
    first, second = (embed({'student': features()}, LABELS, [0, 1, 2]).points['student'] for _ in range(2))
    assert np.array_equal(first, second)


def test_few_points_bound_the_perplexity():
    assert embed({'student': features()[:4]}, LABELS[:4], [0, 1, 2]).points['student'].shape == (4, 2)


@pytest.mark.parametrize(
    ('sizes', 'classes', 'message'),
    [
        ((30, 29), [0], 'expected \\[N, D\\] of each, N labels'),
        ((30, 30), [7], '0 points of the classes \\[7\\]'),
    ],
)
def test_what_cannot_be_shown_is_refused(sizes, classes, message):
    models = {str(number): features()[:size] for number, size in enumerate(sizes)}
    with pytest.raises(FdkdError, match=message):
        embed(models, LABELS, classes)
