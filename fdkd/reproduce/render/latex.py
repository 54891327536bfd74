"""A filled table in LaTeX; it needs ``\\usepackage{booktabs}``."""

import re

from fdkd.reproduce.render.view import Shown, view
from fdkd.reproduce.result import ResultTable

EMPHASIS = {1: r'\textbf{%s}', 2: r'\underline{%s}', None: '%s'}
#: What LaTeX reads as a command, prints as another character, or does not know. Braces around ``[`` and ``*`` keep a
#: line that begins with one from being read as an option of the line break above it; ``{}`` keeps ``--`` from becoming
#: a dash.
ESCAPES = {
    **{character: f'\\{character}' for character in '%&_#{}$'},
    **{character: f'{{{character}}}' for character in '[*'},
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '|': r'\textbar{}',
    '--': r'-{}-{}',
    '±': r'$\pm$',
    '≈': r'$\approx$',
    '×': r'$\times$',
    '≤': r'$\leq$',
    '≥': r'$\geq$',
    'λ': r'$\lambda$',
}
SPECIAL = re.compile('|'.join(map(re.escape, ESCAPES)))


def render(table: ResultTable) -> str:
    """See :func:`fdkd.reproduce.render.render`."""
    shown = view(table)
    header, *rows = (
        ' & '.join(line) + r' \\'
        for line in (
            map(escape, shown.header),
            *([*map(escape, labels), *map(_cell, cells)] for labels, cells in shown.rows),
        )
    )
    footnotes = [f'{_raised(number)} {escape(text)}' for number, text in enumerate(shown.footnotes, 1)]
    legend = escape('; '.join(shown.legend('bold', 'underlined')))
    below = '\n\n'.join(filter(None, [legend, *footnotes, *map(escape, shown.notes)]))
    title = re.sub(r'^Table \d+: ', '', shown.title)  # LaTeX numbers by itself
    lines = [
        '% needs booktabs',
        r'\begin{table}',
        r'\centering',
        rf'\caption{{{escape(f"{title[:1].upper()}{title[1:]}. {shown.caption}".strip())}}}',
        rf'\begin{{tabular}}{{{"l" * len(shown.header)}}}',
        r'\toprule',
        header,
        r'\midrule',
        *rows,
        r'\bottomrule',
        r'\end{tabular}',
        *(['', r'\raggedright\footnotesize', below] if below else []),
        r'\end{table}',
    ]
    return '\n'.join(lines) + '\n'


def escape(text: str) -> str:
    r"""Makes LaTeX print ``text`` as it is.

    Example:
        >>> print(escape('50 % of a_b'))
        50 \% of a\_b
    """
    return SPECIAL.sub(lambda match: ESCAPES[match.group()], text)


def _cell(cell: Shown) -> str:
    raised = ' '.join(map(_raised, cell.footnotes))
    return ' '.join([EMPHASIS[cell.place] % escape(cell.figure), *map(escape, cell.remarks)]) + raised


def _raised(number: int) -> str:
    return rf'\textsuperscript{{{number}}}'
