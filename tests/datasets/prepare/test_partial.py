"""The folder under construction, apart from what the converter's own tests show of it."""

import subprocess

import pytest

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.partial import PartialFolder, finished


def make(out, **fingerprint):
    folder = PartialFolder(out, fingerprint)
    folder.begin()
    folder.add('a', {'audio/a.wav': b'one', 'video/a.mp4': b'two'}, seconds=3)
    return folder


def test_hashes_are_what_sha256sum_checks(tmp_path):
    make(tmp_path / 'set', rate=8).finish({'train.txt': b'a\n'}, {'name': 'set'})
    run = subprocess.run(['sha256sum', '--check', 'SHA256SUMS'], cwd=tmp_path / 'set', capture_output=True, text=True)
    assert run.stdout == 'audio/a.wav: OK\ntrain.txt: OK\nvideo/a.mp4: OK\n'


def test_facts_of_a_sample_survive_a_restart(tmp_path):
    make(tmp_path / 'set', rate=8)
    again = PartialFolder(tmp_path / 'set', {'rate': 8})
    assert again.begun
    assert again.samples['a']['seconds'] == 3


def test_folder_that_no_run_began_is_refused_and_kept(tmp_path):
    (tmp_path / 'set.partial').mkdir()
    (tmp_path / 'set.partial' / 'mine').write_text('mine')
    with pytest.raises(SourceError, match=r'set\.partial: exists, but no earlier run can be continued there'):
        PartialFolder(tmp_path / 'set', {})
    assert (tmp_path / 'set.partial' / 'mine').read_text() == 'mine'


def test_run_killed_before_the_journal_was_there_starts_over(tmp_path):
    (tmp_path / 'set.partial').mkdir()
    (tmp_path / 'set.partial' / '.journal.jsonl.tmp').write_bytes(b'{"finger')
    make(tmp_path / 'set', rate=8).finish({}, {})
    assert (tmp_path / 'set' / 'audio' / 'a.wav').read_bytes() == b'one'


def test_run_killed_after_the_renaming_is_complete(tmp_path):
    manifest = make(tmp_path / 'set', rate=8).finish({}, {'name': 'set'})
    (tmp_path / 'set' / 'journal.jsonl').write_bytes(b'{}')
    assert finished(tmp_path / 'set', {'rate': 8}) == manifest
    assert not (tmp_path / 'set' / 'journal.jsonl').exists()


def test_out_that_appeared_meanwhile_is_not_overwritten(tmp_path):
    folder = make(tmp_path / 'set')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'mine').write_text('mine')
    with pytest.raises(OSError, match='not empty'):
        folder.finish({}, {})
    assert [path.name for path in (tmp_path / 'set').iterdir()] == ['mine']


@pytest.mark.parametrize('text', ['', '[]', '{"fingerprint": {}}', '\x00'])
def test_unreadable_manifest_is_no_finished_set(tmp_path, text):
    (tmp_path / 'manifest.json').write_text(text)
    with pytest.raises(SourceError, match='holds no finished conversion'):
        finished(tmp_path, {})
