"""Modules that a config names in ``custom_imports``, beside it or elsewhere."""

import json
import os
import subprocess
import sys
import warnings

import pytest
from torch.utils.data import DataLoader

from fdkd.apis import own_modules
from fdkd.apis.config import read_config_file
from fdkd.errors import ConfigError


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """A process that has loaded no config yet."""
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.setattr(own_modules, '_APPENDED', set())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith('own_'):
            del sys.modules[name]


def write(folder, imports, module='own_loss', text='value = 1\n', more=''):
    folder.mkdir(exist_ok=True)
    (folder / f'{module}.py').write_text(text)
    (folder / 'mine.py').write_text(f'custom_imports = dict(imports={imports!r}{more})\n')
    return folder / 'mine.py'


def refused(config):
    with pytest.raises(ConfigError) as error:
        read_config_file(config)
    return str(error.value)


def test_a_module_beside_the_config_is_found_after_all_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    cfg = read_config_file(write(tmp_path, ['own_loss']))
    assert sys.modules['own_loss'].value == 1
    assert sys.path[-1] == str(tmp_path)
    assert cfg.imported_from == [str(tmp_path)]


def test_a_relative_path_to_the_config_leaves_an_absolute_one(tmp_path, monkeypatch):
    write(tmp_path / 'here', 'own_loss')
    monkeypatch.chdir(tmp_path)
    assert read_config_file('here/mine.py').imported_from == [str(tmp_path / 'here')]
    monkeypatch.chdir('/')
    assert sys.path[-1] == str(tmp_path / 'here')


def test_a_folder_without_the_module_is_left_alone(tmp_path):
    before = list(sys.path)
    (tmp_path / 'mine.py').write_text("custom_imports = dict(imports=['tests.support.probes'])\n")
    assert 'imported_from' not in read_config_file(tmp_path / 'mine.py')
    assert sys.path == before


def test_a_module_beside_the_base_that_states_it(tmp_path):
    write(tmp_path / 'base', ['own_loss'])
    (tmp_path / 'mine.py').write_text("_base_ = 'base/mine.py'\n")
    cfg = read_config_file(tmp_path / 'mine.py')
    assert cfg.imported_from == [str(tmp_path / 'base')]


def test_the_copy_in_the_work_dir_finds_the_module_again(tmp_path):
    cfg = read_config_file(write(tmp_path / 'here', ['own_loss']))
    (tmp_path / 'work').mkdir()
    cfg.dump(tmp_path / 'work' / 'mine.py')
    del sys.modules['own_loss']
    sys.path.remove(str(tmp_path / 'here'))
    assert read_config_file(tmp_path / 'work' / 'mine.py').imported_from == [str(tmp_path / 'here')]
    assert sys.modules['own_loss'].value == 1


def test_a_package_beside_the_config(tmp_path):
    (tmp_path / 'own_package').mkdir()
    (tmp_path / 'own_package' / '__init__.py').touch()
    (tmp_path / 'own_package' / 'part.py').write_text('from own_package import __name__ as parent\n')
    (tmp_path / 'mine.py').write_text("custom_imports = dict(imports=['own_package.part'])\n")
    read_config_file(tmp_path / 'mine.py')
    assert sys.modules['own_package.part'].parent == 'own_package'


def test_a_module_that_is_nowhere_is_told_with_the_places(tmp_path):
    (tmp_path / 'base').mkdir()
    (tmp_path / 'base' / 'base.py').write_text(
        "_base_ = '../next/next.py'\ncustom_imports = dict(imports=['own_los'])\n"
    )
    (tmp_path / 'next').mkdir()  # which states nothing, and is not searched
    (tmp_path / 'next' / 'next.py').touch()
    config = write(tmp_path, ['own_los'])
    config.write_text("_base_ = 'base/base.py'\n")
    assert refused(config) == (
        f"{config}: custom_imports: there is no module 'own_los': not in {tmp_path}, {tmp_path}/base, in PYTHONPATH or "
        'among installed packages; did you mean own_loss?'
    )
    config.write_text("custom_imports = dict(imports=['own_loss.part'])\n")
    assert "there is no module 'own_loss.part': not in" in refused(config)


