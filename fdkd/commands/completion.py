"""Prints a script with which a shell completes commands, options and files.

fdkd completion bash > ~/.local/share/bash-completion/completions/fdkd
fdkd completion zsh > ~/.zfunc/_fdkd
fdkd completion fish > ~/.config/fish/completions/fdkd.fish
"""

import argparse
from collections.abc import Sequence

from fdkd.commands import COMMANDS, module_of
from fdkd.errors import FdkdError

SHELLS = ('bash', 'zsh', 'fish')


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('shell', choices=SHELLS, help='which shell')
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command.

    Raises:
        FdkdError: If shtab, which writes the script, is not installed.
    """
    args = parser(prog).parse_args(argv)
    try:
        import shtab
    except ImportError as error:
        raise FdkdError(f"completion needs shtab ({error}): pip install 'fdkd[optional]'") from error
    whole = everything()
    _complete_files(whole, shtab.FILE)
    print(shtab.complete(whole, args.shell))


def everything() -> argparse.ArgumentParser:
    """One parser with every subcommand's arguments."""
    whole = argparse.ArgumentParser('fdkd')
    whole.add_argument('--version', action='store_true', help='what is installed')
    commands = whole.add_subparsers()
    for name, what in COMMANDS.items():
        commands.add_parser(name, parents=[module_of(name).parser(f'fdkd {name}')], add_help=False, help=what)
    return whole


def _complete_files(given: argparse.ArgumentParser, files: dict[str, str]) -> None:
    """Lets every value that has no choices be a file or folder: most are, and a shell would offer them anyway."""
    for action in given._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_files(inner, files)
        elif action.nargs != 0 and not action.choices:
            action.complete = files
