"""A page for every method: what docs/methods.md says of it, its config, what was measured, its formula and code."""

import re
from collections.abc import Iterator
from pathlib import Path

from measured import (
    LOSS_TIME,
    NYU,
    ROOT,
    accuracies,
    mean_and_spread,
    runs_as_published,
    table,
    table_rows,
)
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from fdkd.reproduce.paper import METHOD_NAMES

CONFIGS = ROOT / 'configs'
OVERVIEW = ROOT / 'docs' / 'methods.md'
METHODS = tuple(name for name in METHOD_NAMES if name != 'unimodal')
#: Losses whose rows in docs/benchmarks/loss_time.md are not called as their class without "Loss".
_TIMED = {'FeatureMSELoss': 'Feat', 'C2KD': 'C2KD'}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds ``methods/NAME.md``."""
    documented: dict[str, str] = {}
    for method in METHODS:
        text = page(method, documented)
        files.append(File.generated(config, f'methods/{method}.md', content=text))
    return files


def page(method: str, documented: dict[str, str]) -> str:
    """The page of a method in Markdown.

    Args:
        method: Its folder of configs.
        documented: Modules to the page that holds their reference, to which this page's are added: an object is
            documented once.

    Raises:
        ValueError: If docs/methods.md has no row of the method.
    """
    _, rows = table_rows(OVERVIEW, 0, f'`{method}`')
    if not rows:
        raise ValueError(f'{OVERVIEW}: no row of {method}')
    _, what, compares, tap, source = rows[0]
    parts = [
        f'# {METHOD_NAMES[method]}',
        f'{what}. It compares {compares}.',
        f'Tap: {tap}. Source: {source}. [All methods](../methods.md)',
        '## Config',
        *_configs(method),
        '## Measured',
        *_measured(method),
        '## Formula and code',
        *_code(method, documented),
    ]
    return '\n\n'.join(parts) + '\n'


def _bases(method: str) -> list[Path]:
    """The method's files of ``configs/_base_/methods/``: ``fdkd.py``, ``fdkd_dense.py``."""
    folder = CONFIGS / '_base_' / 'methods'
    return sorted(path for path in folder.glob('*.py') if path.stem.split('_')[0] == method)


def _configs(method: str) -> Iterator[str]:
    for path in _bases(method):
        yield _listing(path)
    files = sorted((CONFIGS / method).glob('*.py'))
    example = next((path for path in files if path.stem == 'nyu_rgb_from_depth'), files[0])
    yield f'An experiment joins it with a pair of modalities, here `{example.relative_to(ROOT)}`:'
    yield _listing(example)
    yield f'```bash\nfdkd train {method}/{example.stem}\n```'
    yield 'There are: ' + ', '.join(f'`{path.stem}`' for path in files) + '.'


def _listing(path: Path) -> str:
    return f'```python title="{path.relative_to(ROOT)}"\n{path.read_text().strip()}\n```'


def _measured(method: str) -> Iterator[str]:
    runs = runs_as_published()
    lines = []
    for config, rows in runs.items():
        folder, pair = Path(config).parts[-2:]
        if folder == method:
            student = rows[0]['student']['modality']
            seeds = ', '.join(str(row['seed']) for row in rows)
            mean = mean_and_spread(accuracies(rows))
            lines.append([f'`{Path(pair).stem}`', student, mean, _mean(rows, 'teacher'), _alone(runs, rows), seeds])
    if lines:
        yield 'GRID digits, top-1 accuracy in %, last epoch, mean ± standard deviation over seeds:'
        yield table(['pair', 'student', METHOD_NAMES[method], 'the teacher', 'alone, same seeds', 'seeds'], lines)
        yield 'How it was made, and how sure it is: [GRID digits](../benchmarks/grid_digits.md).'
    head, dense = table_rows(NYU, 1, METHOD_NAMES[method])
    if dense:
        yield 'NYU-Depth V2 at 128x96, in %, one seed:'
        yield table(head, dense)
        yield '[NYU-Depth V2](../benchmarks/nyu_depth_v2.md) says how it was made.'
    timed = [table_rows(LOSS_TIME, 0, name) for name in _timed_names(method)]
    for head, cost in timed:
        if cost:
            yield 'Forward and backward of the loss, beside the plain formula:'
            yield table(head, cost)
            yield '[Time of losses](../benchmarks/loss_time.md) has both sizes of tensors.'
    if not lines and not dense:
        yield 'No training of this method is in the ledger yet.'


def _mean(rows: list[dict], model: str) -> str:
    values = accuracies(rows, model)
    return mean_and_spread(values) if values else '-'


def _alone(runs: dict[str, list[dict]], rows: list[dict]) -> str:
    """What students of the same modality and seeds reach without a teacher."""
    pair = Path(rows[0]['config']).stem.partition('_from_')[0]
    alone = {row['seed']: row for row in runs.get(f'configs/unimodal/{pair}.py', ())}
    return _mean([alone[row['seed']] for row in rows if row['seed'] in alone], 'student')


def _types(method: str) -> list[str]:
    """The types that the method's configs name: losses, algorithms, connectors."""
    found = [name for path in _bases(method) for name in re.findall(r"type='(\w+)'", path.read_text())]
    return list(dict.fromkeys(found))


def _timed_names(method: str) -> list[str]:
    """What the method's losses are called in docs/benchmarks/loss_time.md."""
    names = [name for name in _types(method) if name.endswith('Loss') or name in _TIMED]
    return [_TIMED.get(name, name.removesuffix('Loss')) for name in names]


def _code(method: str, documented: dict[str, str]) -> Iterator[str]:
    for module in _modules(method):
        if module in documented:
            yield f'The loss is that of [{METHOD_NAMES[documented[module]]}]({documented[module]}.md).'
        else:
            documented[module] = method
            options = ('heading_level: 3', 'show_root_heading: false', 'show_root_toc_entry: false')
            yield '\n      '.join([f'::: {module}\n    options:', *options])


def _modules(method: str) -> list[str]:
    """The modules of ``fdkd`` that hold the method's types, and a loss of the method's own name."""
    found = []
    for folder in ('distill/losses', 'algorithms'):
        for path in sorted((ROOT / 'fdkd' / folder).glob('*.py')):
            text = path.read_text()
            named = any(re.search(rf'^class {name}\(', text, re.MULTILINE) for name in _types(method))
            if named or (folder == 'distill/losses' and path.stem == method):
                found.append('.'.join(['fdkd', *folder.split('/'), path.stem]))
    return found
