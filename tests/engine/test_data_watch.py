"""What a training says about its data."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook, IterTimerHook, LoggerHook
from mmengine.hooks.hook import Hook
from mmengine.logging import MessageHub
from mmengine.runner.priority import get_priority

from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.data_watch import DataWatch, allowed_of, skipped
from fdkd.engine.history import pack_history, unpack_history
from fdkd.errors import DataError


class Samples(list):
    """Numbers in the place of samples."""

    notices = ()


def loader(notice):
    return SimpleNamespace(dataset=SimpleNamespace(notices=[notice]))


@pytest.fixture
def runner(caplog):
    logger = logging.getLogger('data-watch')
    caplog.set_level(logging.INFO, logger=logger.name)
    return SimpleNamespace(
        logger=logger,
        epoch=1,
        iter=0,
        message_hub=MessageHub('data-watch'),
        algorithm=SimpleNamespace(modalities=('audio', 'visual')),
        train_dataloader=loader('10 clips are missing'),
        val_loop=SimpleNamespace(dataloader=loader('2 clips are missing')),
    )


def batch(*present):
    return {'data_samples': [ClassSample(metainfo={'present': names} if names else {}) for names in present]}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless its ``passes`` is called."""
    now = [100.0]
    monkeypatch.setattr('fdkd.engine.data_watch.time', SimpleNamespace(perf_counter=lambda: now[0]))
    return SimpleNamespace(passes=lambda seconds: now.__setitem__(0, now[0] + seconds))


def iteration(watch, runner, clock, waits, works, data):
    clock.passes(waits)
    watch.before_train_iter(runner, 0, data)
    clock.passes(works)
    watch.after_train_iter(runner, 0, data)


def test_notices_are_said_at_the_start(runner, caplog):
    DataWatch().before_train(runner)
    assert caplog.messages == ['10 clips are missing', '2 clips are missing']
    assert {record.levelname for record in caplog.records} == {'INFO'}


def test_a_notice_of_both_loaders_is_said_once(runner, caplog):
    runner.val_loop.dataloader = runner.train_dataloader
    DataWatch().before_train(runner)
    assert caplog.messages == ['10 clips are missing']


def test_gaps_and_waiting_are_those_of_the_epoch(runner, caplog, clock):
    watch = DataWatch()
    for _ in range(2):  # the counts of one epoch do not stay for the next
        caplog.clear()
        watch.before_train_epoch(runner)
        iteration(watch, runner, clock, 0.1, 0.9, batch(('audio', 'visual', 'label'), ('audio', 'label')))
        iteration(watch, runner, clock, 0.3, 2.7, batch(('audio', 'visual'), ('audio', 'label')))
        clock.passes(50)  # what other hooks do after the epoch, and the validation
        watch.after_train_epoch(runner)
    assert caplog.messages == [
        'epoch 2: 2 of the 4 samples read had no visual',
        'epoch 2: 1 of the 4 samples read had no label',
        'epoch 2: 10.0 % of the time was spent waiting for data',  # (0.1 + 0.3) / (1 + 3)
    ]


def test_nothing_is_said_of_gaps_that_are_not_there(runner, caplog, clock):
    watch = DataWatch()
    watch.before_train_epoch(runner)
    unspoken = ()  # a sample that does not say what it has
    iteration(watch, runner, clock, 1, 1, batch(('audio', 'visual', 'label'), unspoken))
    watch.after_train_epoch(runner)
    assert caplog.messages == ['epoch 2: 50.0 % of the time was spent waiting for data']


def test_an_epoch_without_iterations_says_nothing(runner, caplog):
    watch = DataWatch()
    watch.before_train_epoch(runner)
    watch.after_train_epoch(runner)
    assert not caplog.messages


def test_it_is_the_last_hook_so_that_logging_is_no_waiting():
    for other in (CheckpointHook, IterTimerHook, LoggerHook, Hook):
        assert get_priority(DataWatch.priority) > get_priority(other.priority)


@pytest.fixture
def patient(runner):
    """A runner whose 300 training samples, of which three may be unreadable, are read with ``on_error='skip'``."""
    runner.train_dataloader = SimpleNamespace(dataset=Samples(range(300)))
    runner.train_dataloader.dataset.on_error = 'skip'
    runner.val_loop, runner.iter, runner.message_hub = None, 0, MessageHub('unreadable')
    return runner


def reads(watch, runner, *unreadable):
    """One iteration, for each sample what could not be read in its place."""
    samples = [ClassSample(metainfo={'unreadable': found} if found else {}) for found in unreadable]
    watch.before_train_iter(runner, 0, {'data_samples': samples})


def started(runner):
    watch = DataWatch()
    watch.before_train(runner)
    return watch