FAILING = [
    ('x = 1\nx.y\n', "line 2: AttributeError: 'int' object has no attribute 'y'"),
    ('\n\nimport absent_package\n', "line 3: ModuleNotFoundError: No module named 'absent_package'"),
    ('x = (\n', "line 1: SyntaxError: '(' was never closed"),
    ('import json\n\njson.loads("{")\n', 'line 3: JSONDecodeError: Expecting property name'),  # not the line in json
    ('import sys\nsys.exit(3)\n', 'line 2: SystemExit: 3'),
]


@pytest.mark.parametrize(('text', 'told'), FAILING)
def test_a_module_that_fails_is_told_with_its_own_error_and_line(tmp_path, text, told):
    config = write(tmp_path, ['own_loss'], text=text)
    assert refused(config).startswith(f'{config}: custom_imports: own_loss fails: {tmp_path}/own_loss.py, {told}')


def test_the_neighbour_that_fails_is_the_one_named(tmp_path):
    config = write(tmp_path, ['own_loss'], text='import own_part\n')
    (tmp_path / 'own_part.py').write_text('1 / 0\n')
    assert f'own_loss fails: {tmp_path}/own_part.py, line 1: ZeroDivisionError' in refused(config)


def test_an_installed_module_comes_first_and_that_is_said(tmp_path, capsys):
    config = write(tmp_path, ['json'], module='json')
    read_config_file(config)
    assert sys.modules['json'] is json
    told = capsys.readouterr().out
    assert told.startswith(f'{config}: custom_imports: json is {json.__file__}, which comes before {tmp_path}/json.py')
    read_config_file(config)
    assert capsys.readouterr().out == ''


def test_modules_of_one_name_of_two_configs_are_refused(tmp_path):
    first, second = (write(tmp_path / name, ['own_loss']) for name in 'ab')
    read_config_file(first)
    read_config_file(first)
    assert refused(second) == (
        f'{second}: custom_imports: own_loss means {tmp_path}/b/own_loss.py, but another config has loaded '
        f'{tmp_path}/a/own_loss.py: give them different names, or run the configs one by one'
    )


def package(folder, part, text='', regular=False):
    """A config that imports a module of ``own_package`` beside it."""
    (folder / 'own_package').mkdir(parents=True)
    (folder / 'own_package' / f'{part}.py').write_text(text)
    if regular:
        (folder / 'own_package' / '__init__.py').touch()
    (folder / 'mine.py').write_text(f"custom_imports = dict(imports=['own_package.{part}'])\n")
    return folder / 'mine.py'


def test_modules_of_one_name_in_folders_of_one_name_are_refused(tmp_path):
    read_config_file(package(tmp_path / 'a', 'part', 'value = 1\n'))
    read_config_file(package(tmp_path / 'b', 'other', 'value = 2\n'))  # both folders are the one package
    assert sys.modules['own_package.other'].value == 2
    config = package(tmp_path / 'c', 'part', 'value = 3\n')
    assert refused(config).startswith(
        f'{config}: custom_imports: own_package.part means {tmp_path}/c/own_package/part.py, but another config has '
        f'loaded {tmp_path}/a/own_package/part.py: '
    )


def test_another_configs_package_that_lacks_the_module_is_named(tmp_path):
    read_config_file(package(tmp_path / 'a', 'part', regular=True))
    config = package(tmp_path / 'b', 'other', regular=True)
    assert refused(config).startswith(
        f'{config}: custom_imports: own_package means {tmp_path}/b/own_package/__init__.py, but another config has '
        f'loaded {tmp_path}/a/own_package/__init__.py: '
    )


