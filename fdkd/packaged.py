"""The configs and tools that come with fdkd: beside the package in a checkout, within it where it is installed."""

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def home() -> Path:
    """Folder of ``configs/`` and ``tools/``: ``fdkd/.mim`` of an installed copy, else the checkout's root."""
    packaged = _PACKAGE / '.mim'
    return packaged if packaged.is_dir() else _PACKAGE.parent


def find_config(path: str | Path) -> Path:
    """The file that a config's name means.

    Args:
        path: A file; or, where there is none, one below :func:`home` or its ``configs/``, with or without ``.py``, such
            as ``configs/fdkd/nyu_rgb_from_depth.py`` or ``fdkd/nyu_rgb_from_depth``.

    Returns:
        The file, or ``path`` as it is where nothing is called so.
    """
    path = Path(path)
    places = (path, home() / path, home() / 'configs' / path, home() / 'configs' / f'{path}.py')
    return next((place for place in places if place.is_file()), path)


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
