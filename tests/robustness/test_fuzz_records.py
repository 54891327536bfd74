"""What runs leave behind, cut off, doubled, mixed up or made up: what is whole is read, what is not is told."""

import json
import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fdkd.evaluation.hits import unpack_hits
from fdkd.report.config import flatten, read_config
from fdkd.report.predictions import confusion, mistakes, read_predictions
from fdkd.report.run import read_results, read_run, read_spectrum
from fdkd.reproduce.fill import _read_images
from fdkd.reproduce.ledger import Ledger
from fdkd.reproduce.rows import done_row, results_of
from fdkd.reproduce.watch import epochs_done
from tests.support.fake_training import results
from tests.support.fuzzing import REFUSED, odd_json, right_or_refused, spoilt, tries
from tests.support.jobs import make_job

pytestmark = pytest.mark.usefixtures('bounded')

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
#: JSON of any kind, and what Python's reader takes beside it.
ANY_JSON = JSON.map(json.dumps) | st.sampled_from(
    ['NaN', '-Infinity', '[' * 10000, '1' * 5000, '{"a":' * 9000, '"\\ud800"']
)
ROW = st.builds(
    lambda rest, key, status, seed: {**rest, 'key': key, 'name': 'n', 'status': status, 'config': 'c', 'seed': seed},
    st.dictionaries(st.text(max_size=5).filter(lambda name: name != 'check'), JSON, max_size=3),
    st.sampled_from(['a', 'b']), st.sampled_from(['done', 'failed']), st.integers(0, 3),
)  # fmt: skip
GARBAGE = st.binary(max_size=30) | ANY_JSON.map(str.encode) | spoilt(ROW.map(json.dumps).map(str.encode))
SCORED = json.dumps(results('hash-a')).encode()


@tries(50)
@given(steps=st.lists(st.tuples(st.booleans(), ROW, GARBAGE, st.integers(0, 40)), max_size=5))
def test_appended_rows_are_read_whatever_stands_between(tmp_path, monkeypatch, steps):
    monkeypatch.setattr('os.fsync', lambda file: None)  # which takes longer than all the rest
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    ledger.path.write_bytes(b'')
    written = []
    for cut, row, garbage, length in steps:
        with ledger.path.open('ab') as file:
            content = ledger.path.read_bytes()
            ends = b'' if content.endswith(b'\n') or not content else b'\n'  # what is appended spoils no whole row
            file.write(ends + (content[-length:-1] if cut and length else garbage))
        ledger.append(row)
        written.append(row)
    rows = right_or_refused('Ledger.rows', ledger.rows, ledger.path)
    kept = iter(rows)
    assert all(any(row == found for found in kept) for row in written)  # in their order; a copied line may stand twice
    assert all(row in written for row in rows)
    keys = {row['key'] for row in rows if row['status'] == 'done'}
    assert ledger.done() == keys
    assert {key: row['status'] for key, row in ledger.newest().items() if key in keys} == dict.fromkeys(keys, 'done')


@tries(50)
@given(lines=st.lists(GARBAGE | ROW.map(json.dumps).map(str.encode), max_size=5), data=st.data())
def test_lines_of_any_kind_are_rows_or_damage(tmp_path, monkeypatch, lines, data):
    monkeypatch.setattr('os.fsync', lambda file: None)
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    ledger.path.write_bytes(b'')
    for row in data.draw(st.lists(ROW, max_size=2)):
        ledger.append(row)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(data.draw(spoilt(st.just(whole), len(whole) + 1)) + b'\n'.join(lines))
    rows = right_or_refused('Ledger.rows', ledger.rows, ledger.path)
    filled = sum(bool(line.strip()) for line in ledger.path.read_bytes().split(b'\n'))
    assert len(rows) + len(ledger.damaged) == filled
    assert ledger.done() <= {row['key'] for row in rows}


def test_a_row_whose_keys_are_numbers_is_read_as_json_has_it(tmp_path):
    """Sorted as text they stand in another order, and the checksum would not fit."""
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    ledger.append({'key': 'a', 'name': 'n', 'status': 'done', 'config': 'c', 'seed': 0, 'counts': {2: 1, 10: (3,)}})
    assert [row['counts'] for row in ledger.rows()] == [{'2': 1, '10': [3]}]
    assert ledger.damaged == []


@tries(100)
@given(content=ANY_JSON.map(str.encode) | spoilt(st.just(SCORED), len(SCORED)) | odd_json(SCORED) | odd_json(SCORED))
@example(b'[]')
@example(b'{"config_hash": "hash-a", "student": []}')
def test_results_are_of_the_run_or_none(tmp_path, content):
    job = make_job(tmp_path, 'a')
    (tmp_path / 'student.pth').touch()
    (tmp_path / 'results.json').write_bytes(content)
    found = right_or_refused('results_of', lambda: results_of(job, tmp_path), tmp_path)
    assert found is not REFUSED
    if found is not None:
        assert found['config_hash'] == 'hash-a'
        row = right_or_refused('done_row', lambda: done_row(job, found, tmp_path, tmp_path, False), tmp_path)
        assert row['student']['metrics'] == found['student']['metrics']
    right_or_refused('read_results', lambda: read_results(tmp_path / 'results.json'), tmp_path)


