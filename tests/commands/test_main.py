"""``fdkd``: which subcommand runs, what starts at once, and the examples that each shows."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from fdkd import commands
from fdkd.commands import COMMANDS, main, module_of
from fdkd.commands.configs import HEADING
from fdkd.errors import DataError
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / 'docs' / 'command.md'
#: Prints what the command prints, its status, and which large packages it has loaded.
LIGHT = """
import sys
from fdkd.commands import main
status = main(sys.argv[1:])
print(status, [name for name in ('torch', 'numpy', 'mmengine', 'rich') if name in sys.modules])
"""


@pytest.mark.parametrize('words', [['--help'], ['--version'], ['configs', 'rooms']])
def test_what_loads_no_torch(words):
    run = subprocess.run([sys.executable, '-c', LIGHT, *words], capture_output=True, text=True, cwd=REPOSITORY)
    assert run.stdout.splitlines()[-1] == '0 []', run.stderr


@pytest.mark.parametrize(('words', 'said'), [(['--help'], ''), (['configs'], f'{HEADING}\n')])
def test_nobody_reads_to_the_end(words, said):
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run([sys.executable, '-m', 'fdkd', *words], stdout=write, stderr=subprocess.PIPE, cwd=REPOSITORY)
    os.close(write)
    assert (run.returncode, run.stderr) == (141, said.encode())


def test_help_names_every_command(capsys):
    assert main(['-h']) == 0
    printed = capsys.readouterr().out
    for name, what in COMMANDS.items():
        assert re.search(rf'^  {name} +{what}$', printed, re.MULTILINE)
    assert main([]) == 2
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ('word', 'told'),
    [
        ('trian', 'did you mean train?'),
        ('check_config', 'did you mean check?'),
        ('prepare_data', 'did you mean prepare?'),
        ('check_data', 'did you mean check-data?'),
        ('--verson', 'the commands are prepare, check-data,'),
    ],
)
def test_an_unknown_command(word, told, capsys):
    assert main([word, 'x']) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert f'fdkd: error: no command {word!r}; {told}' in captured.err


def test_arguments_and_failures_of_a_command(monkeypatch):
    called = []

    class Module:
        @staticmethod
        def main(words, prog):
            called.append((words, prog))
            raise DataError('x.png: unreadable')

    monkeypatch.setattr(commands, 'module_of', lambda name: Module)
    with pytest.raises(SystemExit) as ended:
        main(['check-data', 'a.py', '--show', '2'])
    assert called == [(('a.py', '--show', '2'), 'fdkd check-data')]
    assert ended.value.code == 'error: x.png: unreadable'


def test_the_status_of_a_command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(['prepare', 'rooms', '--frames', '3', '--train', '3'])
    assert ended.value.code == 1
    with pytest.raises(SystemExit) as ended:
        main(['train'])
    assert ended.value.code == 2
    assert 'fdkd train: error: the following arguments are required: config' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def examples(text, name):
    """The calls of one command in a text, each as its arguments.

    They stand in a line, which a backslash continues, in backquotes, or behind the name of a program that starts them.
    """
    lines = re.findall(rf'(?:^|[ `])fdkd {name} ([^`\n]*)', text.replace('\\\n', ' '), re.MULTILINE)
    return [shlex.split(line.partition(' > ')[0]) for line in lines]


def test_the_page_lists_every_command_and_what_it_does():
    rows = re.findall(
        r'^\| `([a-z-]+)` \| ([^|]*?)(?:, into [^|]*)?(?: \(\[more\]\(\w+\.md\)\))? \| `fdkd', PAGE.read_text(), re.M
    )
    assert dict(rows) == COMMANDS


@pytest.mark.parametrize('name', COMMANDS)
def test_help_shows_an_example_that_its_parser_takes(name, capsys):
    parser = module_of(name).parser(f'fdkd {name}')
    shown, on_the_page = examples(parser.description, name), examples(PAGE.read_text(), name)
    assert shown
    assert on_the_page
    for words in [*shown, *on_the_page]:
        parser.parse_args(words)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(['--no-such-option'])
    assert ended.value.code == 2
    assert f'usage: fdkd {name} ' in capsys.readouterr().err
