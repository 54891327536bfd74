"""Which failures say only that another rank has gone; tests/robustness/test_signals.py has whole ranks fail."""

import json

import pytest

from fdkd.engine import rank_failure


@pytest.fixture
def fail(monkeypatch):
    """What a rank that fails says."""
    said = []
    monkeypatch.setattr(rank_failure, 'leave_at_once', lambda message, status: said.append((message, status)))
    monkeypatch.setattr('time.sleep', lambda seconds: None)

    def fail(error):
        said.clear()
        try:
            raise error
        except Exception as caught:
            rank_failure.fail(caught)
        return said[0]

    return fail


@pytest.mark.parametrize(
    'message',
    [
        '[../third_party/gloo/pair.cc:534] Connection closed by peer [127.0.0.1]:1234',
        'Socket Timeout\nConnection reset by peer',
        'writev [127.0.0.1]:1: Broken pipe',
        'NCCL communicator was aborted on rank 1.',
    ],
)
def test_another_rank_that_has_gone_takes_one_line(fail, message):
    first = message.split('\n')[0]
    expected = f'error: another rank has gone, whose own message says why (RuntimeError: {first})'
    assert fail(RuntimeError(message)) == (expected, 1)


@pytest.mark.parametrize('error', [RuntimeError('The size of tensor a must match'), ConnectionResetError('reset')])
def test_trouble_of_its_own_keeps_its_traceback_and_torchrun_hears_of_it(fail, error, monkeypatch, tmp_path):
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'error.json'))
    message, status = fail(error)
    assert (message.splitlines()[0], status) == ('Traceback (most recent call last):', 1)
    assert message.endswith(f'{type(error).__name__}: {error}')
    told = json.loads((tmp_path / 'error.json').read_text())['message']['extraInfo']['py_callstack']
    assert told.rstrip() == message
