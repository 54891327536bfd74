"""The command ``fdkd``: one module for each subcommand, loaded when it is asked for."""

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

#: Each subcommand and what it does, in the order in which they are used.
COMMANDS = {
    'prepare': 'convert or generate a data set',
    'check-data': 'read every file of a data set and report what is wrong',
    'check': 'build configs without data and list every mistake at once',
    'train': 'train a config, its teacher first where none is trained yet',
    'replay': 'repeat a step of training whose loss was not finite',
    'test': 'score a student on the test set',
    'report': 'write one HTML page over runs',
    'export': 'write a student to one file that needs no fdkd',
    'infer': 'run a student on files, folders, videos or a camera',
    'reproduce': 'make a table or figure of the paper',
    'suggest-cutoff': 'compare two models by frequency band and suggest a cutoff',
    'configs': 'list or copy the configs that come with fdkd',
    'completion': 'print what a shell needs to complete all this',
}
#: What people may type who know the tools.
OTHER_NAMES = {'check-config': 'check', 'prepare-data': 'prepare'}
#: Subcommands that do without torch, and start at once.
_LIGHT = ('configs',)
_USAGE = 'usage: fdkd [-h] [--version] COMMAND ...'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: The arguments, those of the process by default.

    Returns:
        The exit status where all is well, or where there is no such command (2).

    Raises:
        SystemExit: With the status and message of a subcommand that failed, see :func:`fdkd.apis.cli.guarded`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS and words[0] not in _LIGHT:
        _run(*words)
        return 0
    try:
        status = _answer(words)
        sys.stdout.flush()
    except BrokenPipeError:  # `fdkd configs | head`: what is left for stdout goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def _answer(words: list[str]) -> int:
    """What needs no torch."""
    if words and words[0] in _LIGHT:
        module_of(words[0]).main(words[1:], f'fdkd {words[0]}')
        return 0
    if words in (['--version'], ['-V']):
        from fdkd.commands.versions import versions

        print(versions())
        return 0
    if words and words[0] not in ('-h', '--help'):
        return _refuse(words[0])
    print(overview())
    return 0 if words else 2


def module_of(name: str) -> ModuleType:
    """The module of a subcommand, with ``parser(prog)`` and ``main(argv, prog)``."""
    return importlib.import_module(f'fdkd.commands.{name.replace("-", "_")}')


def overview() -> str:
    """What ``fdkd --help`` prints."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:<{width}}{what}' for name, what in COMMANDS.items()]
    return '\n'.join(
        [
            _USAGE,
            '',
            'Cross-modal knowledge distillation: train with two sensors, deploy with one.',
            '',
            *lines,
            '',
            '`fdkd COMMAND --help` shows its options and an example; `fdkd --version` what is installed.',
        ]
    )


def _run(name: str, *words: str) -> None:
    try:
        from fdkd.apis.cli import guarded  # loads torch

        module = module_of(name)
    except KeyboardInterrupt:
        sys.exit(130)
    guarded(lambda: _end_with(module.main(words, f'fdkd {name}')))


def _end_with(status: int | None) -> None:
    """Ends the process with the status that a subcommand returns, if it is one of failure."""
    if status:
        sys.exit(status)


def _refuse(word: str) -> int:
    known = {**{name: name for name in COMMANDS}, **OTHER_NAMES}
    near = difflib.get_close_matches(word.replace('_', '-'), known, n=1)
    hint = f'did you mean {known[near[0]]}?' if near else f'the commands are {", ".join(COMMANDS)}'
    print(f'{_USAGE}\nfdkd: error: no command {word!r}; {hint}', file=sys.stderr)
    return 2
