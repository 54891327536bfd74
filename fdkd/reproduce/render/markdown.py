"""A filled table in Markdown, as GitHub and MyST read it."""

import re

from fdkd.reproduce.render.view import Shown, view
from fdkd.reproduce.result import ResultTable

EMPHASIS = {1: '**{}**', 2: '<u>{}</u>', None: '{}'}
#: Punctuation that Markdown, its tables, HTML or formulas give a meaning.
SPECIAL = re.compile(r'([\\`*_{}\[\]<>#|~$&])')


def render(table: ResultTable) -> str:
    """See :func:`fdkd.reproduce.render.render`."""
    shown = view(table)
    lines = [
        [escape(title) for title in shown.header],
        [':---'] * len(shown.header),
        *([*map(escape, labels), *map(_cell, cells)] for labels, cells in shown.rows),
    ]
    drawn = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    footnotes = [f'{_raised(number)} {escape(text)}' for number, text in enumerate(shown.footnotes, 1)]
    legend = '; '.join(shown.legend('bold', 'underlined'))
    below = [escape(shown.caption), escape(legend), *footnotes, *map(escape, shown.notes)]
    return '\n\n'.join([f'### {escape(shown.title)}', drawn, *filter(None, below)]) + '\n'


def escape(text: str) -> str:
    r"""Makes Markdown show ``text`` as it is.

    Example:
        >>> print(escape('a|b_c'))
        a\|b\_c
    """
    return SPECIAL.sub(r'\\\1', text)


def _cell(cell: Shown) -> str:
    raised = ' '.join(map(_raised, cell.footnotes))
    return ' '.join([EMPHASIS[cell.place].format(cell.figure), *map(escape, cell.remarks)]) + raised


def _raised(number: int) -> str:
    return f'<sup>{number}</sup>'
