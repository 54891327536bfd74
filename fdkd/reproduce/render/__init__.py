"""A filled table as text: for the terminal, for Markdown, for LaTeX, and for programs (CSV)."""

from pathlib import Path

from fdkd.files import written_whole
from fdkd.reproduce.render import csv, latex, markdown, terminal
from fdkd.reproduce.result import ResultTable

FORMS = {'terminal': terminal.render, 'markdown': markdown.render, 'csv': csv.render, 'latex': latex.render}
SUFFIXES = {'markdown': '.md', 'csv': '.csv', 'latex': '.tex'}

__all__ = ['FORMS', 'SUFFIXES', 'render', 'write']


def render(table: ResultTable, form: str) -> str:
    """The table with its caption, what its signs mean, its footnotes and its notes; ends with a line break.

    A cell shows mean and standard deviation over seeds. The best and the second mean of a column, or of a whole matrix,
    are emphasised among the finished cells of ranked rows, compared as printed, with one decimal: equal ones share
    their place. Where there are fewer than two such cells there is no best.

    Args:
        table: What to show.
        form: ``'terminal'``, ``'markdown'``, ``'csv'`` or ``'latex'``.
    """
    return FORMS[form](table)


def write(table: ResultTable, folder: Path, stem: str) -> list[Path]:
    """Writes ``STEM.md``, ``STEM.csv`` and ``STEM.tex`` to ``folder``, each in one step.

    Args:
        table: What to show.
        folder: Made where absent.
        stem: Name of the files without suffix.

    Returns:
        The files.
    """
    texts = {folder / f'{stem}{suffix}': render(table, form) for form, suffix in SUFFIXES.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with written_whole(path) as partial:
            partial.write_text(text, encoding='utf-8')
    return list(texts)
