"""A progress bar in a batch job's log: one line on stderr, at the end."""

import pytest

from fdkd.datasets.prepare.progress import progress_bar


def test_counts_begin_with_what_was_done_before(capsys):
    with progress_bar('frames', 10, done=4) as advance:
        advance(1)
        advance(2)
    printed = capsys.readouterr()
    assert printed.out == ''
    [line] = printed.err.splitlines()
    assert line.startswith('frames ')
    assert ' 7/10 ' in line
    assert line.rstrip().endswith('left')


def test_bytes_have_a_unit(capsys):
    with progress_bar('a.mat', 2_500_000, in_bytes=True) as advance:
        advance(1_500_000)
    assert '1.5/2.5 MB' in capsys.readouterr().err


def test_what_a_server_does_not_say_is_left_open(capsys):
    with progress_bar('a.mat', None, in_bytes=True) as advance:
        advance(1_500_000)
    assert '1.5/?' in capsys.readouterr().err


def test_an_interrupted_bar_says_how_far_it_came(capsys):
    def work():
        with progress_bar('frames', 10) as advance:
            advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ' 3/10 ' in capsys.readouterr().err
