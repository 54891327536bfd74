"""Checks the data of a config: every file is read once, and all that is wrong is reported."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
from mmengine.config import Config
from torch.utils.data import ConcatDataset, DataLoader

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.datasets.prepare.progress import progress_bar
from fdkd.doctor.contents import Contents
from fdkd.doctor.findings import SEVERITIES, Finding
from fdkd.doctor.reading import SampleReading, Samples
from fdkd.doctor.report import Report
from fdkd.doctor.splits import Split, find_splits
from fdkd.doctor.tally import Tally
from fdkd.errors import ConfigError, DataError

#: Samples that a process reads before it reports.
_AT_A_TIME = 4


def check_data(
    config: str | Path,
    options: RunOptions | None = None,
    csv: str | Path | None = None,
    json: str | Path | None = None,
    show: int = 5,
) -> Report:
    """Reads every file of a config's data set, prints what is wrong, and writes it to files.

    All splits are read that the config names or the data set's own list knows, and all modalities, of all samples:
    what a config says of how much of the data it uses is left aside. Nothing is written but ``csv`` and ``json``, and
    these at the end, whole.

    Args:
        config: The config.
        options: Changes to it, of which ``data_root``, ``workers``, ``text_model`` and ``cfg_options`` matter.
        csv: File for the findings, a line each: severity, split, sample_id, modality, file, what, value.
        json: File for the findings and the numbers of each split.
        show: How many findings of each kind are printed.

    Raises:
        ConfigError: If the config has a mistake, a data set is none of fdkd's, or ``csv`` or ``json`` would be within
            the data or in a folder that does not exist.
        DataError: If a process that reads dies, which decoders may do at a damaged file.
    """
    options = options or RunOptions()
    cfg = load_config(config, options)
    root = str(cfg.train_dataloader.dataset.get('data_root', ''))
    outputs = [Path(path) for path in (csv, json) if path]
    _check_outputs(outputs, root)
    report = examine(cfg, str(config), root, _workers(options))
    print(report.text(show))
    if csv:
        report.write_csv(Path(csv))
    if json:
        report.write_json(Path(json))
    return report


def examine(cfg: Config, name: str, root: str, workers: int) -> Report:
    """Reads everything, by ``workers`` processes, or in this one if that is 0."""
    splits, findings = find_splits(cfg)
    tallies, contents = [Tally(split) for split in splits], Contents()
    start = time.monotonic()
    for sample in _read_all(splits, workers):
        tally = tallies[sample.split]
        findings += tally.add(sample)
        for reading in sample.readings:
            remarks = list(reading.remarks)
            if reading.content is not None:
                remarks += contents.add(tally.name, sample.sample_id, reading.part, reading.file, reading.content)
            findings += [
                Finding(one.severity, tally.name, sample.sample_id, reading.part, reading.file, one.what, one.value)
                for one in remarks
            ]
    findings += [finding for tally in tallies for finding in tally.findings()]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(name, root, findings, tallies, time.monotonic() - start)


def _read_all(splits: list[Split], workers: int) -> Iterator[SampleReading]:
    """Every sample of every split, in their order."""
    parts = [Samples(number, split) for number, split in enumerate(splits) if len(split.dataset)]
    if not parts:
        return
    together = ConcatDataset(parts)
    loader = DataLoader(together, _AT_A_TIME, num_workers=workers, collate_fn=list, worker_init_fn=_one_thread)
    last = 'the first sample'
    batches = iter(loader)  # starts the processes, before the bar's thread
    with progress_bar('Reading', len(together)) as advance:
        try:
            for batch in batches:
                yield from batch
                advance(len(batch))
                last = f'{splits[batch[-1].split].name}/{batch[-1].sample_id}'
        except RuntimeError as error:
            if 'exited unexpectedly' not in str(error):
                raise
            raise DataError(
                f'a process that reads died soon after {last} ({error}): read on in this one with --workers 0, and '
                'the last file that it opens is to blame; or take fewer --workers if memory ran out'
            ) from error


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def _workers(options: RunOptions) -> int:
    if options.workers is not None:
        return options.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _check_outputs(paths: list[Path], root: str) -> None:
    for path in paths:
        folder = path.absolute().parent
        if not folder.is_dir():
            raise ConfigError(f'{path}: its folder does not exist')
        if path.is_dir():
            raise ConfigError(f'{path}: a folder, expected the name of a file')
        if root and folder.resolve().is_relative_to(Path(root).resolve()):
            raise ConfigError(f'{path}: within the data ({root}), where nothing is written; choose another folder')
