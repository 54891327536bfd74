"""The message for two features that cannot be compared."""

import pytest
import torch

from fdkd.distill.losses.checks import at_least_float32, ignored_label, same_shape


@pytest.mark.parametrize('shape', [(3,), (2, 8), (2, 5, 8), (2, 8, 4, 4), (2, 8, 1, 4, 4)])
def test_equal_shapes_pass(shape):
    same_shape(torch.zeros(shape), torch.ones(shape))


@pytest.mark.parametrize(
    ('student', 'teacher'), [((2, 8), (2, 6)), ((2, 5, 8), (2, 5, 6)), ((2, 8, 4, 3), (2, 6, 4, 3))]
)
def test_channels_that_differ_name_both_shapes_and_the_connector(student, teacher):
    with pytest.raises(ValueError, match='differ') as error:
        same_shape(torch.zeros(student), torch.zeros(teacher))
    assert str(error.value) == (
        f'student feature {student} and teacher feature {teacher} differ: '
        "add connector=dict(type='Projection', in_channels=8, out_channels=6) to the loss"
    )


@pytest.mark.parametrize(
    ('student', 'teacher'),
    [
        ((2, 8), (3, 8)),  # batches
        ((2, 5, 8), (2, 6, 8)),  # lengths
        ((2, 8, 4, 4), (3, 6, 8, 8)),  # batches beside sizes and widths
        ((2, 8), (2, 5, 8)),  # kinds
        ((3,), (4,)),
        ((2, 8, 4, 3, 3), (2, 8, 5, 3, 3)),
    ],
)
def test_what_no_connector_adapts_suggests_none(student, teacher):
    with pytest.raises(ValueError, match='differ') as error:
        same_shape(torch.zeros(student), torch.zeros(teacher))
    assert str(error.value) == f'student feature {student} and teacher feature {teacher} differ'


@pytest.mark.parametrize(
    ('student', 'teacher', 'connector'),
    [
        ((2, 8, 4, 4), (2, 8, 8, 3), "dict(type='Resize')"),
        (
            (2, 8, 4, 4),
            (2, 6, 4, 3),
            "[dict(type='Resize'), dict(type='Projection', in_channels=8, out_channels=6)]",
        ),
    ],
)
def test_sizes_that_differ_name_the_connectors(student, teacher, connector):
    with pytest.raises(ValueError, match='differ') as error:
        same_shape(torch.zeros(student), torch.zeros(teacher))
    assert str(error.value).endswith(f': add connector={connector} to the loss')


@pytest.mark.parametrize(
    ('dtypes', 'common'),
    [
        ((torch.float16, torch.bfloat16), torch.float32),
        ((torch.float16, torch.float64), torch.float64),
        ((torch.float32,), torch.float32),
    ],
)
def test_tensors_meet_in_at_least_float32(dtypes, common):
    found = at_least_float32(*(torch.ones(2, dtype=dtype) for dtype in dtypes))
    assert [x.dtype for x in found] == [common] * len(dtypes)


def test_255_is_a_class_of_vectors_and_void_in_maps():
    assert ignored_label(torch.zeros(4)) == -1
    assert ignored_label(torch.zeros(2, 4, 4)) == 255
