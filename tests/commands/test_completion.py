"""``fdkd completion``: the scripts complete commands, options and files."""

import shutil
import subprocess
import sys

import pytest

from fdkd.commands import COMMANDS
from fdkd.commands.completion import SHELLS, main
from fdkd.errors import FdkdError
from fdkd.packaged import config_names

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
        (['train', 'demo/digits_i'], ['demo/digits_image', 'demo/digits_image_from_audio']),
        (['check', 'my_config.py', 'demo/rooms_d'], ['demo/rooms_depth', 'demo/rooms_depth_from_rgb']),
        (['train', 'demo/digits_image', '--work-dir', 'demo/d'], []),
        (['train', 'f'], sorted(['fam_notes', *(name for name in config_names() if name[0] == 'f')])),
        (['prepare', 'di'], ['digits']),
        (['prepare', 'rooms', '--fr'], ['--frames']),
    ],
)
def test_bash(scripts, tmp_path, words, offered):
    (tmp_path / 'my_config.py').touch()
    (tmp_path / 'fam_notes').mkdir()
    asked = subprocess.run(
        ['bash', '-c', ASK, 'bash', scripts / 'bash', 'fdkd', *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert sorted(set(asked.stdout.split())) == offered, asked.stderr


@pytest.mark.parametrize(
    ('shell', 'begun'),
    [('bash', ' -F _shtab_fdkd fdkd'), ('zsh', '#compdef fdkd'), ('fish', 'complete -c fdkd ')],
)
def test_the_scripts_are_written_in_their_language(scripts, shell, begun):
    text = (scripts / shell).read_text()
    assert begun in text
    assert all(name in text for name in COMMANDS)
    assert 'cache-teacher-in' in text
    assert 'demo/digits_image_from_audio' in text
    if shutil.which(shell):
        subprocess.run([shell, '-n', scripts / shell], check=True)


def test_without_shtab(monkeypatch):
    monkeypatch.setitem(sys.modules, 'shtab', None)
    with pytest.raises(FdkdError, match=r"needs shtab .*: pip install 'fdkd\[optional\]'"):
        main(['bash'])
