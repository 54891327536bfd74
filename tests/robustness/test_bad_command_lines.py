"""Command lines of every tool that cannot be meant end with status 2, or 1 where only the config or the data say so."""

import pytest

from tests.robustness.bad.breaking import command, config, done, written
from tests.robustness.bad.place import new_place  # noqa: F401
from tests.robustness.bad.tools import Bad, refuses

P, A, S, T = '{pair}', '{imu}', '{student}', '{teacher}'
FILE = 'data/motions/clips.csv'
CUTOFF = ('analysis/suggest_cutoff', P, S, T)
NYU = ('prepare_data', 'nyu', '--mat', 'a.mat', '--splits', 'b.mat', '--mapping', 'c.mat', '--out', 'data/nyu')
ROOMS = ('prepare_data', 'rooms', '--frames', '3', '--train', '2', '--out')


def refused(name, words, says, status=1):
    return Bad(name, command(*words), says, status)


TRAIN = [
    refused('no config', ('train',), ['required: config'], 2),
    refused('no such config', ('train', 'configs/none.py'), ['configs/none.py: no such config file']),
    refused('a folder as the config', ('train', 'configs'), ['configs: no such config file']),
    refused('two configs', ('train', A, 'x.py'), ['unrecognized arguments: x.py'], 2),
    refused('an unknown option', ('train', A, '--speed', '2'), ['unrecognized arguments: --speed'], 2),
    refused('epochs below 0', ('train', A, '--epochs', '-1'), ["--epochs: '-1', expected a whole number above 0"], 2),
    refused('half a batch', ('train', A, '--batch-size', '0.5'), ["--batch-size: '0.5', expected a whole number"], 2),
    refused('a width alone', ('train', A, '--size', '32'), ["--size: '32', expected WIDTHxHEIGHT"], 2),
    refused('a size of 0', ('train', A, '--size', '0x8'), ["--size: '0x8', expected WIDTHxHEIGHT"], 2),
    refused('workers in words', ('train', A, '--workers', 'all'), ["--workers: 'all', expected a whole number"], 2),
    refused('an unknown precision', ('train', A, '--amp-dtype', 'fp8'), ["--amp-dtype: invalid choice: 'fp8'"], 2),
    refused('an unknown cache', ('train', A, '--cache', 'gpu'), ["argument --cache: invalid choice: 'gpu'"], 2),
    refused('no views', ('train', P, '--views', '0'), ["--views: '0', expected a whole number above 0"], 2),
    refused('an unknown launcher', ('train', A, '--launcher', 'ssh'), ["--launcher: invalid choice: 'ssh'"], 2),
    refused('a seed of 65 bits', ('train', A, '--seed', str(2**64)), ['randomness.seed', 'below 2**32']),
    refused('a batch of more than all', ('train', A, '--batch-size', '99'),
        ['12 training samples do not fill one batch']),
    refused('a teacher of nobody', ('train', A, '--teacher', 'x.pth'), ['imu.py trains without a teacher']),
    refused('an untrained teacher of nobody', ('train', A, '--teacher', 'untrained'), ['trains without a teacher']),
    refused('a cached teacher of nobody', ('train', A, '--cache-teacher'), ['--cache-teacher', 'no frozen teacher']),
    refused('views of nobody', ('train', A, '--views', '2'), ['--views: SingleModality has no frozen teacher']),
    refused('weights that are absent', ('train', A, '--pretrained', 'x.pth'), ['--pretrained x.pth: no such file']),
    Bad('a size of no step', config('pipeline.pop(1)', ('train', A, '--size', '8x8'), 'imu'),
        ['--size: the data pipeline has no step']),
]  # fmt: skip
CHANGES = [
    refused('a change without =', ('train', A, '--cfg-options', 'a'), ["'a', expected KEY=VALUE"], 2),
    refused('a change without a key', ('train', A, '--cfg-options', '=3'), ["'=3', expected KEY=VALUE"], 2),
    refused('an open bracket', ('train', A, '--cfg-options', 'a=[1,2'), ["'a=[1,2': Imbalanced brackets"], 2),
    refused('a loss that is not there', ('train', P, '--cfg-options', 'model.losses.f.weight=1'),
        ['losses.f: names no']),
    refused('a place beyond a list', ('train', A, '--cfg-options', 'custom_hooks.7.type=X'), ['Index 7 exceeds']),
    refused('an option by its path', ('train', A, '--cfg-options', 'run_options.epochs=2'), ['use the option itself']),
    refused('a word for a number', ('train', P, '--cfg-options', 'model.losses.fdkd.lambda_low=x'), ["'x', FDKDLoss"]),
]  # fmt: skip
FOLDERS = [
    refused('a file as the work dir', ('train', A, '--work-dir', FILE), [f'{FILE}: File exists', 'expected a folder']),
    refused('a work dir below a file', ('train', A, '--work-dir', f'{FILE}/run'), ['Not a directory', 'is a file']),
    refused('a cache below a file', ('train', P, '--cache-teacher-in', f'{FILE}/x'), [f'{FILE}/x: Not a directory']),
    refused('a data cache below a file', ('train', A, '--cache', 'disk', '--cfg-options',
        f'train_dataloader.dataset.cache_folder={FILE}/x'), [f'{FILE}/x', 'Not a directory']),
]  # fmt: skip
TEST = [
    refused('no checkpoint', ('test', P), ['required: checkpoint'], 2),
    refused('an option of training', ('test', P, S, '--amp'), ['unrecognized arguments: --amp'], 2),
    refused('a file for results', ('test', P, S, '--work-dir', FILE), [f'{FILE}: File exists', 'expected a folder']),
]  # fmt: skip
CHECKS = [
    refused('no config to check', ('check_config',), ['required: CONFIG'], 2),
    refused('no such config to check', ('check_config', 'none.py'), ['1. none.py: no such config file']),
    refused('findings nowhere', ('check_config', A, '--json', 'no/x.json'),
        ['--json no/x.json: there is no such folder']),
    refused('a folder for findings', ('check_config', A, '--json', 'data'),
        ['--json data: a folder, expected the name']),
    refused('no such data to check', ('check_data', 'none.py'), ['none.py: no such config file']),
    refused('a table within the data', ('check_data', P, '--csv', 'data/motions/x.csv'), ['where nothing is written']),
    refused('a table nowhere', ('check_data', P, '--csv', 'no/x.csv'), ['no/x.csv: its folder does not exist']),
    refused('a folder for a table', ('check_data', P, '--csv', 'configs'), ['configs: a folder, expected the name']),
    refused('-1 findings', ('check_data', P, '--show', '-1'),
        ["--show: '-1', expected a whole number of 0 or more"], 2),
]  # fmt: skip
PREPARE = [
    refused('no data set', ('prepare_data',), ['required: DATASET'], 2),
    refused('an unknown data set', ('prepare_data', 'kitti'), ["invalid choice: 'kitti'"], 2),
    refused('NYU without its files', NYU, ['a.mat: missing', 'c.mat: missing', 'add --download']),
    refused('NYU of a width', (*NYU, '--size', '1'), ["--size: '1', expected WIDTHxHEIGHT"], 2),
    Bad('NYU of a text', done(lambda place: [(place.root / f'{name}.mat').write_text('no') for name in 'abc'], *NYU),
        ['a.mat: a file that starts', 'expected a whole MATLAB v7.3 (HDF5) file', 'replace it']),
    refused('rooms for training alone', (*ROOMS, 'data/rooms', '--frames', '2'),
        ['--train is 2, expected at least 1 and less than --frames 2']),
    refused('rooms of seed -1', (*ROOMS, 'data/rooms', '--seed', '-1'), ["--seed: '-1', expected a whole number"], 2),
    refused('rooms over a file', (*ROOMS, FILE), [f'{FILE} exists', 'no folder of rooms']),
    refused('rooms over other data', (*ROOMS, 'data/motions'), ['data/motions exists', 'to another folder']),
    refused('digits over other data', ('prepare_data', 'digits', '--out', 'data/motions'), ['nothing is overwritten']),
    refused('CREMA-D without lists', ('prepare_data', 'cremad', '--annotations', 'no', '--videos', 'no', '--out', 'c'),
        ['no/train.csv: missing', 'are published with']),
    refused('AVE of 0 frames a second', ('prepare_data', 'ave', '--annotations', 'no', '--videos', 'no', '--out', 'c',
        '--fps', '0'), ["--fps: '0', expected a number above 0"], 2),
    refused('VGGSound without lists', ('prepare_data', 'vggsound', '--annotations', 'no', '--videos', 'no', '--out',
        'c'), ['no/train.csv: missing']),
    refused('CrisisMMD without lists', ('prepare_data', 'crisismmd', '--annotations', 'no', '--images', 'no', '--out',
        'c'), ['agreed_lab_train.tsv: missing']),
]  # fmt: skip
REPRODUCE = [
    refused('an unknown table', ('reproduce', 'table9'), ["invalid choice: 'table9'"], 2),
    refused('an unknown pair', ('reproduce', 'table1', '--data', 'mnist', '--out', 'new'), ['mnist']),
    refused('data twice', ('reproduce', 'table1', '--data', 'grid', 'grid'),
        ['--data grid grid: one of them is there']),
    refused('no budget', ('reproduce', 'table1', '--budget', '0'), ['--budget 0.0: expected a share']),
    refused('a budget of NaN', ('reproduce', 'table1', '--budget', 'nan'), ['--budget nan: expected a share']),
    refused('an unknown method', ('reproduce', 'table1', '--methods', 'none', '--out', 'new'), ['none']),
    refused('one folder for two', ('reproduce', 'table1', '--data', 'grid', 'ave', '--data-root', 'data'),
        ['--data-root data: one folder for 2 data sets']),
    refused('no jobs', ('reproduce', 'table1', '--jobs', '0'), ["--jobs: '0', expected a whole number above 0"], 2),
]  # fmt: skip
OTHERS = [
    refused('a report of nothing', ('report',), ['required: WORK_DIR'], 2),
    refused('a report of no folder', ('report', 'none'), ['none: no such folder, expected the work dir of a run']),
    refused('a report of no run', ('report', 'configs'), ['configs: not the work dir of a run']),
    refused('a report over a folder', ('report', '{run}', '--out', 'data'), ['data: Is a directory']),
    refused('a cutoff of one model', ('analysis/suggest_cutoff', A, T, T), ['expected the config of a pair']),
    refused('a cutoff chosen on the test set', (*CUTOFF, '--split', 'test'), ["--split: invalid choice: 'test'"], 2),
    refused('a cutoff chosen on no data', (*CUTOFF, '--split', 'val'), ["validates on the test split 'test'"]),
    refused('no bands', (*CUTOFF, '--bands', '0'), ["--bands: '0', expected a whole number above 0"], 2),
    refused('too many bands', (*CUTOFF, '--bands', '99'), ['99 bands over a length of 8', 'expected at most 4 bands']),
    Bad('a file for the profile', written('given', '', *CUTOFF, '--bands', '4', '--out', 'given'),
        ['given: File exists']),
]  # fmt: skip
BENCHMARKS = [
    *(
        refused(f'figures of {name} nowhere', (f'benchmark/{name}', '--json', 'no/x.json'),
        ['--json no/x.json: there is'])
        for name in ('data_time', 'loss_time', 'memory', 'scaling', 'spectrogram', 'step_time')
    ),
    refused('an unknown option of a benchmark', ('benchmark/plain_training', '--no'),
        ['unrecognized arguments: --no'], 2),
    refused('a benchmark of no repeats', ('benchmark/step_time', '--repeats', '0'), ["--repeats: '0', expected"], 2),
]  # fmt: skip
ROWS = [*TRAIN, *CHANGES, *FOLDERS, *TEST, *CHECKS, *PREPARE, *REPRODUCE, *OTHERS, *BENCHMARKS]


@pytest.mark.parametrize('bad', ROWS, ids=lambda bad: bad.name)
def test_it_is_refused(bad, place, capsys):
    refuses(bad, place, capsys)
