"""A user's own modules, which a config names in ``custom_imports``, found beside that config."""

import difflib
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib.machinery import PathFinder
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from fdkd.engine.console import tell_once
from fdkd.errors import ConfigError
from fdkd.packaged import shown

#: The folders of configs that this process has appended to ``sys.path``.
_APPENDED: set[str] = set()


def import_own(cfg: Config, files: Sequence[Path]) -> None:
    """Imports what ``custom_imports`` of a config names, from where Python looks or from the folder of the config.

    The folder is appended to ``sys.path`` and stays there, for processes that load data and for modules that import
    their neighbours. Appended, it shadows neither the standard library nor an installed package: where one of these
    has the name of a module beside the config, it is the one imported, and a line says so; where one has the name of
    its package, an error says so. Folders without a module that is named are left alone.

    ``cfg.imported_from`` keeps the folders that had them, so that the copy of the config in a run's work dir finds
    the modules again.

    Args:
        cfg: As read, ``custom_imports`` not yet imported; changed in place.
        files: The config's file, and those that it inherits from. The folder of the first is searched, and then those
            of the others that state ``custom_imports``.

    Raises:
        ConfigError: If a module is nowhere, fails, is hidden by another package, or has the name of another that a
            config of this process has loaded from its own folder; or if ``imported_from`` is no list of folders.
    """
    asked = cfg.get('custom_imports')
    if not asked:
        return
    names, may_fail, source = *_names(asked, shown(files[0])), f'{shown(files[0])}: custom_imports'
    stating = [files[0], *(file for file in files[1:] if b'custom_imports' in file.read_bytes())]
    folders = [os.path.dirname(os.path.abspath(file)) for file in stating]
    folders = list(dict.fromkeys([*folders, *_imported_from(cfg, shown(files[0]))]))
    needed = []
    for name in names:
        home = _home(name, folders)
        if home is not None:
            _append(home)
            needed.append(home)
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            if not (may_fail and isinstance(error, ImportError)):
                raise ConfigError(f'{source}: {_failure(error, name, home, folders)}') from error
            warnings.warn(f'{source}: {name} cannot be imported and is left out: {error}', stacklevel=2)
            continue
        if home is not None and (other := _other(name, home)):
            if other.of_another_config:
                raise ConfigError(f'{source}: {other}')
            tell_once(f'{source}: {other}; if that is meant, rename it')
    if needed:
        cfg.imported_from = list(dict.fromkeys(needed))


def _names(asked: object, source: str) -> tuple[list[str], bool]:
    names = asked.get('imports') if isinstance(asked, dict) else None
    names = [names] if isinstance(names, str) else names
    whole = isinstance(names, list) and all(isinstance(name, str) and name.strip('.') for name in names)
    if not whole or set(asked) - {'imports', 'allow_failed_imports'}:
        raise ConfigError(f"{source}: custom_imports={asked!r}, expected dict(imports=['MODULE', ...])")
    return names, bool(asked.get('allow_failed_imports'))


def _imported_from(cfg: Config, source: str) -> Sequence[str]:
    folders = cfg.get('imported_from', [])
    if not (isinstance(folders, (list, tuple)) and all(isinstance(folder, str) for folder in folders)):
        raise ConfigError(f"{source}: imported_from={folders!r}, expected a list of folders, such as ['modules']")
    return [os.path.abspath(folder) for folder in folders]


def _home(name: str, folders: Sequence[str]) -> str | None:
    """The folder that has a module, else one that has its package, else one that has a folder of that name."""
    top = name.partition('.')[0]
    wanted = ((name, os.path.isfile), (top, os.path.isfile), (name, os.path.isdir))
    found = (folder for part, is_such in wanted for folder in folders if is_such(_place(part, folder) or ''))
    return next(found, None)


def _place(name: str, folder: str) -> str | None:
    """The file of a module, or the folder of a package without one, in ``folder``, whatever lies elsewhere."""
    *parents, last = name.split('.')
    within = os.path.join(folder, *parents)
    spec = PathFinder.find_spec(last, [within]) if os.path.isdir(within) else None
    return spec and (spec.origin or os.path.join(within, last))


def _append(folder: str) -> None:
    if folder not in map(os.path.abspath, sys.path):
        sys.path.append(folder)
        _APPENDED.add(folder)


def _failure(error: BaseException, name: str, home: str | None, folders: Sequence[str]) -> str:
    """What to say of a module that is nowhere, that another hides, or that fails."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f'{name}.'.startswith(f'{missing}.'):
        if home is not None and _place(missing, home) and (other := _other(name, home)):
            return str(other) if other.of_another_config else f'{other}: rename it'
        there = [path.stem for folder in folders for path in Path(folder).glob('*.py')]
        near = difflib.get_close_matches(missing, there, n=1)
        hint = f'; did you mean {near[0]}?' if near else ''
        places = ', '.join(folders)
        return f'there is no module {missing!r}: not in {places}, in PYTHONPATH or among installed packages{hint}'
    return f'{name} fails: {_line(error)}{type(error).__name__}: {error}'


def _line(error: BaseException) -> str:
    """The file and line of a module's own, or of one beside it, in which an import failed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}, line {error.lineno}: '
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is this file's
    frames = [f for f in frames if not f.filename.startswith('<') and f.filename != importlib.__file__]
    within = [f for f in frames if Path(f.filename).is_relative_to(Path(frames[0].filename).parent)]
    return f'{within[-1].filename}, line {within[-1].lineno}: ' if within else ''


class _Other(NamedTuple):
    """A module that was imported from elsewhere than from the folder that has one of its name.

    Attributes:
        name: Its dotted name.
        meant: File of the one in the folder, or the folder of a package without a file.
        used: The same of the one that was imported, ``None`` of one that is part of Python's program.
        of_another_config: Whether it lies in the folder of another config that this process has read.
    """

    name: str
    meant: str
    used: str | None
    of_another_config: bool

    def __str__(self) -> str:
        if self.of_another_config:
            return (
                f'{self.name} means {self.meant}, but another config has loaded {self.used}: give them different '
                'names, or run the configs one by one'
            )
        return f'{self.name} is {self.used or "built in"}, which comes before {self.meant}'


def _other(name: str, home: str) -> _Other | None:
    """The first part of a dotted name, itself the last, that was not imported from ``home``."""
    if os.path.isdir(_place(name, home) or ''):
        return None  # no module that could be missed: a folder, such as one of data
    for part in accumulate(name.split('.'), '{}.{}'.format):
        meant, module = _place(part, home), sys.modules.get(part)
        if meant is None or module is None:
            return None
        file = getattr(module, '__file__', None)
        used = [file] if file else [*getattr(module, '__path__', ())]  # a package without a file may be in many folders
        if os.path.realpath(meant) not in map(os.path.realpath, used):
            others = {os.path.realpath(place) for folder in _APPENDED if (place := _place(part, folder))}
            theirs = [place for place in used if os.path.realpath(place) in others]
            return _Other(part, meant, next(iter(theirs or used), None), bool(theirs))
    return None
