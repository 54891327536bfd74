"""What the ledger keeps of a run, taken from the files that the run left."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

from fdkd.apis.report import RESULTS_FILE
from fdkd.engine.saving import STUDENT_FILE
from fdkd.errors import DataError
from fdkd.report.run import read_results
from fdkd.reproduce.runs import CACHE, Job

CONSOLE_FILE = 'console.log'
#: How many lines of a failed run's console a row quotes.
_QUOTED = 12
#: What a row takes over from ``results.json`` as it is.
_KEPT = (
    'config_hash', 'commit', 'modified', 'date', 'device', 'threads', 'versions', 'selection', 'epoch', 'seconds',
)  # fmt: skip


def results_of(job: Job, work_dir: Path) -> dict[str, Any] | None:
    """What ``results.json`` says, where the run ended, its weights are there and the file is of this very run.

    The hash of a config does not tell whether samples that could not be read were skipped: results of a training that
    lost some are not those of a job that would have stopped there.
    """
    path = work_dir / RESULTS_FILE
    if not (path.is_file() and (work_dir / STUDENT_FILE).is_file()):
        return None
    try:
        results = read_results(path)
    except DataError:
        return None
    if results.get('config_hash') != job.cfg.config_hash or (_lost(results) and not _skips(job)):
        return None
    return results


def _lost(results: dict[str, Any]) -> bool:
    skipped = results.get('skipped')
    return bool(skipped.get('number') if isinstance(skipped, dict) else skipped)


def _skips(job: Job) -> bool:
    loader = job.cfg.get('train_dataloader') or {}
    return loader.get('dataset', {}).get('on_error') == 'skip'


def done_row(job: Job, results: dict[str, Any], work_dir: Path, root: Path, resumed: bool) -> dict[str, Any]:
    """The row of a run that ended well.

    Args:
        job: The run.
        results: What its ``results.json`` says.
        work_dir: Its folder.
        root: Folder of the ledger, which paths are relative to.
        resumed: Whether ``seconds`` covers only its last part.
    """
    scores = {name: _scores(results[name]) for name in ('student', 'teacher') if name in results}
    return {
        **_head(job, 'done', work_dir, root),
        **{key: results.get(key) for key in _KEPT},
        'data_hash': job.cfg.data_hash,
        'epochs': job.epochs,
        'resumed': resumed,
        **scores,
        **{key: results[key] for key in ('gradient_share', 'skipped') if key in results},
        'resolved': _resolved(job),
    }


def failed_row(job: Job, code: int, work_dir: Path, root: Path) -> dict[str, Any]:
    """The row of a run that ended with the exit status ``code``, with the end of its console."""
    console = work_dir / CONSOLE_FILE
    text = console.read_text(errors='replace') if console.is_file() else ''
    return {**_head(job, 'failed', work_dir, root), 'exit_status': code, 'error': text.splitlines()[-_QUOTED:]}


def tidy(work_dir: Path) -> None:
    """Removes what only a continuation would need: a finished run keeps its models, curves, pictures and figures."""
    for path in [*work_dir.glob('epoch_*.pth'), work_dir / 'last_checkpoint']:
        path.unlink(missing_ok=True)


def _head(job: Job, status: str, work_dir: Path, root: Path) -> dict[str, Any]:
    return {
        'key': job.key,
        'name': job.name,
        'status': status,
        'config': job.run.config,
        'seed': job.run.seed,
        'changes': dict(job.run.changes),
        'teacher_key': job.teacher.key if job.teacher else None,
        'command': _command(job),
        'log': os.path.relpath(work_dir / CONSOLE_FILE, root),
    }


def _command(job: Job) -> str:
    """What trains the same again anywhere, hence without the folder of a cache, which decides nothing."""
    taught = ['--teacher', f'runs/{job.teacher.name}/{STUDENT_FILE}'] if job.teacher else []
    options = list(job.arguments[1:])
    if CACHE in options:
        place = options.index(CACHE)
        del options[place : place + 2]
    return f'python tools/train.py {shlex.join([job.run.config, *taught, *options])}'


def _scores(scores: dict[str, Any]) -> dict[str, Any]:
    """A model's scores, with the number of samples of each class instead of every class's figures."""
    kept = {key: scores[key] for key in ('modality', 'samples', 'metrics', 'labelled', 'hits') if key in scores}
    counts = [figures['count'] for figures in scores.get('per_class', {}).values() if 'count' in figures]
    return {**kept, 'class_counts': counts} if counts else kept


def _resolved(job: Job) -> dict[str, Any]:
    """The complete config as plain values; what has no such form stands as text."""
    return json.loads(json.dumps(job.cfg.to_dict(), default=str))
