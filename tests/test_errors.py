"""Errors that a user can act on are one family, and each is also what its callers expect of it."""

import pytest

from fdkd import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize('kind', KINDS)
def test_every_one_is_expected_and_keeps_its_message(kind):
    with pytest.raises(errors.FdkdError, match=r'^a message$'):
        raise kind('a message')


def test_a_loss_refuses_shapes_as_functions_do_and_a_damaged_checkpoint_is_a_checkpoint_that_cannot_be_read():
    assert issubclass(errors.LossError, ValueError)
    assert issubclass(errors.DamagedCheckpointError, errors.CheckpointError)
    other = {errors.FdkdError, errors.LossError, errors.DamagedCheckpointError}
    assert {kind.__bases__ for kind in KINDS if kind not in other} == {(errors.FdkdError,)}
