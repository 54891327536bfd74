"""Text that others wrote, on the page, in tables and on the terminal: shown, and never taken for anything else."""

import base64
import csv
import hashlib
import io
import logging
import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from fdkd.apis.cli import guarded
from fdkd.commands.prepare import main as prepare
from fdkd.doctor.findings import Finding
from fdkd.doctor.report import Report
from fdkd.engine.console import shorten_console
from fdkd.errors import DataError
from fdkd.printable import printable
from fdkd.report import report
from fdkd.report.page import read_runs, render
from fdkd.reproduce.render import latex, markdown
from fdkd.reproduce.render import render as render_table
from fdkd.reproduce.result import Cell, ResultTable, Row
from tests.report.work_dirs import HOSTILES, write_told

PLAIN = 'plain words'
#: What a terminal obeys.
CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')


class Skeleton(HTMLParser):
    """Tags with the names of their attributes, their values, and all text, scripts and styles apart."""

    COSMETIC = ('wbr',)  # where a long word may break

    def __init__(self, text):
        super().__init__()
        self.tags, self.values, self.words, self.special, self.inside = [], [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in self.COSMETIC:
            self.tags.append((tag, [name for name, _ in attributes]))
            self.values += [(name, value or '') for name, value in attributes]
        self.inside = tag if tag in ('script', 'style') else self.inside

    def handle_endtag(self, tag):
        self.tags.append((f'/{tag}', []))
        self.inside = None

    def handle_comment(self, data):
        self.tags.append(('comment', [data]))

    def handle_data(self, data):
        (self.special if self.inside else self.words).append(data)

    @property
    def text(self):
        return ''.join(self.words)


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """The page about a run of plain words."""
    return page(tmp_path_factory.mktemp('plain'), PLAIN)


def page(folder, text):
    """Two runs, of which one has words: the other makes the table of differences."""
    name = ''.join(letter for letter in text if letter not in '/\0')[:60]
    folders = [write_told(folder / name, text), write_told(folder / 'other', 'other words')]
    runs, problems = read_runs(folders)
    return Skeleton(render(runs, [*problems, f'{text}: a problem']))


@pytest.mark.parametrize('text', HOSTILES, ids=range(len(HOSTILES)))
class TestPage:
    def test_no_element_and_no_attribute_comes_from_it(self, plain, tmp_path, text):
        found = page(tmp_path, text)
        known = {(tag, *names) for tag, names in plain.tags}
        assert {(tag, *names) for tag, names in found.tags} <= known
        for tag in ('script', 'style', 'img', 'a', 'button'):
            assert sum(name == tag for name, _ in found.tags) == sum(name == tag for name, _ in plain.tags)
        assert found.special == plain.special
        assert found.text.count(text) >= 35  # shown as it is, wherever it stood

    def test_no_attribute_leads_anywhere(self, tmp_path, text):
        for name, value in page(tmp_path, text).values:
            assert not name.startswith('on')
            if name in ('href', 'src', 'action', 'formaction', 'srcset'):
                assert value.startswith(('#', 'data:image/png;base64,'))
            if name == 'style':
                assert re.fullmatch(r'width:[\d.]+%', value)


def test_the_policy_admits_the_pages_own_script_and_no_other(plain):
    [policy] = [value for name, value in plain.values if 'default-src' in value]
    [script] = [text for text in plain.special if 'use strict' in text]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; " in policy
    assert "script-src 'unsafe-inline'" not in policy


class TestTables:
    """Tables of a reproduction, in which names of runs, devices and the ends of logs stand."""

    @staticmethod
    def table(text):
        row = Row((text,), (Cell((60.0, 61.0), 2, 62.4, None, (f'failed: {text}', text)),))
        return ResultTable(text, (f'method {text}',), (f'column {text}',), (row, row), text, (text, text))

    @pytest.mark.parametrize('text', [*HOSTILES, '# x', '[a](javascript:x)', '![a](//b)', '<!-- x', '`x`'])
    def test_markdown(self, text):
        found, plain = (
            Skeleton(MarkdownIt('commonmark').enable('table').render(render_table(self.table(words), 'markdown')))
            for words in (text, PLAIN)
        )
        assert found.tags == plain.tags
        assert ' '.join(printable(text).split()) in ' '.join(found.text.split())

    @pytest.mark.parametrize(
        'text', [*HOSTILES, r'\input{/etc/passwd}', r'\write18{x}', '^^5cinput', '%', '\\', '$x$', '}{']
    )
    def test_latex(self, text):
        left = latex.escape(printable(text))
        for escaped in sorted(latex.ESCAPES.values(), key=len, reverse=True):
            left = left.replace(escaped, '')
        assert not re.search(r'[\\%&_#{}$~^<>|]', left)
        lines, plain = (render_table(self.table(words), 'latex').splitlines() for words in (text, PLAIN))
        assert len(lines) == len(plain)
        assert not CONTROL.search(''.join(lines))

    @pytest.mark.parametrize('text', HOSTILES, ids=range(len(HOSTILES)))
    def test_csv_and_terminal(self, text):
        told = ' '.join(printable(text).split())
        lines = list(csv.reader(io.StringIO(render_table(self.table(text), 'csv'))))
        plain = list(csv.reader(io.StringIO(render_table(self.table(PLAIN), 'csv'))))
        assert [len(line) for line in lines[:3]] == [len(line) for line in plain[:3]]
        assert len(lines) >= len(plain)
        assert lines[1][0] == printable(' '.join(text.split()))
        assert not CONTROL.search(render_table(self.table(text), 'terminal').replace('\n', ''))
        assert told.split()[0] in render_table(self.table(text), 'terminal')

    def test_markdown_escapes_what_its_own_marks_are_made_of(self):
        assert markdown.escape('<b>|*_`') == r'\<b\>\|\*\_\`'


class TestTerminal:
    CLIP = 'clip\x1b[2J\x9b2J\u202e\r\x07.wav'
    SHOWN = r'clip\x1b[2J\x9b2J\u202e\r\x07.wav'

    def test_errors_of_the_tools(self, capsys, tmp_path):
        def main():
            raise DataError(f'{self.CLIP}: damaged')

        with pytest.raises(SystemExit) as caught:
            guarded(main)
        assert caught.value.code == f'error: {self.SHOWN}: damaged'
        lists = tmp_path / 'a\x1b[2Jb'
        assert prepare(['ave', '--annotations', str(lists), '--videos', '.', '--out', str(tmp_path / 'out')]) == 1
        assert r'a\x1b[2Jb' in capsys.readouterr().err

    def test_the_log(self, tmp_path):
        logger = logging.Logger('escapes')
        stream = io.StringIO()
        logger.addHandler(logging.StreamHandler(stream))
        logger.addHandler(logging.FileHandler(tmp_path / 'log'))
        shorten_console(logger)
        logger.warning('%s: no such file', self.CLIP)
        assert stream.getvalue() == f'{self.SHOWN}: no such file\n'
        assert (tmp_path / 'log').read_text() == stream.getvalue()

    def test_the_doctor(self, tmp_path):
        finding = Finding('error', 'train', self.CLIP, 'audio', f'{tmp_path}/{self.CLIP}', 'missing', '\udcff')
        found = Report('a.py', str(tmp_path), [finding], [], 0.0)
        assert not CONTROL.search(found.text())
        assert r'\x1b' in found.text()
        found.text().encode()  # a terminal takes no halves of characters
        found.write_csv(tmp_path / 'found.csv')
        with (tmp_path / 'found.csv').open(newline='') as file:
            [_, row] = csv.reader(file)
        assert row == [*finding[:-1], r'\udcff']

    def test_notes_of_the_page(self, tmp_path, capsys):
        good = write_told(tmp_path / 'good', PLAIN)
        report([good, tmp_path / 'absent\x1b[2J'], tmp_path / 'report.html')
        assert r'absent\x1b[2J: no such folder' in capsys.readouterr().err


def test_cells_that_a_spreadsheet_may_compute_are_left_as_they_are(tmp_path):
    """Programs join these files by the ids in them; docs/security.md says how to open them."""
    ids = ('=1+1', '+1', '-5x', '@x', '\t=1')
    Report('a.py', '', [Finding('note', 'a', name, '', '', 'x', name) for name in ids], [], 0.0).write_csv(
        tmp_path / 'a'
    )
    with (tmp_path / 'a').open(newline='') as file:
        assert [row[2] for row in csv.reader(file)][1:] == list(ids)
