"""How a training is looked at; what is found then: nonfinite/, and test_amp.py for float16."""

from fdkd.engine.hooks import StopOnNonFiniteLoss
from fdkd.engine.nonfinite.deferred import DeferredLooks
from fdkd.engine.nonfinite.immediate import ImmediateLooks
from tests.support.small_training import Training


def test_the_device_decides_how_it_looks(tmp_path, request):
    assert type(Training(tmp_path).hooks[-1]._looks) is ImmediateLooks
    request.getfixturevalue('on_gpu')
    assert type(Training(tmp_path).hooks[-1]._looks) is DeferredLooks


def test_before_a_training_there_is_nothing_to_look_at():
    StopOnNonFiniteLoss().before_val(None)
