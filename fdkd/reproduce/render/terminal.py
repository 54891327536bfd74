"""A filled table for the terminal, without colours, so that it survives a log file."""

from prettytable import PrettyTable

from fdkd.reproduce.render.view import Shown, view
from fdkd.reproduce.result import ResultTable

#: They stand before the figure, so that figures stay below each other.
SIGNS = {1: '*', 2: '_', None: ' '}
SUPERSCRIPTS = str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹')


def render(table: ResultTable) -> str:
    """See :func:`fdkd.reproduce.render.render`."""
    shown = view(table)
    drawn = PrettyTable(list(shown.header), align='l')
    drawn.add_rows([[*labels, *map(_cell, cells)] for labels, cells in shown.rows])
    footnotes = [f'{_raised(number)} {text}' for number, text in enumerate(shown.footnotes, 1)]
    below = [shown.caption, *shown.legend(SIGNS[1], SIGNS[2]), *footnotes, *shown.notes]
    return '\n'.join([shown.title, drawn.get_string(), *filter(None, below)]) + '\n'


def _cell(cell: Shown) -> str:
    raised = ' '.join(map(_raised, cell.footnotes))
    return ' '.join([f'{SIGNS[cell.place]}{cell.figure}', *cell.remarks]) + raised


def _raised(number: int) -> str:
    return str(number).translate(SUPERSCRIPTS)
