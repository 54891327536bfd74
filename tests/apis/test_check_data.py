"""The whole check, from a config file to the files it writes."""

import os

import pytest

from fdkd.apis import check_data as module
from fdkd.apis.check_data import check_data
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError, DataError
from tests.support.motions import ALONE, CONFIG, write_motions
from tests.support.repository import REPOSITORY


@pytest.fixture
def motions(tmp_path):
    """A config of motions and the folder of its data."""
    root = write_motions(tmp_path / 'data')
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(configs=str(REPOSITORY / 'configs'), root=str(root), method='feat') + ALONE)
    return config, root


def test_from_a_config_to_a_csv(motions, tmp_path, capsys):
    config, root = motions
    (root / 'imu' / 'c03.npy').write_bytes(b'')
    os.replace(root / 'image' / 'c01.png', root / 'image' / 'c15.png')
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob('*'))
    report = check_data(config, RunOptions(workers=0), csv=tmp_path / 'all.csv', json=tmp_path / 'all.json')
    assert [(*tuple(one)[:4], one.what) for one in report.findings] == [
        ('error', 'train', 'c03', 'imu', 'unreadable'),
        ('warning', 'train', 'c01', 'image', 'missing'),  # this config does not load it
    ]
    assert report.verdict == 'errors'
    assert (tmp_path / 'all.csv').read_text().count('\n') == 3
    assert (tmp_path / 'all.json').is_file()
    assert 'c03.npy' in capsys.readouterr().out
    assert before == sorted((path, path.stat().st_mtime_ns) for path in root.rglob('*'))


def test_an_interrupted_check_leaves_an_old_csv_alone(motions, tmp_path, monkeypatch):
    class Interrupted(module.Samples):
        def __getitem__(self, index):
            if index == 5:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    monkeypatch.setattr(module, 'Samples', Interrupted)
    (tmp_path / 'all.csv').write_text('old')
    with pytest.raises(KeyboardInterrupt):
        check_data(motions[0], RunOptions(workers=0), csv=tmp_path / 'all.csv')
    assert (tmp_path / 'all.csv').read_text() == 'old'
    assert not list(tmp_path.glob('*.partial'))


def test_a_process_that_dies_is_told_with_the_last_sample(motions, monkeypatch):
    class Deadly(module.Samples):
        def __getitem__(self, index):
            if index == 10:
                os._exit(9)
            return super().__getitem__(index)

    monkeypatch.setattr(module, 'Samples', Deadly)
    with pytest.raises(DataError, match=r'a process that reads died soon after (train/c0|the first)'):
        check_data(motions[0], RunOptions(workers=1))


def test_a_fault_of_the_check_itself_is_no_finding(motions, monkeypatch):
    def faulty(*_):
        raise RuntimeError('a bug')

    monkeypatch.setattr('fdkd.doctor.reading.look_at', faulty)
    with pytest.raises(RuntimeError, match='a bug'):
        check_data(motions[0], RunOptions(workers=0))


@pytest.mark.parametrize(('name', 'message'), [('data/all.csv', 'within the data'), ('none/all.csv', 'does not exist')])
def test_files_that_may_not_be_written_are_refused_before_anything_is_read(
    motions, tmp_path, monkeypatch, name, message
):
    monkeypatch.setattr(module, 'examine', None)
    for option in ('csv', 'json'):
        with pytest.raises(ConfigError, match=message):
            check_data(motions[0], RunOptions(workers=0), **{option: tmp_path / name})
