"""Forms by name, and the files."""

import pytest

from fdkd.reproduce import render as package
from fdkd.reproduce.render import FORMS, render, write


@pytest.mark.parametrize('form', ['terminal', 'markdown', 'csv', 'latex'])
def test_every_form_says_every_text(table, form):
    text = render(table, form)
    assert text.endswith('\n')
    for said in ('Top-1.', 'jobs 2.', 'resumed', 'CREMA-D A', '62.4'):
        assert said in text


def test_files(table, tmp_path):
    paths = write(table, tmp_path / 'tables', 'table1')
    assert [path.name for path in paths] == ['table1.md', 'table1.csv', 'table1.tex']
    assert sorted((tmp_path / 'tables').iterdir()) == sorted(paths)  # nothing half written
    for path, form in zip(paths, ('markdown', 'csv', 'latex'), strict=True):
        assert path.read_text(encoding='utf-8') == render(table, form)


def test_an_older_file_stays_where_a_form_fails(table, tmp_path, monkeypatch):
    (tmp_path / 'table1.md').write_text('older')
    monkeypatch.setitem(FORMS, 'latex', lambda table: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        package.write(table, tmp_path, 'table1')
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [('table1.md', 'older')]
