"""Keeps the console readable; the log file in the work_dir still gets everything."""

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

from mmengine.dist import is_main_process
from rich import get_console
from rich.progress import track

from fdkd.printable import printable

Item = TypeVar('Item')


class ShortRecords(logging.Filter):
    """Holds back records of many lines (MMEngine logs the environment, the config and every hook) and warnings that
    MMEngine addresses to itself."""

    LINES = 3
    INTERNAL = ('"FileClient" will be', '"HardDiskBackend" is', 'Exp name:', 'SyncBatchNorm')

    def filter(self, record: logging.LogRecord) -> bool:
        text = printable(record.getMessage())
        record.msg, record.args = text, ()
        long = record.levelno < logging.WARNING and text.count('\n') >= self.LINES
        return not long and not any(words in text for words in self.INTERNAL)


def shorten_console(logger: logging.Logger) -> None:
    """Adds :class:`ShortRecords` to the handlers of ``logger`` that do not write to a file."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(ShortRecords())


def import_quietly(*modules: str) -> None:
    """Imports modules whose first import prints what no user can act on (optional parts of MMCV that are not there)."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for module in modules:
            importlib.import_module(module)


def bar_over(items: Iterable[Item], title: str) -> Iterable[Item]:
    """``items`` under a progress bar on the main process's terminal, which goes at the end; elsewhere as they are.

    (Where the output is no terminal, rich's bar leaves an empty line behind.)
    """
    return track(items, title, disable=not (is_main_process() and get_console().is_interactive), transient=True)


@cache
def tell_once(text: str) -> None:
    """Prints a line on the main process, the first time that the process has it to say."""
    if is_main_process():
        print(printable(text))
