"""What files a run starts from hold: told apart by what is in them, wherever they lie."""

import os
import shutil

import pytest

from fdkd.reproduce import contents as module
from fdkd.reproduce.contents import contents


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'weights')
    return path


@pytest.fixture
def language(tmp_path):
    folder = tmp_path / 'bert'
    (folder / '.cache').mkdir(parents=True)
    (folder / 'config.json').write_text('{}')
    (folder / 'vocab.txt').write_text('a b')
    (folder / '.cache' / 'x').write_text('when it was downloaded')
    return folder


def named(path):
    """A part of a config that names ``path``."""
    return {'backbone': [{'init_cfg': {'type': 'ImageNetInit', 'checkpoint': str(path)}}]}


def test_what_is_not_here_has_none():
    assert contents(named('bert-base-uncased'), {'model': None, 'load_from': 3, 'checkpoint': ['a']}) == []


def test_only_the_keys_of_weights_and_models_count(weights, language):
    assert contents({'config': str(weights), 'data_root': str(language)}) == []
    assert len(contents(named(weights), {'model': {'model': str(language)}, 'load_from': str(weights)})) == 2


@pytest.mark.parametrize('kind', ['TransformersModel', 'fdkd.TransformersModel'])
def test_models_of_other_libraries_name_files_by_other_keys(weights, language, kind):
    assert len(contents({'type': 'TimmModel', 'name': 'resnet18', 'pretrained': str(weights)})) == 1
    assert len(contents({'type': kind, 'name': str(language), 'pretrained': True})) == 1
    assert contents({'type': 'TimmModel', 'name': str(language), 'pretrained': False}) == []


def test_other_bytes_are_other_contents_and_another_place_is_not(tmp_path, weights):
    before = contents(named(weights))
    assert contents(named(shutil.copy(weights, tmp_path / 'copy.pth'))) == before
    weights.write_bytes(b'Weights')
    os.utime(weights, ns=(0, 1))
    assert contents(named(weights)) != before


@pytest.mark.parametrize(('name', 'same'), [('vocab.txt', False), ('new.txt', False), ('.cache/x', True)])
def test_every_file_of_a_folder_counts_but_hidden_ones(tmp_path, language, name, same):
    before = contents({'model': str(language)})
    assert contents({'model': str(shutil.copytree(language, tmp_path / 'copy'))}) == before
    (language / name).write_text('other')
    assert (contents({'model': str(language)}) == before) == same


def test_a_file_is_read_once_while_it_stays(weights):
    before = module._of_file.cache_info().misses
    contents(named(weights))
    contents(named(weights))
    assert module._of_file.cache_info().misses == before + 1