def test_each_unreadable_sample_is_counted_and_warned_of_once(patient, caplog):
    watch = started(patient)
    assert skipped(patient) == {'number': 0, 'of': 300, 'samples': {}}
    for _ in range(2):
        reads(watch, patient, {}, {'b': 'b.png: truncated', 'a': 'a.png: no such file'}, {})
    watch.after_train_epoch(patient)
    assert [record.getMessage() for record in caplog.records if record.levelname == 'WARNING'] == [
        'training sample b cannot be read: b.png: truncated',
        'training sample a cannot be read: a.png: no such file',
    ]
    samples = {'a': 'a.png: no such file', 'b': 'b.png: truncated'}
    assert skipped(patient) == {'number': 2, 'of': 300, 'samples': samples}


def test_too_many_stop_the_training_and_are_listed(patient):
    watch = started(patient)
    for name in 'cab':
        reads(watch, patient, {name: f'{name}.png: bad'})
    with pytest.raises(DataError, match=r"4 of 300 training samples .* on_error='skip' puts up with 3 \(1 %") as caught:
        reads(watch, patient, {'d': 'd.png: bad'})
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [f'{n}: {n}.png: bad' for n in 'abcd']


def test_a_long_list_is_cut(patient):
    watch = started(patient)
    with pytest.raises(DataError, match='and 10 more, see the log') as caught:
        reads(watch, patient, {f's{number}': 'bad' for number in range(30)})
    assert len(str(caught.value).splitlines()) == 1 + 20 + 1


@pytest.mark.parametrize(('total', 'allowed'), [(1, 1), (99, 1), (199, 1), (200, 2), (795, 7), (28800, 288)])
def test_one_sample_may_always_be_unreadable(total, allowed):
    assert allowed_of(total) == allowed


@pytest.mark.parametrize('moment', ['before_saving', 'after_train_epoch'])
def test_the_processes_add_theirs_up(patient, caplog, monkeypatch, moment):
    watch = started(patient)
    watch.before_train_epoch(patient)
    reads(watch, patient, {'a': 'bad'}, {'b': 'bad'})
    others = [{'b': 'bad', 'c': 'bad'}]
    monkeypatch.setattr(
        'fdkd.engine.data_watch.all_gather_object', lambda x: [x, *others] if isinstance(x, dict) else [x]
    )
    getattr(watch, moment)(patient)
    assert list(skipped(patient)['samples']) == ['a', 'b', 'c']
    assert 'training sample c cannot be read: bad' in caplog.messages
    others[0]['d'] = 'bad'
    with pytest.raises(DataError, match='4 of 300'):
        getattr(watch, moment)(patient)


def test_a_resumed_run_goes_on_counting_and_a_new_one_starts_at_none(patient, caplog):
    watch = started(patient)
    reads(watch, patient, {'a': 'bad'}, {'b': 'bad'}, {'c': 'bad'})
    packed = pack_history(patient.message_hub)
    patient.message_hub, patient.iter = MessageHub('resumed'), 7
    unpack_history(patient.message_hub, packed)
    resumed = started(patient)
    assert skipped(patient)['number'] == 3
    caplog.clear()
    reads(resumed, patient, {'a': 'bad'})  # which was warned of before
    assert not caplog.messages
    with pytest.raises(DataError, match='4 of 300'):
        reads(resumed, patient, {'d': 'bad'})
    patient.iter = 0  # a new run of the same name in one process: the hub is the same
    started(patient)
    assert skipped(patient)['number'] == 0


def test_what_was_lost_stays_with_a_run_that_goes_on_without_skipping(patient):
    watch = started(patient)
    reads(watch, patient, {'a': 'bad'}, {'b': 'bad'})
    packed, lost = pack_history(patient.message_hub), skipped(patient)
    patient.train_dataloader.dataset.on_error = 'raise'
    patient.message_hub, patient.iter, patient._resume = MessageHub('unskipped'), 7, True
    unpack_history(patient.message_hub, packed)
    started(patient)
    assert skipped(patient) == lost
    again = pack_history(patient.message_hub)  # and is saved with it

    # Another run, in the same process and of the same name: one that has lost nothing is resumed, or a new one begins.
    DataWatch().after_load_checkpoint(patient, {})
    started(patient)
    assert skipped(patient) is None
    unpack_history(patient.message_hub, again)
    assert skipped(patient) == lost
    patient._resume = False  # weights that are only loaded, say to look at them
    DataWatch().after_load_checkpoint(patient, {})
    assert skipped(patient) == lost
    patient.iter = 0
    started(patient)
    assert skipped(patient) is None


def test_where_the_first_error_stops_a_training_nothing_is_said_of_skipping(patient, monkeypatch):
    monkeypatch.setattr('fdkd.engine.data_watch.all_gather_object', lambda x: pytest.fail('nothing to agree on'))
    patient.train_dataloader.dataset.on_error = 'raise'
    watch = started(patient)
    watch.before_saving(patient)
    assert skipped(patient) is None
    assert not patient.message_hub.runtime_info
    del patient.train_dataloader.dataset.on_error  # a foreign data set
    assert skipped(patient) is None
