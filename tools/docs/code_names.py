"""Names of fdkd's objects on the page "Equations to code", with the lines where they stand now.

The page writes them in full, as ``fdkd.distill.losses.fdkd.standardise`` in backticks, and no line numbers; the build
looks them up, links them to the reference, and stops at a name that there is none of.
"""

import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

PAGE = 'equations.md'
NAME = re.compile(r'`(fdkd(?:\.\w+)+)`')
_ROOT = Path(__file__).resolve().parents[2]


def find(name: str, root: Path = _ROOT) -> tuple[str, int, int]:
    """File, first and last line of an object.

    Args:
        name: Its dotted path.
        root: The folder that holds the package.

    Raises:
        LookupError: If there is no such object.
    """
    parts = name.split('.')
    for length in range(len(parts) - 1, 0, -1):
        path = root.joinpath(*parts[:length]).with_suffix('.py')
        if path.is_file():
            break
    else:
        raise LookupError(f'{name}: no module of that name')
    module = griffe.visit('.'.join(parts[:length]), path, path.read_text())
    try:
        found = module['.'.join(parts[length:])]
    except KeyError as error:
        raise LookupError(f'{name}: {path.relative_to(root)} has no {error}') from error
    return str(path.relative_to(root)), found.lineno, found.endlineno


def linked(match: re.Match[str]) -> str:
    """Markdown of one name: the link, and where it stands."""
    name = match[1]
    try:
        path, first, last = find(name)
    except LookupError as error:
        raise PluginError(f'{PAGE}: {error}') from error
    words = name.split('.')
    shown = '.'.join(words[-2:]) if words[-2][0].isupper() else words[-1]
    return f'[`{shown}`][{name}]<br><small>{path}, {first}-{last}</small>'


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str | None:
    """Replaces the names on the page."""
    return NAME.sub(linked, markdown) if page.file.src_uri == PAGE else None
