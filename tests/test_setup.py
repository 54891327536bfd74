"""What a wheel of fdkd holds: the package, and the configs and tools beside it."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from fdkd.packaged import config_names
from tests.conftest import REPOSITORY

pytest.importorskip('setuptools', minversion='77')
#: Builds the wheel of the current folder into ``argv[1]``, as pip does, with the setuptools that is installed.
BUILD = 'import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what the repository has of it."""
    folder = tmp_path_factory.mktemp('wheel')
    unused = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('fdkd', 'configs', 'tools', 'requirements'):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=unused)
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'model-index.yml'):
        shutil.copy(REPOSITORY / name, folder)
    stale = folder / 'build' / 'lib' / 'fdkd' / '.mim' / 'configs' / 'stale.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    built = subprocess.run([sys.executable, '-c', BUILD, folder], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(folder / built.stdout.splitlines()[-1]) as file:
        yield file


def relative(*folders):
    """The files of these folders that a wheel should hold."""
    files = (path for folder in folders for path in (REPOSITORY / folder).rglob('*') if path.is_file())
    return {path.relative_to(REPOSITORY).as_posix() for path in files if not {'__pycache__', '.mim'} & {*path.parts}}


def test_every_file_of_the_package_is_in(wheel):
    assert {name for name in wheel.namelist() if name.startswith('fdkd/') and '.mim' not in name} == relative('fdkd')


def test_configs_and_tools_are_where_mim_and_the_command_look(wheel):
    found = {name.removeprefix('fdkd/.mim/') for name in wheel.namelist() if name.startswith('fdkd/.mim/')}
    tools = {name for name in relative('tools') if not name.startswith('tools/docs/')}
    assert found == relative('configs') | tools | {'model-index.yml'}
    assert {f'configs/{name}.py' for name in config_names()} < found


def test_nothing_else_is_installed(wheel):
    assert {name.partition('/')[0] for name in wheel.namelist()} == {'fdkd', 'fdkd-0.1.0.dist-info'}


def test_metadata(wheel):
    metadata = wheel.read('fdkd-0.1.0.dist-info/METADATA').decode().splitlines()
    assert {'License-Expression: Apache-2.0', 'License-File: LICENSE', 'Requires-Python: >=3.10'} < {*metadata}
    assert 'Requires-Dist: onedl-mmsegmentation<1.5,>=1.4.2' in metadata
    extras = {line.partition(': ')[2] for line in metadata if line.startswith('Provides-Extra')}
    assert extras == {path.stem for path in (REPOSITORY / 'requirements').iterdir()} - {'runtime'}
    assert 'fdkd = fdkd.commands:main' in wheel.read('fdkd-0.1.0.dist-info/entry_points.txt').decode()