@pytest.mark.parametrize('regular', [False, True])
def test_an_installed_package_that_hides_one_beside_the_config_is_named(tmp_path, regular):
    config = package(tmp_path, 'mine', regular=regular)
    config.write_text("custom_imports = dict(imports=['json.mine'])\n")
    meant = (tmp_path / 'own_package').rename(tmp_path / 'json')
    meant = meant / '__init__.py' if regular else meant
    assert refused(config) == (
        f'{config}: custom_imports: json is {json.__file__}, which comes before {meant}: rename it'
    )
    config.write_text("custom_imports = dict(imports=['json.absent'])\n")
    assert "there is no module 'json.absent': not in" in refused(config)


def test_a_folder_of_data_of_that_name_hides_no_module(tmp_path, capsys):
    base = write(tmp_path / 'base', ['own_loss'], text='value = 5\n')
    base.write_text("custom_imports = dict(imports=['own_loss', 'json'])\n")
    for name in ('own_loss', 'json'):
        (tmp_path / 'one' / name).mkdir(parents=True)
    config = tmp_path / 'one' / 'mine.py'
    config.write_text(f"_base_ = '../base/mine.py'\n{base.read_text()}")
    cfg = read_config_file(config)
    assert sys.modules['own_loss'].value == 5
    assert cfg.imported_from[0] == str(tmp_path / 'base')
    assert capsys.readouterr().out == ''


def test_the_folder_that_has_the_module_comes_before_one_that_has_its_package_alone(tmp_path):
    package(tmp_path / 'base', 'part', 'value = 6\n', regular=True)
    config = package(tmp_path / 'one', 'other', regular=True)
    config.write_text(f"_base_ = '../base/mine.py'\n{(tmp_path / 'base' / 'mine.py').read_text()}")
    assert read_config_file(config).imported_from == [str(tmp_path / 'base')]
    assert sys.modules['own_package.part'].value == 6


@pytest.mark.parametrize('wrong', ['3', "'/tmp'", '[3]', 'None'])
def test_folders_in_another_form_are_refused(tmp_path, wrong):
    config = write(tmp_path, ['own_loss'])
    config.write_text(config.read_text() + f'imported_from = {wrong}\n')
    assert refused(config) == f"{config}: imported_from={wrong}, expected a list of folders, such as ['modules']"


def test_a_module_that_may_fail_is_left_out_with_a_warning(tmp_path):
    config = write(tmp_path, ['own_none', 'own_loss'], more=', allow_failed_imports=True')
    with pytest.warns(UserWarning, match='own_none cannot be imported and is left out'):
        read_config_file(config)
    assert 'own_loss' in sys.modules
    write(tmp_path, ['own_broken'], 'own_broken', '1 / 0\n', ', allow_failed_imports=True')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert 'own_broken fails' in refused(config)


@pytest.mark.parametrize('wrong', ['dict(import_=["a"])', '["a"]', 'dict(imports=[3])', 'dict(imports=["a"], b=1)'])
def test_another_form_is_refused(tmp_path, wrong):
    (tmp_path / 'mine.py').write_text(f'custom_imports = {wrong}\n')
    assert refused(tmp_path / 'mine.py').endswith("expected dict(imports=['MODULE', ...])")


def test_processes_that_load_data_find_the_module_however_they_start(tmp_path):
    read_config_file(write(tmp_path, ['own_data'], 'own_data', 'class Data(list):\n    pass\n'))
    data = sys.modules['own_data'].Data([1, 2])
    loader = DataLoader(data, num_workers=1, multiprocessing_context='spawn', collate_fn=list)
    assert list(loader) == [[1], [2]]


def test_the_installed_command_needs_no_pythonpath(tmp_path):
    write(tmp_path / 'here', ['own_loss'], text='raise RuntimeError("reached")\n')
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    code = "import sys; from fdkd.commands import main; sys.argv = ['fdkd', 'train', 'here/mine.py']; main()"
    run = subprocess.run(
        [sys.executable, '-P' if sys.version_info >= (3, 11) else '-s', '-c', code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.endswith(f'own_loss fails: {tmp_path}/here/own_loss.py, line 1: RuntimeError: reached\n')
