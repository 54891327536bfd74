"""The configs and tools that come with fdkd: beside the package in a checkout, within it where it is installed."""

import ast
import difflib
import os
from collections.abc import Iterator
from pathlib import Path

#: Before the name of a config: the one that comes with fdkd, whatever files lie about.
PREFIX = 'fdkd::'
#: How all of them become files that can be changed.
COPY = '`fdkd configs --copy configs` copies all that come with fdkd'
_PACKAGE = Path(__file__).resolve().parent


def home() -> Path:
    """Folder of ``configs/`` and ``tools/``: ``fdkd/.mim`` of an installed copy, else the checkout's root."""
    packaged = _PACKAGE / '.mim'
    return packaged if packaged.is_dir() else _PACKAGE.parent


def find_config(path: str | Path) -> Path:
    """The file that a config's name means.

    Args:
        path: A file; or, where there is none, one below :func:`home` or its ``configs/``, with or without ``.py``, such
            as ``configs/fdkd/nyu_rgb_from_depth.py`` or ``fdkd/nyu_rgb_from_depth``. With :data:`PREFIX` before it, one
            of these alone.

    Returns:
        The file, or ``path`` as it is where nothing is called so.
    """
    name = str(path).removeprefix(PREFIX)
    own = () if str(path).startswith(PREFIX) else (Path(path),)
    places = (*own, home() / name, home() / 'configs' / name, home() / 'configs' / f'{name}.py')
    return next((place for place in places if place.is_file()), Path(path))


def shown(path: str | Path | None) -> str:
    """A config as one reads and types it: of those that come with fdkd the name, which means this file from here.

    One that is in no file (``None``, as in ``Config.filename``) is ``'the config'``.
    """
    if path is None:
        return 'the config'
    place = Path(os.path.abspath(path))
    if not place.is_relative_to(home() / 'configs'):
        return str(path)
    name = place.relative_to(home()).as_posix()
    return name if find_config(name).resolve() == place.resolve() else str(path)


def counterpart(path: str | Path) -> str | None:
    """The packaged config, or base, that a path would lead to in a copy: ``'_base_/rooms.py'``, say."""
    parts = Path(path).parts
    names = ('/'.join(parts[start:]) for start in range(len(parts)) if parts[start] not in ('..', '/'))
    return next((name for name in names if (home() / 'configs' / name).is_file()), None)


def broken_link(path: str | Path) -> str | None:
    """Says which part of a path is a link that leads nowhere, if one is."""
    for part in (path := Path(path), *path.parents):
        if part.is_symlink() and not part.exists():
            return f'{part} is a link to {part.readlink()}, which is not there; without the link, {COPY}'
    return None


def near_config(path: str | Path) -> str | None:
    """The name of the packaged config that was probably meant by one that does not exist."""
    name = str(path).removeprefix('configs/').removesuffix('.py')
    near = difflib.get_close_matches(name, config_names(), n=1, cutoff=0.8)
    return near[0] if near else None


def config_names() -> list[str]:
    """The packaged configs that can be trained, as in ``fdkd/nyu_rgb_from_depth``, without bases."""
    return sorted(_names(home() / 'configs'))


def _names(root: Path) -> Iterator[str]:
    for path in root.glob('*/*.py'):
        if path.parent.name != '_base_':
            yield path.relative_to(root).with_suffix('').as_posix()


def summary(name: str) -> str:
    """The first line that a packaged config says about itself; the config is read, not run."""
    text = (home() / 'configs' / f'{name}.py').read_text(encoding='utf-8')
    return (ast.get_docstring(ast.parse(text)) or '').partition('\n')[0]
