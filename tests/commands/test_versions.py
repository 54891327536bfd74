"""``fdkd --version``: what is installed and what is not, without an import."""

import re
import sys

import pytest

import fdkd
from fdkd.commands import main, versions


@pytest.mark.parametrize(
    ('commit', 'said'),
    [
        ({'commit': '0123456789', 'modified': True}, ' (commit 0123456, modified)'),
        ({'commit': '0123456789', 'modified': False}, ' (commit 0123456)'),
        ({'commit': None, 'modified': None}, ''),
    ],
)
def test_the_commit_stands_beside_the_version_in_a_checkout(monkeypatch, commit, said):
    monkeypatch.setattr(versions, 'commit', lambda: commit)
    assert versions.versions().splitlines()[0] == f'fdkd {fdkd.__version__}{said}'


def test_the_stack_is_listed_with_what_is_lacking(monkeypatch, capsys):
    monkeypatch.setattr(versions, 'STACK', ('numpy', 'no-such-package'))
    assert main(['--version']) == 0
    _, python, numpy, none = capsys.readouterr().out.splitlines()
    assert python == 'python {}.{}.{}'.format(*sys.version_info[:3])
    assert re.fullmatch(r'numpy \d+\..*', numpy)
    assert none == 'no-such-package is not installed'
