"""Prints a script with which a shell completes commands, options and files.

mkdir -p ~/.local/share/bash-completion/completions
fdkd completion bash > ~/.local/share/bash-completion/completions/fdkd
fdkd completion zsh > ~/.zfunc/_fdkd
fdkd completion fish > ~/.config/fish/completions/fdkd.fish

These are the places that count, whatever the head of a script says. Without the package bash-completion, bash reads the
file after a line in ~/.bashrc alone: source ~/.local/share/bash-completion/completions/fdkd
"""

import argparse
from collections.abc import Sequence
from typing import Any

from fdkd.commands import COMMANDS, module_of
from fdkd.errors import FdkdError
from fdkd.packaged import config_names

SHELLS = ('bash', 'zsh', 'fish')
#: The arguments that may be the name of a config, of all subcommands.
CONFIGS = ('config', 'configs', 'model', 'pattern')


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
    _complete(whole, shtab.FILE, _configs())
    print(shtab.complete(whole, args.shell))


def everything() -> argparse.ArgumentParser:
    """One parser with every subcommand's arguments."""
    whole = argparse.ArgumentParser('fdkd')
    whole.add_argument('--version', action='store_true', help='what is installed')
    commands = whole.add_subparsers()
    for name, what in COMMANDS.items():
        commands.add_parser(name, parents=[module_of(name).parser(f'fdkd {name}')], add_help=False, help=what)
    return whole


def _configs() -> dict[str, Any]:
    """What a shell offers where a config is expected: the names of those that come with fdkd, and files."""
    names = ' '.join(config_names())
    return {
        'bash': '_fdkd_config_or_file',  # shtab takes what is called _file for paths, and lets readline show them so
        'zsh': '_fdkd_config_or_file',
        'fish': f'(string join \\n {names}; __fish_complete_path (commandline -ct))',
        'preamble': {
            'bash': f'_fdkd_config_or_file() {{\n  compgen -W "{names}" -- "$1"\n  compgen -f -- "$1"\n}}',
            'zsh': f"_fdkd_config_or_file() {{\n  _alternative 'configs:config:({names})' 'files:file:_files'\n}}",
        },
    }


def _complete(given: argparse.ArgumentParser, files: dict[str, str], configs: dict[str, Any]) -> None:
    """Lets every value that has no choices be a file or folder: most are, and a shell would offer them anyway."""
    for action in given._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete(inner, files, configs)
        elif action.nargs != 0 and not action.choices:
            action.complete = configs if action.dest in CONFIGS else files