SPECTRUM = b'{"edges": [0, 1, 2], "cka": [0.5, null], "debiased": [0.1, 0.2], "energy": {"student": [1, 2]}}'
CONFIG = b"model = dict(type='A', losses=[dict(on='feat', weight=1.5), None], size=(1, 2))\nx = {'a': inf}\nseed = -1\n"
PREDICTIONS = b'sample_id,label,predicted,score\na,cat,dog,0.5\n"b,",,cat,nan\n'
LOG = (
    b'{"loss": 0.5, "epoch": 1, "iter": 1, "step": 1}\n{"accuracy": 50.0, "step": 1}\n'
    b'{"loss": 1, "epoch": 2, "iter": 3, "step": 3}\n'
)
SYNTAX = st.lists(
    st.sampled_from([*'()[]{},:=-+*.@\n ', 'a', 'dict', 'lambda', '1', "'x'", 'f""', '**', ' if ', ' for ', '0x', '\0'])
    | st.sampled_from(['-' * 9000, '(' * 300, 'a' + '.a' * 4000, '9' * 5000, '{[1]: 2}', '{{}}']),
    max_size=10,
).map(lambda parts: 'a = ' + ''.join(parts))


def any_of(content):
    return st.binary(max_size=40) | ANY_JSON.map(str.encode) | spoilt(st.just(content), len(content))


@tries(120)
@given(content=any_of(CONFIG) | SYNTAX.map(str.encode))
@example(b'a = {[1]: 2}')
@example(b'a = ' + b'-' * 9000 + b'1')
def test_a_config_as_text_is_read_or_refused(tmp_path, content):
    path = tmp_path / 'config.py'
    path.write_bytes(content)
    found = right_or_refused('read_config', lambda: read_config(path), path)
    if found is not REFUSED:
        assert all(isinstance(value, str) for pair in flatten(found) for value in pair)


@tries(60)
@given(spectrum=any_of(SPECTRUM) | odd_json(SPECTRUM), predictions=any_of(PREDICTIONS), log=any_of(LOG) | st.just(LOG),
       scores=any_of(SCORED) | odd_json(SCORED), config=any_of(CONFIG))  # fmt: skip
def test_a_damaged_work_dir_is_read_as_far_as_it_goes(tmp_path, spectrum, predictions, log, scores, config):
    logs = tmp_path / '20260101_000000' / 'vis_data'
    logs.mkdir(parents=True, exist_ok=True)
    (logs / 'scalars.json').write_bytes(log)
    contents = {'results.json': scores, 'spectral_cka.json': spectrum, 'predictions.csv': predictions, 'c.py': config}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    run = right_or_refused('read_run', lambda: read_run(tmp_path), tmp_path)
    assert all(str(tmp_path) in problem for problem in run.problems)
    right_or_refused('read_spectrum', lambda: read_spectrum(tmp_path / 'spectral_cka.json'), tmp_path)
    found = right_or_refused('read_predictions', lambda: read_predictions(tmp_path / 'predictions.csv', []), tmp_path)
    if found is not REFUSED:
        confusion(found, ['cat'])
        assert len(mistakes(found)) <= len(found)
    assert isinstance(run.progress, str)
    for name in run.history.names:
        assert len(run.history.curve(name)) <= len(run.history.training)


@tries(60)
@given(
    content=spoilt(st.just(b'Epoch(train)  [3][10/50]  lr: 1\nEpoch(train) [ 4][ 1/50]\n'), 30) | st.binary(max_size=30)
)
@example(b'Epoch(train) [1][0/0]')
@example(b'Epoch(train) [' + b'1' * 5000 + b'][1/2]')
def test_any_console_gives_a_number_of_epochs(tmp_path, content):
    console = tmp_path / 'console.log'
    console.write_bytes(content)
    assert right_or_refused('epochs_done', lambda: epochs_done(console), console) >= -1


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp('images') / 'images.npz'
    counts = np.arange(6).reshape(2, 3)
    np.savez_compressed(path, intersection=counts, predicted=counts, labelled=counts)
    return path.read_bytes()


@tries(60)
@given(data=st.data())
def test_damaged_pixel_counts_are_told(tmp_path, images, data):
    path = tmp_path / 'images.npz'
    path.write_bytes(data.draw(spoilt(st.just(images), len(images))))
    right_or_refused('images.npz', lambda: _read_images(path), path)


@tries(60)
@given(text=st.text(string.printable, max_size=8), count=st.integers(0, 40))
def test_hits_of_any_text_are_right_or_refused(text, count):
    found = right_or_refused('unpack_hits', lambda: unpack_hits(text, count), 'hits')
    if found is not REFUSED:
        assert (found.dtype, found.shape) == (bool, (count,))
