"""What the console shows."""

import logging
import sys

from fdkd.engine.console import ShortRecords, bar_over, import_quietly, tell_once


def record(text, level=logging.INFO):
    return logging.LogRecord('x', level, 'x', 1, text, (), None)


def test_long_records_are_held_back_and_warnings_are_not():
    keep = ShortRecords().filter
    assert keep(record('Epoch 1'))
    assert not keep(record('a\nb\nc\nd'))
    assert keep(record('a\nb\nc\nd', logging.WARNING))
    assert not keep(record('"FileClient" will be deprecated', logging.WARNING))


def test_a_quiet_import_prints_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / 'chatty_module.py').write_text("import warnings\nprint('hello')\nwarnings.warn('hello')\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_quietly('chatty_module')
    assert 'chatty_module' in sys.modules
    assert capsys.readouterr() == ('', '')


def test_a_bar_that_nobody_sees_prints_nothing(capsys):
    assert list(bar_over([1, 2], 'counting')) == [1, 2]
    assert capsys.readouterr() == ('', '')


def test_a_line_is_told_once_and_by_the_main_process_alone(capsys, monkeypatch):
    for text in ('a line of this test', 'a line of this test', 'another \x1b[2J'):
        tell_once(text)
    assert capsys.readouterr().out == 'a line of this test\nanother \\x1b[2J\n'
    monkeypatch.setattr('fdkd.engine.console.is_main_process', lambda: False)
    tell_once('a line of another process')
    assert capsys.readouterr().out == ''
