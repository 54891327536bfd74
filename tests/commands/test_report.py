"""``fdkd report``: what it writes and prints, and how it refuses."""

import json

import pytest

from fdkd.apis.cli import guarded
from fdkd.commands import report


@pytest.fixture
def main(monkeypatch, tmp_path):
    """Calls the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        guarded(lambda: report.main(arguments))

    return call


def test_the_page_is_written_and_where(main, tmp_path, capsys):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'results.json').write_text(json.dumps({'student': {'metrics': {'accuracy': 12.5}}}))
    main('run', 'absent')
    said = capsys.readouterr()
    assert said.out == 'report.html: 0.0 MB\n'
    assert said.err == 'note: absent: no such folder, expected the work dir of a run\n'
    assert '12.50' in (tmp_path / 'report.html').read_text()


def test_refuses_without_a_run(main, tmp_path):
    with pytest.raises(SystemExit, match='error: absent: no such folder, expected the work dir of a run'):
        main('absent', '--out', 'page.html')
    assert list(tmp_path.iterdir()) == []


def test_no_work_dir_is_a_usage_error(main, capsys):
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert 'the following arguments are required: WORK_DIR' in capsys.readouterr().err
