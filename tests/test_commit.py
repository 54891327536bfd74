"""The commit that code runs from."""

import os
import subprocess

import pytest

from fdkd import commit


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of its own with a package ``fdkd``, from which the module seems to run; returns a caller of git."""
    (tmp_path / 'fdkd').mkdir()
    (tmp_path / 'fdkd' / 'commit.py').write_text('')
    monkeypatch.setattr(commit, '__file__', str(tmp_path / 'fdkd' / 'commit.py'))
    for name in [name for name in os.environ if name.startswith('GIT_')]:
        monkeypatch.delenv(name)
    identity = ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'core.hooksPath=/dev/null']

    def git(*arguments):
        return subprocess.check_output(['git', *identity, *arguments], cwd=tmp_path, text=True).strip()

    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'a')
    return git


def test_commit_of_a_checkout_and_whether_it_was_modified(checkout, tmp_path):
    head = checkout('rev-parse', 'HEAD')
    assert commit.commit() == {'commit': head, 'modified': False}
    (tmp_path / 'fdkd' / 'commit.py').write_text('changed')
    assert commit.commit() == {'commit': head, 'modified': True}


def test_no_commit_outside_a_checkout(checkout, tmp_path, monkeypatch):
    installed = tmp_path / 'env' / 'site-packages' / 'fdkd'
    installed.mkdir(parents=True)
    monkeypatch.setattr(commit, '__file__', str(installed / 'commit.py'))
    assert commit.commit() == {'commit': None, 'modified': None}
    monkeypatch.setenv('PATH', '')
    assert commit.commit() == {'commit': None, 'modified': None}
