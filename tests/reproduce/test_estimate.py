"""How long runs take, by what is known."""

import pytest

from fdkd.reproduce.estimate import seconds_of, spoken, total_seconds
from tests.support.jobs import make_job


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path, 'a')  # two epochs


def row(config, seconds, epochs=10, **rest):
    about = {'status': 'done', 'resumed': False, 'data_hash': 'data'}
    return {**about, 'config': config, 'seconds': seconds, 'epochs': epochs, **rest}


def test_the_median_of_the_same_config_per_epoch(job):
    rows = [row(job.run.config, 100), row(job.run.config, 60, epochs=3), row(job.run.config, 900), row('other', 1)]
    assert seconds_of(job, rows) == 2 * 20


def test_or_else_of_the_same_data(job):
    rows = [row('x', 100), row('y', 300), row('z', 10**6, data_hash='others')]
    assert seconds_of(job, rows) == 2 * 20


def test_what_does_not_count(job):
    config = job.run.config
    failed = {'status': 'failed', 'config': config}
    rows = [failed, row(config, 100, resumed=True), row(config, None), row(config, 100, data_hash='others')]
    assert seconds_of(job, rows[:3]) is None
    assert seconds_of(job, rows) == 20  # the same config on other data is nearer than nothing
    assert seconds_of(job, []) is None


def test_the_total_is_shared_by_processes(tmp_path, job):
    rows = [row(job.run.config, 100)]
    assert total_seconds([job] * 6, rows, 1) == 120
    assert total_seconds([job] * 6, rows, 3) == 40
    assert total_seconds([job], rows, 4) == 20
    assert total_seconds([], rows, 2) == 0
    unknown = make_job(tmp_path, 'b')
    unknown.cfg.data_hash = 'others'
    assert total_seconds([job, unknown], rows, 1) is None


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (None, 'unknown'), (2, 'about 1 min'), (89, 'about 1 min'), (91, 'about 2 min'), (3599, 'about 1 h 0 min'),
        (4800, 'about 1 h 20 min'), (90000, 'about 25 h 0 min'),
    ],
)  # fmt: skip
def test_spoken(seconds, text):
    assert spoken(seconds) == text
