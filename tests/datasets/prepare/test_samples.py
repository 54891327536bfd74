"""Converting listed samples, with converters that stand in for real ones."""

import json

import pytest

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.samples import Encoded, Job, Silent, convert
from fdkd.datasets.prepare.tally import Row

NAMES = ('good', 'mute', 'odd', 'broken', 'gone')
ROWS = [*(Row('train', 'x', name) for name in NAMES), Row('test', 'y', 'good')]


def encode(name, source):
    if source == 'broken':
        raise SourceError(f'{name}: truncated')
    if source == 'mute':
        raise Silent(f'{name}: silent')
    return Encoded({f'files/{name}.txt': source.encode()}, 'CMYK' if source == 'odd' else '')


def job(encode=encode, rows=ROWS, **found):
    return Job('set', rows, found, encode, {'list.csv': b'list'}, {'fps': 1}, 'none is there')


ALL = {name: name for name in NAMES if name != 'gone'}


def test_what_cannot_be_used_is_counted_and_left_out(tmp_path):
    manifest = convert(job(**ALL), tmp_path / 'set', 1)
    assert manifest['splits']['train'] == dict(listed=5, found=4, usable=2, missing=1, unreadable=1, silent=1)
    assert manifest['classes']['test']['y']['usable'] == 1
    assert manifest['left_out'] == {'broken': 'broken: truncated', 'mute': 'mute: silent'}
    assert manifest['missing'] == ['gone']
    assert manifest['changed'] == {'CMYK': 1}
    assert json.loads((tmp_path / 'set' / 'manifest.json').read_text()) == manifest
    assert sorted(path.name for path in (tmp_path / 'set').rglob('*.*')) == [
        *('good.txt', 'list.csv', 'manifest.json', 'odd.txt'),
    ]
    assert (tmp_path / 'set' / 'files' / 'good.txt').read_bytes() == b'good'


def test_killed_run_is_continued(tmp_path):
    done = []

    def killed(name, source):
        if name == 'odd':
            raise KeyboardInterrupt
        done.append(name)
        return encode(name, source)

    def noting(name, source):
        done.append(name)
        return encode(name, source)

    with pytest.raises(KeyboardInterrupt):
        convert(job(killed, **ALL), tmp_path / 'set', 1)
    assert not (tmp_path / 'set').exists()
    manifest = convert(job(noting, **ALL), tmp_path / 'set', 1)
    assert done == ['good', 'mute', 'mute', 'odd', 'broken']  # what failed is tried again, what is there is not
    assert manifest['splits']['train']['usable'] == 2


def test_samples_whose_sources_went_after_they_were_converted_count_as_usable(tmp_path):
    def killed(name, source):
        if name == 'mute':
            raise KeyboardInterrupt
        return encode(name, source)

    with pytest.raises(KeyboardInterrupt):
        convert(job(killed, **ALL), tmp_path / 'set', 1)
    manifest = convert(job(), tmp_path / 'set', 1)
    assert manifest['splits']['train'] == dict(listed=5, found=1, usable=1, missing=4, unreadable=0, silent=0)


def test_finished_set_is_left_unless_more_has_come(tmp_path):
    manifest = convert(job(**ALL), tmp_path / 'set', 1)
    assert convert(job(None), tmp_path / 'set', 1) == manifest
    with pytest.raises(SourceError, match='set: exists, but 1 samples have come since, first gone; nothing is overwr'):
        convert(job(gone='gone', **ALL), tmp_path / 'set', 1)
    with pytest.raises(SourceError, match=r'made with list\.csv sha256 [0-9a-f]{64} and not [0-9a-f]{64}'):
        convert(job(**ALL)._replace(files={'list.csv': b'other'}), tmp_path / 'set', 1)
    with pytest.raises(SourceError, match='made with fps 1 and not 2'):
        convert(job(**ALL)._replace(settings={'fps': 2}), tmp_path / 'set', 1)


def test_no_sample_at_all(tmp_path):
    with pytest.raises(SourceError, match=r'^none is there$'):
        convert(job(unlisted='good'), tmp_path / 'set', 1)
    assert list(tmp_path.iterdir()) == []


def test_no_sample_that_can_be_used(tmp_path):
    with pytest.raises(SourceError, match='set: none of 2 samples can be used, first mute: mute: silent'):
        convert(job(broken='broken', mute='mute'), tmp_path / 'set', 1)
    assert not (tmp_path / 'set').exists()


@pytest.mark.parametrize('name', ['../good', '/good', 'a/../../good'])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(SourceError, match=f"set: the lists name '{name}', expected a name within the folder"):
        convert(job(rows=[Row('train', 'x', name)], **{name: 'good'}), tmp_path / 'set', 1)


def test_file_that_vanishes_is_unreadable(tmp_path):
    def read(name, source):
        return Encoded({name: (tmp_path / source).read_bytes()})

    (tmp_path / 'good').touch()
    manifest = convert(job(read, **ALL), tmp_path / 'set', 1)
    assert manifest['splits']['train']['unreadable'] == 3
    assert 'No such file or directory' in manifest['left_out']['odd']


def test_worker_that_dies_is_told_and_nothing_lost(tmp_path):
    # `exec` is a converter that every process can import; it runs the "name" in the namespace that was "found".
    rows = [Row('train', 'x', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)')]
    with pytest.raises(SourceError, match=r'a worker process was killed, at one of import os.*fewer --workers'):
        convert(job(exec, rows, **{rows[0].name: {}}), tmp_path / 'set', 2)
    assert (tmp_path / 'set.partial').is_dir()
