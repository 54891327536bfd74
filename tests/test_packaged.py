"""The configs that come with fdkd, found from anywhere, in a checkout and in an installed copy."""

import pytest

from fdkd import packaged
from fdkd.packaged import broken_link, config_names, counterpart, find_config, home, near_config, shown, summary
from tests.conftest import REPOSITORY

CONFIG = 'configs/fdkd/nyu_rgb_from_depth.py'


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with two configs in it, and another folder as the current one."""
    for name in ('demo/one', '_base_/two', 'demo/deep/three'):
        path = tmp_path / 'fdkd' / '.mim' / 'configs' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""One sentence.\n\nAnd more."""\nraise SystemExit("is not run")\n')
    monkeypatch.setattr(packaged, '_PACKAGE', tmp_path / 'fdkd')
    (tmp_path / 'elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    return tmp_path / 'fdkd' / '.mim'


def test_a_checkout_has_them_beside_the_package():
    assert home() == REPOSITORY


def test_an_installed_copy_has_them_within(installed):
    assert home() == installed
    assert config_names() == ['demo/one']
    assert summary('demo/one') == 'One sentence.'


@pytest.mark.parametrize('name', [CONFIG, 'fdkd/nyu_rgb_from_depth', 'fdkd/nyu_rgb_from_depth.py'])
def test_names_of_a_config(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == REPOSITORY / CONFIG


def test_a_file_comes_before_a_packaged_config(installed, tmp_path):
    mine = tmp_path / 'elsewhere' / 'configs' / 'demo' / 'one.py'
    assert find_config('configs/demo/one.py') == installed / 'configs' / 'demo' / 'one.py'
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert find_config('configs/demo/one.py').resolve() == mine


def test_the_prefix_names_packaged_configs_alone(installed, tmp_path):
    mine = tmp_path / 'elsewhere' / 'demo' / 'one.py'
    mine.parent.mkdir()
    mine.touch()
    assert find_config('demo/one.py').resolve() == mine
    for name in ('fdkd::demo/one.py', 'fdkd::demo/one', 'fdkd::configs/demo/one.py'):
        assert find_config(name) == installed / 'configs' / 'demo' / 'one.py'
    assert str(find_config('fdkd::none')) == 'fdkd::none'


def test_a_packaged_config_is_shown_by_the_name_that_means_it(installed, tmp_path):
    packaged = installed / 'configs' / 'demo' / 'one.py'
    assert shown(packaged) == 'configs/demo/one.py'
    assert shown('mine/one.py') == 'mine/one.py'
    assert shown(None) == 'the config'
    assert shown(tmp_path / 'two.py') == str(tmp_path / 'two.py')
    mine = tmp_path / 'elsewhere' / 'configs' / 'demo' / 'one.py'
    mine.parent.mkdir(parents=True)
    mine.touch()  # to which the name leads now
    assert shown(packaged) == str(packaged)


def test_the_counterpart_of_a_path_into_a_copy():
    assert counterpart('../_base_/datasets/nyu_depth_v2.py') == '_base_/datasets/nyu_depth_v2.py'
    assert counterpart('/somewhere/configs/fdkd/nyu_rgb_from_depth.py') == 'fdkd/nyu_rgb_from_depth.py'
    assert counterpart('mine.py') is None


def test_a_broken_link_is_named_with_where_it_leads(tmp_path):
    link = tmp_path / 'configs'
    link.symlink_to('gone/configs')
    assert broken_link(link / 'demo' / 'one.py').startswith(f'{link} is a link to gone/configs, which is not there; ')
    (tmp_path / 'gone' / 'configs').mkdir(parents=True)
    assert broken_link(link / 'demo' / 'one.py') is None


@pytest.mark.parametrize('name', ['none.py', 'configs', 'fdkd', 'demo/none'])
def test_what_is_called_like_no_config_stays(name):
    assert str(find_config(name)) == name


def test_the_nearest_name():
    assert near_config('configs/fdkd/nyu_rgb_form_depth.py') == 'fdkd/nyu_rgb_from_depth'
    assert near_config('mine.py') is None


def test_every_config_says_what_it_is():
    assert len(config_names()) > 150
    assert all(summary(name).endswith('.') for name in config_names())
