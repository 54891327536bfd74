"""``tools/report.py``: what it writes and prints, and how it refuses."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fdkd.apis.cli import guarded

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'tools' / 'report.py'


@pytest.fixture
def main(monkeypatch, tmp_path):
    """Calls the script's ``main`` in an empty folder, as the script does."""
    spec = spec_from_file_location('report_tool', SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['report.py', *arguments])
        guarded(module.main)

    return call


def test_script_writes_the_page_and_says_where(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'results.json').write_text(json.dumps({'student': {'metrics': {'accuracy': 12.5}}}))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), 'run', 'absent'],
        cwd=tmp_path, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, 'report.html: 0.0 MB\n')
    assert done.stderr == 'note: absent: no such folder, expected the work dir of a run\n'
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
