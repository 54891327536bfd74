"""``fdkd completion``: the scripts complete commands, options and files."""

import shutil
import subprocess
import sys

import pytest

from fdkd.commands.completion import SHELLS, main
from fdkd.errors import FdkdError

shtab = pytest.importorskip('shtab')

#: Completes the words after ``--`` and prints what is offered.
ASK = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_fdkd
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope='module')
def scripts(tmp_path_factory):
    """A script for each shell."""
    folder = tmp_path_factory.mktemp('completion')
    with pytest.MonkeyPatch.context() as patch:
        for shell in SHELLS:
            with (folder / shell).open('w') as file:
                patch.setattr(sys, 'stdout', file)
                main([shell])
    return folder


@pytest.mark.parametrize(
    ('words', 'offered'),
    [
        (['rep'], ['replay', 'report', 'reproduce']),
        (['train', '--cache-t'], ['--cache-teacher', '--cache-teacher-in']),
        (['train', '--amp-dtype', ''], ['bf16', 'fp16']),
        (['train', 'my_c'], ['my_config.py']),
        (['prepare', 'di'], ['digits']),
        (['prepare', 'rooms', '--fr'], ['--frames']),
    ],
)
def test_bash(scripts, tmp_path, words, offered):
    (tmp_path / 'my_config.py').touch()
    asked = subprocess.run(
        ['bash', '-c', ASK, 'bash', scripts / 'bash', 'fdkd', *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert sorted(set(asked.stdout.split())) == offered, asked.stderr


@pytest.mark.parametrize('shell', SHELLS)
def test_the_scripts_are_written_in_their_language(scripts, shell):
    text = (scripts / shell).read_text()
    assert 'suggest-cutoff' in text
    assert 'cache-teacher-in' in text
    if shutil.which(shell):
        subprocess.run([shell, '-n', scripts / shell], check=True)


def test_without_shtab(monkeypatch):
    monkeypatch.setitem(sys.modules, 'shtab', None)
    with pytest.raises(FdkdError, match=r"needs shtab .*: pip install 'fdkd\[optional\]'"):
        main(['bash'])
