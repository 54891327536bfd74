"""``tools/benchmark/loss_time.py`` at its smallest: formulations that agree, the refusal, the tables, the JSON."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from fdkd.apis.benchmark import Interval
from fdkd.apis.cli import guarded

TOOLS = Path(__file__).parents[2] / 'tools' / 'benchmark'
SMALL = {
    'classification': {
        'logits': (6, 5),
        'feat': (6, 16),
        'map': (6, 8, 4, 4),
        'stages': [(6, 4, 9, 9), (6, 8, 5, 5), (6, 8, 3, 3)],
    },
    'segmentation': {
        'logits': (3, 5, 6, 8),
        'feat': (3, 8, 5, 6),
        'map': (3, 8, 5, 6),
        'stages': [(3, 4, 10, 12), (3, 8, 5, 6), (3, 8, 5, 6)],
    },
}
LOGITS = ['LogitKD', 'DIST', 'NKD', 'DKD', 'C2KD', 'CWD']
FEATURES = ['Feat', 'PKD', 'RKD', 'FDKD', 'FAM', 'FreeKD', 'OFD', 'AFD', 'ReviewKD']


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)  # as for a script that is called
        yield import_module('loss_time')


@pytest.fixture(scope='module')
def cases(tool):
    return sys.modules['loss_cases']


def row(method='PKD', low=0.97, kept=(2**20, 2**21), peak=(None, None), verdict='met'):
    return {
        'method': method,
        'tensors': 'feat 64x512',
        'milliseconds': {'ours': 0.3512, 'plain': 1.2},
        'ratio': {'median': low + 0.1, 'low': low, 'high': low + 0.2, 'count': 9},
        'kept_bytes': dict(zip(('ours', 'plain'), kept, strict=True)),
        'peak_bytes': dict(zip(('ours', 'plain'), peak, strict=True)),
        'verdict': verdict,
    }


def test_every_method_is_there(tool):
    assert list(tool.METHODS) == [*LOGITS, *FEATURES]


@pytest.mark.parametrize('size', SMALL)
@pytest.mark.parametrize('method', [*LOGITS, *FEATURES])
def test_formulations_agree(cases, method, size):
    case = cases.build(method, SMALL[size])
    found = cases.differences(case)
    assert found.keys() == {'value', 'gradient'}
    cases.refuse_different(method, found)
    value, gradients = cases.step(case.ours, case)
    assert value > 0
    assert all(gradient.abs().sum() > 0 for gradient in gradients[: len(case.trained)])


@pytest.mark.parametrize('size', SMALL)
def test_a_tenth_of_the_pixels_is_void_and_no_sample(cases, size):
    shapes = {**SMALL[size], 'logits': (2, 5, 40, 50) if size == 'segmentation' else (64, 5)}
    target = cases.build('LogitKD', shapes).arguments[-1]
    assert (target == 255).float().mean().item() == pytest.approx(0.1 if size == 'segmentation' else 0, abs=0.02)
    assert target[target != 255].unique().tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (lambda student, teacher, target: 1.001 * (student - teacher).square().mean(), 'Feat, small: the value'),
        (lambda student, teacher, target: (student.detach() - teacher).square().mean() + 0 * student.sum(), 'gradient'),
        (lambda student, teacher, target: student.sum() * torch.nan, 'the value differs from the plain one by nan'),
    ],
)
def test_formulations_that_differ_are_not_timed(tool, cases, monkeypatch, wrong, message):
    monkeypatch.setattr(tool.benchmark, 'time_interleaved', None)
    monkeypatch.setitem(cases.METHODS, 'Feat', ('feat', lambda _: (wrong, cases.plain.feat)))
    with pytest.raises(tool.FdkdError, match=f'{message}.*nothing was timed'):
        tool.measure('Feat', 'small', SMALL['classification'], repeats=1)


def test_what_is_kept_for_backward_is_neither_arguments_nor_weights(cases):
    case = cases.build('Feat', SMALL['classification'])
    student, teacher = (x.detach().clone().requires_grad_(x.requires_grad) for x in case.arguments[:2])
    case = case._replace(arguments=(student, teacher, case.arguments[2]))
    assert cases.kept_bytes(case.ours, case) == 0  # the two features

    def kept(function):
        return cases.kept_bytes(cases.Plain(function), case)

    assert kept(lambda student, teacher, _: (student - teacher).square().mean()) == student.nbytes
    assert kept(lambda student, teacher, _: ((student * 2).exp() * (teacher + 1)).sum()) == 2 * student.nbytes
    case = cases.build('OFD', SMALL['classification'])
    assert cases.kept_bytes(case.ours.stages[0].conv, case._replace(arguments=(case.arguments[0][0],))) == 0


@pytest.mark.parametrize(
    ('ratio', 'expected'),
    [
        (Interval(1.10, 0.95, 1.20, 6), 'met'),
        (Interval(0.93, 0.90, 0.95, 6), 'met within noise'),
        (Interval(0.90, 0.80, 0.94, 6), 'missed'),
        (Interval(0.90, 0.80, 0.94, 5), 'open: fewer than 6 repeats'),
    ],
)
def test_interval_decides(tool, ratio, expected):
    assert tool.verdict(ratio, 0.95) == expected


def test_table_shows_the_figures(tool, monkeypatch):
    rows = [row(), row('RKD', 0.5, peak=(2**22, 2**23), verdict='missed')]
    figures = {'device': 'cpu', 'threads': 1, 'repeats': 9, 'goal': 0.95, 'losses': rows}
    title, _, head, _, first, second, _ = tool.table(figures).splitlines()[1:]
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in (head, first, second)]
    assert 'cpu, 1 threads; 9 repeats' in title
    assert cells[0][-2:] == ['kept for backward, MiB: ours / plain', 'goal >= 0.95']
    assert cells[1] == ['PKD', 'feat 64x512', '0.351', '1.200', '1.07 [0.97, 1.17]', '1.00 / 2.00', 'met']
    assert cells[2][4] == '0.60 [0.50, 0.70]'
    assert cells[2][-1] == 'missed'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    text = tool.table(figures)
    assert ' 4.00 / 8.00 |' in text
    assert '| peak MiB: ours / plain |' in text


def test_json_holds_what_is_printed(tool, monkeypatch, tmp_path, capsys):
    path = tmp_path / 'figures.json'
    monkeypatch.setattr(tool, 'SIZES', SMALL)
    arguments = ['--only', 'CWD', 'OFD', '--size', 'segmentation', '--repeats', '1', '--json', str(path)]
    monkeypatch.setattr(sys, 'argv', ['loss_time.py', *arguments])
    guarded(tool.main)
    figures, printed = json.loads(path.read_text()), capsys.readouterr().out
    assert figures['goal'] == 0.95
    assert {'date', 'command', 'commit', 'device', 'threads', 'versions', 'interval'} <= figures.keys()
    assert [loss['method'] for loss in figures['losses']] == ['CWD', 'OFD']
    for loss in figures['losses']:
        [ours], [plain] = loss['seconds']['ours'], loss['seconds']['plain']
        assert loss['ratio'] == pytest.approx(dict.fromkeys(('median', 'low', 'high'), plain / ours) | {'count': 1})
        assert loss['milliseconds'] == pytest.approx(
            {'ours': 1e3 * ours / loss['calls'], 'plain': 1e3 * plain / loss['calls']}
        )
        assert loss['verdict'] == 'open: fewer than 6 repeats'
        line = next(line for line in printed.splitlines() if loss['tensors'] in line)
        for text in (loss['method'], f'{loss["milliseconds"]["ours"]:.3f}', f'{loss["ratio"]["median"]:.2f} ['):
            assert f' {text}' in line
    assert figures['losses'][0]['tensors'] == 'logits 3x5x6x8'


def test_kendall_agrees_with_scipy_and_says_what_it_took(tool):
    kendall = tool.measure_kendall(1, 'cpu', samples=(6, 5), pixels=(2, 5, 6, 8))
    assert kendall['difference'] < 1e-6
    [scipy], [ours] = kendall['seconds']['scipy'], kendall['seconds']['ours']
    assert kendall['ratio']['median'] == pytest.approx(scipy / ours)
    assert kendall['pixels_input_bytes'] == 2 * 2 * 5 * 6 * 8 * 4
    assert kendall['pixels_peak_bytes'] > kendall['pixels_input_bytes']  # a copy of both, and more
    text = tool.kendall_table({'device': 'cpu', 'threads': 1, 'repeats': 1, 'kendall': kendall})
    assert '6x5' in text
    assert '2x5x6x8' in text
    assert 'open: fewer than 6 repeats' in text


def test_kendall_that_differs_is_not_timed(tool, monkeypatch):
    kendall = sys.modules['kendall_time']
    monkeypatch.setattr(kendall, 'kendall_tau', lambda a, b: torch.zeros(len(a)))
    with pytest.raises(tool.FdkdError, match=r'kendall_tau differs from that of SciPy by .*: nothing was timed'):
        tool.measure_kendall(1, 'cpu', samples=(6, 5), pixels=(1, 2, 2, 2))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--json', 'none/figures.json'], 'error: --json none/figures.json: there is no such folder'),
        (['--only', 'PKD', 'MGD'], "argument --only: invalid choice: 'MGD'"),
    ],
)
def test_refusal_comes_before_anything_is_measured(tool, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(tool, 'measure', None)
    monkeypatch.setattr(sys, 'argv', ['loss_time.py', *arguments])
    with pytest.raises(SystemExit) as refusal:
        guarded(tool.main)
    assert message in f'{refusal.value}{capsys.readouterr().err}'
