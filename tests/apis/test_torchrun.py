"""The status that torchrun ends with."""

import signal

import pytest
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from fdkd.apis import torchrun
from fdkd.engine.interruption import STOPPED


@pytest.fixture
def end(monkeypatch):
    """The status where torchrun ends with an error."""

    def end(error):
        def run():
            raise error

        monkeypatch.setattr('torch.distributed.run.main', run)
        with pytest.raises(SystemExit) as ended:
            torchrun.main()
        return ended.value.code

    return end


def failed(*failures, file=''):
    ranks = {rank: ProcessFailure(rank, 100 + rank, status, str(file)) for rank, status in failures}
    return ChildFailedError('tools/train.py', ranks)


def test_a_signal_to_torchrun_is_a_reason_to_try_again(end, capsys):
    assert end(SignalException('got it', signal.SIGTERM)) == 75
    assert 'stopped by SIGTERM' in capsys.readouterr().err
    assert torchrun.STOPPED == STOPPED


def test_the_status_is_that_of_the_rank_that_ended_first(end, capsys):
    late = failed((1, 1), (0, 75))
    late.failures[0].timestamp += 5
    assert end(late) == 1
    assert end(failed((1, 75))) == 75
    assert capsys.readouterr().err.splitlines() == [
        'rank 1 was the first to end, with exit status 1',
        'rank 1 was the first to end, with exit status 75',
    ]


def test_a_rank_that_was_killed_or_left_a_traceback_gets_torchruns_table(end, capsys, tmp_path):
    assert end(failed((1, -9))) == 137
    assert 'Signal 9 (SIGKILL) received by PID 101' in capsys.readouterr().err
    trace = tmp_path / 'error.json'
    trace.write_text('{"message": {"message": "m", "extraInfo": {"py_callstack": "its traceback", "timestamp": "1"}}}')
    assert end(failed((0, 1), file=trace)) == 1
    assert 'its traceback' in capsys.readouterr().err
