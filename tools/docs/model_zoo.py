"""Fills the model zoo's page from the ledger and from the benchmark of NYU-Depth V2."""

from collections import defaultdict
from pathlib import Path

from measured import NYU, accuracies, mean_and_spread, runs_as_published, table
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from fdkd.reproduce.paper import METHOD_NAMES

PAGE = 'model_zoo.md'


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str | None:
    """Puts the tables where the page has their marks."""
    if page.file.src_uri != PAGE:
        return None
    for mark, make in (('<!-- GRID -->', grid), ('<!-- NYU -->', nyu)):
        before, found, after = markdown.partition(mark)
        if not found:
            raise ValueError(f'{PAGE}: expected the mark {mark}')
        markdown = before + make() + after
    return markdown


def grid() -> str:
    """A table for each pair of modalities, methods in the paper's order."""
    pairs = defaultdict(list)
    for config, rows in runs_as_published().items():
        pairs[Path(config).stem].append((Path(config).parent.name, rows))
    order = list(METHOD_NAMES)
    parts = []
    for pair, found in sorted(pairs.items()):
        lines = [_line(method, rows) for method, rows in sorted(found, key=lambda entry: order.index(entry[0]))]
        student = found[0][1][0]['student']['modality']
        parts += [
            f'### `{pair}`\n\nStudent: {student}. Configs: `configs/METHOD/{pair}.py`.\n',
            table(['METHOD', 'name', 'accuracy', 'by seed', 'epochs', 'minutes'], lines),
        ]
    return '\n'.join(parts)


def _line(method: str, rows: list[dict]) -> list[str]:
    by_seed = '<br>'.join(f'{row["seed"]}: {row["student"]["metrics"]["accuracy"]:.1f}' for row in rows)
    minutes = mean_and_spread([row['seconds'] / 60 for row in rows])
    return [
        *(f'`{method}`', METHOD_NAMES[method], mean_and_spread(accuracies(rows)), by_seed),
        *(', '.join(sorted({str(row['epochs']) for row in rows})), minutes),
    ]


def nyu() -> str:
    """The table of the benchmark as it stands there."""
    lines = NYU.read_text().splitlines()
    return '\n'.join(line for line in lines if line.startswith('|')) + '\n'
