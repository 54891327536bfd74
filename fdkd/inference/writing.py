"""What an inference leaves in a folder: label maps and overlays, or a table."""

import csv
from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from prettytable import PrettyTable

from fdkd.errors import DataError
from fdkd.files import written_whole
from fdkd.inference.overlay import encoded, index_png, overlay, seen
from fdkd.inference.results import Classification, Segmentation
from fdkd.inference.sources import Source
from fdkd.inference.video import written_video
from fdkd.printable import printable

#: Where the classes go, and how many of them for each input.
TABLE, TOP = 'predictions.csv', 5
#: Rows of the table on the screen.
SHOWN = 30


class Answered(NamedTuple):
    """A result, and what it is of.

    Attributes:
        source: The input.
        value: What the pipeline's first step read; there until the next answer is asked for.
        result: What the student says.
    """

    source: Source
    value: str
    result: Segmentation | Classification


def check_folder(out: Path, sources: Sequence[Source]) -> None:
    """Makes the folder; refused where a result could replace an input.

    Raises:
        DataError: If an input lies in it.
    """
    inside = [source.path for source in sources if source.path and source.path.resolve().parent == out.resolve()]
    if inside:
        raise DataError(f'{out}: holds the input {inside[0].name}, which a result could replace: choose another folder')
    out.mkdir(parents=True, exist_ok=True)


def write_maps(
    answers: Generator[Answered], out: Path, kind: str, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> list[Path]:
    """Writes, for each still, ``NAME.png`` (indices, with a palette) and ``NAME_overlay.jpg``, for each video
    ``NAME_overlay.mp4``, each file whole or not at all.

    Ctrl-C ends what a camera shows, and its video is complete up to there.

    Args:
        answers: In the order of their sources.
        out: The folder.
        kind: Name of the class of the step that reads inputs, see :func:`~fdkd.inference.overlay.seen`.
        classes: Names of the classes.
        palette: Their colours.

    Returns:
        What was written.
    """

    def picture(answer: Answered) -> np.ndarray:
        labels = answer.result.labels
        return overlay(seen(answer.value, kind, labels.shape), labels, classes, palette)

    written = []
    for source, group in groupby(answers, key=lambda answer: answer.source):
        if source.fps is None:
            answer = next(group)  # and not all of the group: what the next answer needs replaces what this one read
            files = {
                out / f'{source.name}.png': index_png(answer.result.labels, palette),
                out / f'{source.name}_overlay.jpg': encoded(picture(answer), '.jpg'),
            }
            for path, content in files.items():
                with written_whole(path) as partial:
                    partial.write_bytes(content)
            written += files
        else:
            path = out / f'{source.name}_overlay.mp4'
            with written_video(path, source.fps) as add:
                try:
                    for answer in group:
                        add(picture(answer))
                except KeyboardInterrupt:
                    if not source.live:
                        raise
                    answers.close()
            written.append(path)
    return written


def write_table(answers: Iterator[Answered], out: Path, classes: Sequence[str]) -> tuple[list[Path], str]:
    """Writes ``predictions.csv``: name, source, time in seconds, the most probable class and its probability, and the
    next four.

    Ctrl-C ends what a camera shows, and the rows up to there are written.

    Returns:
        What was written, and the table for a terminal.
    """
    count = min(TOP, len(classes))
    columns = ['name', 'source', 'time', 'label', 'probability']
    columns += [f'{word}_{place}' for place in range(2, count + 1) for word in ('label', 'probability')]
    rows: list[list[str]] = []
    live = False
    try:
        for source, _, result in answers:
            live = source.live
            time = '' if result.time is None else f'{result.time:.3f}'
            order = np.argsort(-result.scores, kind='stable')[:count]
            ranked = [text for index in order for text in (classes[index], f'{result.scores[index]:.6f}')]
            rows.append([result.name, result.source, time, *ranked])
    except KeyboardInterrupt:
        if not live:
            raise
    path = out / TABLE
    with written_whole(path) as partial, partial.open('w', encoding='utf-8', newline='') as file:
        csv.writer(file).writerows([columns, *rows])
    return [path], _shown(rows)


def _shown(rows: list[list[str]]) -> str:
    table = PrettyTable(['name', 'time (s)', 'label', 'probability'])
    table.align, table.align['time (s)'], table.align['probability'] = 'l', 'r', 'r'
    for name, _, time, label, probability, *_ in rows[:SHOWN]:
        table.add_row([printable(name), time, printable(label), f'{float(probability):.3f}'])
    if not any(row[2] for row in rows):
        table.del_column('time (s)')
    more = len(rows) - SHOWN
    return table.get_string() + (f'\n... and {more} more in {TABLE}' if more > 0 else '')
