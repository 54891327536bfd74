"""What the console shows."""

import logging
import sys

from fdkd.engine.console import ShortRecords, import_quietly


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
