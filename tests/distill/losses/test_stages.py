"""Channels and shapes of stages: what fits, and what each message says."""

import pytest
import torch

from fdkd.distill.losses.stages import as_map, stage_channels, stage_pairs
from fdkd.errors import LossError


def test_a_vector_is_a_map_of_one_position():
    vector, feature_map = torch.rand(2, 3), torch.rand(2, 3, 1, 1)
    assert as_map(vector).equal(vector.view(2, 3, 1, 1))
    assert as_map(feature_map) is feature_map
    with pytest.raises(LossError, match=r'\(2, 5, 3\).*\[N, D\].*\[N, C, H, W\]'):
        as_map(torch.zeros(2, 5, 3))


@pytest.mark.parametrize(('student', 'teacher'), [(4, 8), ([4], (8,))])
def test_a_number_is_a_single_stage(student, teacher):
    assert stage_channels('L', student, teacher) == [(4, 8)]


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        (None, 4, r'L needs the channels.*student_channels=.*teacher_channels='),
        (4, None, r'L needs the channels'),
        ([4, 8], 4, r'student_channels \[4, 8\], teacher_channels \[4\]'),
    ],
)
def test_channels_that_do_not_fit_are_named(student, teacher, message):
    with pytest.raises(LossError, match=message):
        stage_channels('L', student, teacher)


def test_stages_are_paired_in_order():
    student = [torch.zeros(2, 3), torch.zeros(2, 4, 1, 1)]
    teacher = [torch.zeros(2, 5, 2, 2), torch.zeros(2, 6)]
    pairs = stage_pairs(student, tuple(teacher), [(3, 5), (4, 6)])
    assert all(s is a and t is b for (s, t), a, b in zip(pairs, student, teacher, strict=True))
    assert stage_pairs(student[0], teacher[1], [(3, 6)]) == [(student[0], teacher[1])]


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        (torch.zeros(2, 9), torch.zeros(2, 5), r'student features \(2, 9\).*student_channels \[3\]'),
        (torch.zeros(2, 3), torch.zeros(2, 9, 1, 1), r'teacher features \(2, 9, 1, 1\).*teacher_channels \[5\]'),
        ([torch.zeros(2, 3)] * 2, torch.zeros(2, 5), r'student features \(2, 3\), \(2, 3\).*\[3\]'),
        (torch.zeros(2, 3), [], r'teacher features .*teacher_channels \[5\]'),
    ],
)
def test_features_that_do_not_fit_are_named(student, teacher, message):
    with pytest.raises(LossError, match=message):
        stage_pairs(student, teacher, [(3, 5)])
