"""The code blocks of a page of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

#: What is run. Of the others, ``console`` and ``text`` are what a command prints, ``math`` a formula.
SHELL = ('bash', 'shell', 'sh')
RUN = (*SHELL, 'python')
SHOWN = ('console', 'text', 'math')
_BLOCK = re.compile(
    r'(?:^[ ]*<!-- not run: (?P<reason>[^\n]+?) -->\n+)?'
    r'^(?P<indent>[ ]*)```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$',
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: Where it starts, from 1.
        language: What stands behind the fence.
        title: The file that it is, or an empty string.
        code: Its text.
        reason: Why it is not run; empty where it is.
    """

    line: int
    language: str
    title: str
    code: str
    reason: str


def blocks(page: Path) -> list[Block]:
    """All blocks of a page in order."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        title = _TITLE.search(match['options'])
        indent = match['indent']
        code = ''.join(line.removeprefix(indent) for line in match['code'].splitlines(keepends=True))
        line = text.count('\n', 0, match.start('language')) + 1
        found.append(Block(line, match['language'], title[1] if title else '', code, match['reason'] or ''))
    return found
