"""Writes model-index.yml: every config with its method and data, and the figures of those that were measured.

python tools/docs/model_index.py

The figures are the ledger's of GRID digits, means over seeds, and the table's of NYU-Depth V2, under a name that says
how that training differs from its config.
"""

import re
import statistics
from collections.abc import Iterator
from typing import Any

import mmengine
from measured import NYU, ROOT, accuracies, runs_as_published, table_rows

from fdkd.packaged import config_names, summary

#: The collection of what is trained without a teacher.
ALONE = 'Alone'
PAPER = {
    'Title': 'Distilling Cross-Modal Knowledge via Feature Disentanglement',
    'URL': 'https://arxiv.org/abs/2511.19887',
}
NYU_PROTOCOL = 'NYU-Depth V2, 128x96, 24 epochs, from scratch, one seed'
#: ``'FD-CMKD on AVE: ...'``, or ``'AVE: ...'``.
_HEAD = re.compile(r'(?:(?P<method>\S+) on )?(?:[Tt]he )?(?P<data>[^:]+):')


def index() -> dict[str, Any]:
    """What the file holds, in OpenMMLab's format."""
    models = list(_models())
    collections = [_collection(name) for name in sorted({model['In Collection'] for model in models})]
    return {'Collections': collections, 'Models': models}


def _collection(name: str) -> dict[str, Any]:
    paper = {'Paper': PAPER} if name == 'FD-CMKD' else {}
    return {'Name': name, **paper, 'README': 'docs/methods.md'}


def _models() -> Iterator[dict[str, Any]]:
    results = _results()
    for name in config_names():
        method, data = _HEAD.match(summary(name)).group('method', 'data')
        config = f'configs/{name}.py'
        yield {
            'Name': name.replace('/', '_'),
            'In Collection': method or ALONE,
            'Config': config,
            'Metadata': {'Training Data': data},
            **({'Results': results[config]} if config in results else {}),
        }


def _results() -> dict[str, list[dict[str, Any]]]:
    grid = {config: [_accuracy(rows)] for config, rows in runs_as_published().items()}
    return grid | {config: [_iou(miou)] for config, miou in _nyu()}


def _accuracy(rows: list[dict[str, Any]]) -> dict[str, Any]:
    seeds = f'seed{"s" * (len(rows) > 1)} ' + ', '.join(str(row['seed']) for row in rows)
    metrics = {'Top 1 Accuracy': round(statistics.mean(accuracies(rows)), 1)}
    return {'Task': 'Classification', 'Dataset': f'GRID digits, {seeds}', 'Metrics': metrics}


def _iou(miou: float) -> dict[str, Any]:
    return {'Task': 'Semantic Segmentation', 'Dataset': NYU_PROTOCOL, 'Metrics': {'mIoU': miou}}


def _nyu() -> Iterator[tuple[str, float]]:
    for method, folder in (('alone', 'unimodal'), ('Feat', 'feat'), ('FD-CMKD', 'fdkd')):
        head, rows = table_rows(NYU, 1, method)
        for row in rows:
            cells = dict(zip(head, row, strict=True))
            student = cells['student'].lower()
            taught = '' if method == 'alone' else '_from_' + ({'rgb', 'depth'} - {student}).pop()
            yield f'configs/{folder}/nyu_{student}{taught}.py', float(cells['mIoU'].strip('*'))


if __name__ == '__main__':
    mmengine.dump(index(), str(ROOT / 'model-index.yml'), sort_keys=False)
