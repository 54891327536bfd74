"""What a config inherits from: packaged bases by name, and bases that are not there."""

import shutil

import pytest
from mmengine.config import Config

from fdkd.apis.config import config_hash, load_config, read_config_file, run_name
from fdkd.apis.inheritance import inheriting
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from tests.conftest import REPOSITORY

PAIR = 'fdkd/nyu_rgb_from_depth.py'


def write(folder, base, more=''):
    (folder / 'mine.py').write_text(f'_base_ = [{base!r}]\n{more}')
    return folder / 'mine.py'


def test_a_packaged_base_makes_the_config_of_a_copied_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # What a config takes from its base by name would be marked with a scope by MMEngine's own search.
    more = 'model = dict(student=_base_.model.student)\noptim_wrapper = dict(optimizer=dict(lr=0.5))\n'
    by_name = load_config(write(tmp_path, f'fdkd::{PAIR}', more), RunOptions())
    shutil.copytree(REPOSITORY / 'configs' / '_base_', tmp_path / 'configs' / '_base_')
    shutil.copytree(REPOSITORY / 'configs' / 'fdkd', tmp_path / 'configs' / 'fdkd')
    copied = load_config(write(tmp_path, f'configs/{PAIR}', more), RunOptions())
    assert by_name.optim_wrapper.optimizer.lr == 0.5
    assert by_name.config_hash == copied.config_hash == config_hash(copied)
    assert by_name.pretty_text == copied.pretty_text


def test_a_name_without_suffix_and_beside_other_bases(tmp_path):
    (tmp_path / 'more.py').write_text('seen = 1\n')
    (tmp_path / 'mine.py').write_text("_base_ = ['./more.py', 'fdkd::unimodal/nyu_rgb']\n")
    cfg = read_config_file(tmp_path / 'mine.py')
    assert (cfg.seen, cfg.model.modality) == (1, 'rgb')


def test_a_run_of_a_prefixed_name_has_no_prefix():
    assert run_name(f'fdkd::{PAIR}') == run_name('fdkd/nyu_rgb_from_depth') == 'fdkd/nyu_rgb_from_depth'


def test_mmengine_searches_as_before_afterwards(tmp_path):
    before = Config._get_cfg_path
    with inheriting() as bases:
        Config.fromfile(write(tmp_path, 'fdkd::unimodal/nyu_rgb.py'))
    assert bases[0] == REPOSITORY / 'configs' / 'unimodal' / 'nyu_rgb.py'
    assert len(bases) > 3
    with pytest.raises(ConfigError), inheriting():
        Config.fromfile(write(tmp_path, 'none.py'))
    assert Config._get_cfg_path is before


COPY = '`fdkd configs --copy configs` copies all that come with fdkd'


@pytest.mark.parametrize(
    ('base', 'told'),
    [
        (f'configs/{PAIR}', f": write 'fdkd::{PAIR}' for the one that comes with fdkd, or copy it: {COPY}"),
        (
            '../_base_/default_runtime.py',
            f": write 'fdkd::_base_/default_runtime.py' for the one that comes with fdkd, or copy it: {COPY}",
        ),
        ('fdkd::fdkd/nyu_rgb_form_depth.py', "; did you mean 'fdkd::fdkd/nyu_rgb_from_depth.py'?"),
        ('fdkd::nothing', ''),
        ('nothing.py', ''),
    ],
)
def test_an_absent_base_is_named_with_what_brings_it(tmp_path, base, told):
    config = write(tmp_path, base)
    place = '' if base.startswith('fdkd::') else f' (no file {(tmp_path / base).resolve()})'
    with pytest.raises(ConfigError) as error:
        read_config_file(config)
    assert str(error.value) == f'{config}: cannot be read: its _base_ {base} is not there{place}{told}'


@pytest.mark.parametrize('base', ['3', '[3]', 'None', "dict(a='b.py')"])
def test_a_base_that_is_no_path_is_refused(tmp_path, base):
    (tmp_path / 'mine.py').write_text(f'_base_ = {base}\n')
    with pytest.raises(ConfigError) as error:
        read_config_file(tmp_path / 'mine.py')
    said = repr({'a': 'b.py'}) if 'dict' in base else base.strip('[]')
    assert str(error.value) == (
        f'{tmp_path}/mine.py: cannot be read: _base_ {said}: expected the path of a config, as a string'
    )


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / 'configs').symlink_to(tmp_path / 'gone')
    with pytest.raises(ConfigError, match=rf'configs is a link to {tmp_path}/gone, which is not there; .*{COPY}'):
        read_config_file(write(tmp_path, f'configs/{PAIR}'))
    with pytest.raises(ConfigError, match=rf'mine.py: no such config file; .*configs is a link to {tmp_path}/gone'):
        read_config_file(tmp_path / 'configs' / 'mine.py')


def test_an_absent_base_of_a_base_is_told_of_that_base(tmp_path):
    (tmp_path / 'first.py').write_text("_base_ = 'second.py'\n")
    with pytest.raises(ConfigError, match=r'first.py: cannot be read: its _base_ second.py is not there'):
        read_config_file(write(tmp_path, 'first.py'))


def test_a_config_below_the_current_folder_is_told_as_one_types_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'sub').mkdir()
    write(tmp_path / 'sub', 'none.py')
    with pytest.raises(ConfigError, match=r'^sub/mine.py: cannot be read: its _base_ none.py is not there'):
        read_config_file('sub/mine.py')
