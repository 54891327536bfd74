"""The page as it is written: whole, escaped, self-contained, and in one step."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fdkd.errors import DataError
from fdkd.report import page, report
from tests.report.work_dirs import HOSTILE, results, scores


class Page(HTMLParser):
    """Tags with their attributes, text, and whether every tag is closed in turn."""

    VOID = ('meta', 'img', 'wbr')

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ('style', 'script'):
            self.words.append(data)


@pytest.fixture
def written(make_run, tmp_path):
    """Writes a page about a hostile run, two runs of one name and an unfinished one."""
    hostile = {'student': scores('image', 70.0, (HOSTILE, 'dog')), 'teacher': scores('audio', 90.0, (HOSTILE, 'dog'))}
    config = f'seed = {HOSTILE!r}\n'
    folders = [
        make_run('a/hostile', results(**hostile, device=HOSTILE, note=[HOSTILE]), (HOSTILE, 'dog'), config),
        *(make_run(f'{name}/run') for name in 'bc'),
        make_run('a/<b>unfinished', results=None),
    ]
    return report(folders, tmp_path / 'deep' / 'er' / 'report.html')


def test_every_tag_is_closed_and_nothing_is_loaded(written):
    text = written.read_text()
    parsed = Page(text)
    assert parsed.open == []
    assert {tag for tag, _ in parsed.tags}.isdisjoint({'link', 'iframe', 'object', 'base', 'form'})
    sources = [attributes['src'] for _, attributes in parsed.tags if 'src' in attributes]
    assert len(sources) == 3  # samples.png of each finished run; confusion.png only of those with too many classes
    assert all(source.startswith('data:image/png;base64,') for source in sources)
    links = [attributes['href'] for _, attributes in parsed.tags if 'href' in attributes]
    names = {attributes.get('id') for _, attributes in parsed.tags}
    assert links
    assert all(link[0] == '#' and link[1:] in names for link in links)
    assert not re.search(r'https?://|@import|url\(', text)
    [policy] = [a['content'] for tag, a in parsed.tags if a.get('http-equiv') == 'Content-Security-Policy']
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-")


def test_everything_is_escaped(written):
    parsed = Page(written.read_text())
    assert [tag for tag, _ in parsed.tags].count('script') == 1
    assert not any(name.startswith('on') for _, attributes in parsed.tags for name in attributes)
    assert ''.join(parsed.words).count('window.hit = 1</script>') > 5


def test_runs_of_one_name_are_told_apart(written):
    text = ''.join(Page(written.read_text()).words)
    assert '<title>4 runs' in written.read_text()
    for label in ('b/run', 'c/run', '<b>unfinished', 'unfinished, epoch 2', 'What the configs differ in'):
        assert label in text


def test_labels():
    paths = list(map(Path, ('/w/fdkd/nyu', '/w/pkd/nyu', '/v/pkd/nyu', '/w/alone')))
    assert page.unique_labels(paths) == ['fdkd/nyu', 'w/pkd/nyu', 'v/pkd/nyu', 'alone']


def test_problems_stand_on_the_page_and_on_the_console(make_run, tmp_path, capsys):
    good, damaged = make_run('good'), make_run('damaged')
    (damaged / 'results.json').write_text('{"student": ')
    out = report([good, damaged, tmp_path / 'absent', good], tmp_path / 'report.html')
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(': ')[2].partition(': ')[0] for line in lines] == [
        str(tmp_path / 'absent'),
        str(good),
        str(damaged / 'results.json'),
    ]
    assert all(line.startswith('note: ') for line in lines)
    text = ''.join(Page(out.read_text()).words)
    assert '3 notices' in text
    for line in lines:
        assert line.removeprefix('note: ') in text


def test_no_runs(tmp_path):
    with pytest.raises(DataError, match='no work dirs given'):
        report([], tmp_path / 'report.html')
    with pytest.raises(DataError, match=r'first: no such folder.*\n.*second: no such folder'):
        report([tmp_path / 'first', tmp_path / 'second'], tmp_path / 'report.html')
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_page(make_run, tmp_path, monkeypatch):
    out = tmp_path / 'report.html'
    out.write_text('old')
    monkeypatch.setattr(page, 'render', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report([make_run()], out)
    assert out.read_text() == 'old'


def test_one_run(make_run, tmp_path):
    text = report([str(make_run('alone'))], str(tmp_path / 'report.html')).read_text()
    parsed = Page(text)
    words = ''.join(parsed.words)
    assert '<h1>alone</h1>' in text
    assert 'What the configs differ in' not in words
    assert 'notice' not in words
    assert 'Open all' not in words
    assert [a for tag, a in parsed.tags if tag == 'details'] == [{'class': 'run', 'id': 'run-1', 'open': None}]


def test_many_configs_are_grouped_by_value(make_run, tmp_path):
    folders = [make_run(f'run{number}', config=f'resume = {number < 3}\n') for number in range(7)]
    words = ''.join(Page(report(folders, tmp_path / 'report.html').read_text()).words)
    assert 'run3, run4, run5, run6' in words
    assert 'run0, run1, run2' in words
    few = ''.join(Page(report(folders[:4], tmp_path / 'report.html').read_text()).words)
    assert 'run0, run1, run2' not in few


def test_equal_configs_say_so(make_run, tmp_path):
    words = ''.join(Page(report([make_run('a'), make_run('b')], tmp_path / 'report.html').read_text()).words)
    assert 'What steers the run: nothing.' in words
