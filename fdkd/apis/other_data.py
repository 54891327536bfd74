"""Teachers that were trained on other data, as they seem to be where a file has come into a data set's folder."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from fdkd.apis.config import config_hash
from fdkd.apis.report import RESULTS_FILE
from fdkd.checkpoint import read_checkpoint
from fdkd.datasets.fingerprint import files_below
from fdkd.engine.saving import STUDENT_FILE
from fdkd.errors import CheckpointError


class OtherData(NamedTuple):
    """A finished run that would be the one that is looked for, were its data the same.

    Attributes:
        checkpoint: Its student.
        differing: A sentence on where it is and how the data differ.
    """

    checkpoint: Path
    differing: str


def on_other_data(root: Path, name: str, cfg: Config) -> OtherData | None:
    """The newest finished run of a config, with the same options, whose ``data_hash`` is another.

    Args:
        root: Folder of all runs.
        name: The run's name, as :func:`~fdkd.apis.config.run_name` gives it; folders ``NAME-*`` are looked into too.
        cfg: Complete config of the run that is looked for.

    Returns:
        The run, or ``None`` where there is none.
    """
    ours = cfg.test_dataloader.dataset.get('data_root')  # of which results.json speaks too
    if cfg.data_hash is None or ours is None:
        return None  # no data that others could differ from
    runs = sorted(_runs(root, name, cfg), key=lambda run: run.end)
    if not runs:
        return None
    newest = runs[-1]
    differing = f'{newest.folder} holds this teacher, trained on data with another hash'
    if os.path.realpath(ours) == os.path.realpath(newest.data_root):
        hashed = cfg.train_dataloader.dataset.data_root
        differing = f'{differing}: in {hashed} {_changes(Path(hashed), newest.end - newest.seconds)}'
    else:
        differing = f'{differing}: those in {newest.data_root}, not those in {ours}'
    return OtherData(newest.folder / STUDENT_FILE, differing)


class _Run(NamedTuple):
    """A finished run; ``end`` is in seconds since 1970, and ``seconds`` how long it took."""

    folder: Path
    data_root: str
    end: float
    seconds: float


def _runs(root: Path, name: str, cfg: Config) -> Iterator[_Run]:
    for path in (root / name / RESULTS_FILE, *root.glob(f'{name}-*/{RESULTS_FILE}')):
        try:
            said = json.loads(path.read_text(encoding='utf-8'))
            mine = config_hash({**cfg, 'data_hash': said['data_hash']}) == said['config_hash'] != cfg.config_hash
            meta = read_checkpoint(path.with_name(STUDENT_FILE))['meta'] if mine else {}
            if meta.get('finished') and meta.get('config_hash') == said['config_hash']:
                end = datetime.fromisoformat(said['date']).timestamp()
                yield _Run(path.parent, os.fspath(said['data_root']), end, float(said['seconds']))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, CheckpointError):
            continue  # no run, or none that anyone could use


def _changes(root: Path, start: float) -> str:
    """What has come into ``root`` since a training began; what was removed leaves no trace."""
    files = list(files_below(root))
    new = [path for path in files if path.lstat().st_ctime > start]
    if not new:
        return 'files were removed, or replaced by older ones'
    named = ', '.join(path.relative_to(root).as_posix() for path in new[:3]) + (', ...' if len(new) > 3 else '')
    return f'files were added, removed or changed ({len(new):,} of {len(files):,} are newer than it: {named})'
