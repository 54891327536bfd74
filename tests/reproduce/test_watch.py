"""Progress that is read off consoles."""

import sys

import pytest

from fdkd.reproduce.rows import CONSOLE_FILE
from fdkd.reproduce.watch import Watch, epochs_done
from tests.support.jobs import make_job

#: As MMEngine writes it on a console, the word INFO in colour.
LINE = '11/25 22:44:11 - mmengine - \x1b[4m\x1b[97mINFO\x1b[0m - Epoch({mode}) {place}  lr: 1.0e-02  loss: 2.3\n'


def line(place, mode='train'):
    return LINE.format(mode=mode, place=place)


@pytest.fixture
def console(tmp_path):
    return tmp_path / CONSOLE_FILE


@pytest.mark.parametrize(
    ('text', 'epochs'),
    [
        ('', 0),
        (line(' [1][0/0]'), 0),
        (line(f' [{"1" * 5000}][1/2]'), 0),
        ('$ python tools/train.py\n', 0),
        (line(' [1][ 10/250]'), 0.04),
        (line(' [1][250/250]'), 1.0),
        (line(' [9][50/50]') + line('[10][10/50]'), 9.2),
        (line(' [ 3][25/50]') + line(' [3][7/7]', 'val'), 2.5),
        (line('[100][ 1/4]') + 'Traceback\n', 99.25),
        (line(' [2][1/2]') + 'Epoch(train)  [3][1', 1.5),
    ],
)
def test_epochs_done(console, text, epochs):
    console.write_text(text)
    assert epochs_done(console) == pytest.approx(epochs)


def test_the_end_of_a_long_console_is_enough(console):
    console.write_text(line(' [1][1/2]') + 'x' * 10**5 + '\n' + line(' [5][1/2]'))
    assert epochs_done(console) == 4.5
    console.write_text(line(' [1][1/2]') + 'x' * 10**5)
    assert epochs_done(console) == 0


def test_no_console_no_epochs(console):
    assert epochs_done(console) == 0


def test_without_a_terminal_only_sentences(tmp_path, capsys):
    job = make_job(tmp_path, 'a')
    with Watch(2) as watch:
        watch.update([(job, tmp_path)])
        watch.tell('done: [bold]a[/bold]: accuracy 75.0 ' + 'and more ' * 30)
    out = capsys.readouterr().out
    assert out == 'done: [bold]a[/bold]: accuracy 75.0 ' + 'and more ' * 30 + '\n'


def test_a_bar_for_each_run(tmp_path, console, monkeypatch):
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    a, b = make_job(tmp_path, 'a'), make_job(tmp_path, 'b')
    console.write_text(line(' [2][1/2]'))
    with Watch(2) as watch:
        watch.update([(a, tmp_path), (b, tmp_path / 'none')])
        bars = {task.description: (task.completed, task.total) for task in watch._progress.tasks}
        assert bars == {'runs': (0, 2), 'a': (1, 2), 'b': (0, 2)}
        watch.tell('done: a')
        watch.update([(b, tmp_path)])
        bars = {task.description: (task.completed, task.total) for task in watch._progress.tasks}
        assert bars == {'runs': (1, 2), 'b': (1, 2)}
