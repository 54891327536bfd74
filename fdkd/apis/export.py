"""From a config and a checkpoint to a file with the student alone, compared with what it was made from."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from fdkd.algorithms import Algorithm
from fdkd.apis.benchmark import time_interleaved
from fdkd.apis.config import load_config, run_name, tell_unused
from fdkd.apis.options import RunOptions
from fdkd.apis.test import student_alone
from fdkd.apis.validate import dataset_classes, registry_of
from fdkd.checkpoint import read_checkpoint
from fdkd.engine.console import bar_over, shorten_console
from fdkd.errors import CheckpointError, ConfigError, ExportError
from fdkd.export.checking import Scored, arrays, cropped, eager_logits, pad_token, raw
from fdkd.export.graph import Graph, axes, trace
from fdkd.export.how_to import how_to_load
from fdkd.export.metadata import describe
from fdkd.export.plain import Plain, plain, refuse_unmasked
from fdkd.export.quantise import quantise
from fdkd.export.reading import Exported, load_as
from fdkd.export.samples import Samples, calibration_samples, compared_samples
from fdkd.export.table import Report, Row
from fdkd.export.writing import SUFFIXES, need, write_onnx, write_program, write_weights
from fdkd.files import written_whole
from fdkd.packaged import shown

#: Runs of each model that are timed.
REPEATS = 20


def export(
    config: str | Path,
    checkpoint: str | Path,
    kind: str,
    options: RunOptions | None = None,
    *,
    int8: bool = False,
    out: str | Path | None = None,
    work_dir: str | Path | None = None,
    check: int = 32,
    unsafe_checkpoint: bool = False,
) -> Report:
    """Writes the student of ``config`` with the weights of ``checkpoint`` to one file that needs no fdkd.

    The file appears once it was read back and agreed with the trained model on samples of the test set, or, where the
    data are absent, on generated ones: logits within 1e-4, or 1e-5 of the largest where that is more, and the same
    class for 99.9 % of the samples or pixels. With ``int8`` that holds of the float model that is quantised, and the
    quantised one's logits have to be finite.

    Args:
        config: Config file.
        checkpoint: ``student.pth`` or a full checkpoint.
        kind: ``'weights'``, ``'torch-export'`` or ``'onnx'``.
        options: What this call changes.
        int8: Quantise, for ``'onnx'``; the ranges come from training samples.
        out: The file; default: ``exported`` with the format's suffix, in ``work_dir``.
        work_dir: Default: the checkpoint's folder.
        check: Number of samples to compare, spread over the test set.
        unsafe_checkpoint: Unpickle the checkpoint without restriction.

    Returns:
        What was written and found.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`; no file is written then, and one that was there
            stays.
    """
    path = _place(kind, int8, checkpoint, out, Path(work_dir or Path(checkpoint).parent))
    shorten_console(MMLogger.get_current_instance())
    cfg = load_config(config, options := options or RunOptions())
    tell_unused(cfg, options)
    node = _student_config(cfg)
    algorithm = student_alone(cfg, checkpoint, unsafe_checkpoint).eval()
    network = plain(algorithm.student, node.model)
    refuse_unmasked(network.network, algorithm.data_preprocessor.normalizers[node.modality])
    if kind == 'weights' and network.recipe is None:
        raise ExportError(f'weights of this student fit no plain network, since {network.reason}: use another format')
    compared = compared_samples(cfg, node.modality, check)
    meta = _metadata(cfg, algorithm, network, compared.batches[0], checkpoint, unsafe_checkpoint)
    meta |= {'format': kind, 'int8': int8, 'how_to_load': how_to_load(kind, path, meta)}
    training = calibration_samples(cfg, node.modality) if int8 else []
    with _written(path) as beside, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / 'whole' if int8 else beside
        _write(kind, algorithm, network, compared.batches[0], meta, whole)
        files = {kind: whole}
        if int8:
            quantise(whole, (arrays(algorithm, batch) for batch in training), beside)
            files[f'{kind} int8'] = beside
        rows = _compare(cfg, algorithm, compared, kind, files)
    return Report(path, meta, rows, compared.words)


def _place(kind: str, int8: bool, checkpoint: str | Path, out: str | Path | None, work_dir: Path) -> Path:
    """Where the file goes; refused before anything takes time."""
    if int8 and kind != 'onnx':
        reason = {
            'weights': 'integers fit no plain network',
            'torch-export': "torch's quantisation of exported programs is in the package torchao",
        }
        raise ExportError(f'--int8 with the format {kind}: {reason[kind]}; use --format onnx')
    if kind == 'onnx':
        need('onnx', 'onnxscript', 'onnxruntime')
    path = Path(out) if out else work_dir / f'exported{"_int8" if int8 else ""}{SUFFIXES[kind]}'
    if path.suffix != SUFFIXES[kind]:
        raise ExportError(f'{path}: files of the format {kind} have the suffix {SUFFIXES[kind]}')
    if path.resolve() == Path(checkpoint).resolve():
        raise ExportError(f'{path}: that is the checkpoint; name another file with --out')
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ExportError(f'{path}: cannot be written, since {folder} is no folder that is there and writable')
    return path


def _student_config(cfg: Config) -> Config:
    """``modality`` and ``model`` of the student."""
    node = cfg.model.get('student', cfg.model)
    if not isinstance(node, Mapping) or not {'modality', 'model'} <= set(node):
        raise ConfigError(
            f'{shown(cfg.filename)}: {cfg.model.get("type")} has no student to export; expected model.student with '
            'modality and model'
        )
    return node


def _metadata(
    cfg: Config,
    algorithm: Algorithm,
    network: Plain,
    batch: dict[str, Any],
    checkpoint: str | Path,
    unsafe: bool,
) -> dict[str, Any]:
    said = read_checkpoint(checkpoint, unsafe=unsafe).get('meta', {})
    config = cfg.test_dataloader.dataset
    kind = registry_of('DATASETS').get(config.type)
    classes = list(dataset_classes(cfg) or said.get('classes') or ())
    if said.get('classes') and list(said['classes']) != classes:
        pairs = zip(said['classes'], classes, strict=False)
        first = next((f'{a!r} for {b!r}' for a, b in pairs if a != b), f'{len(said["classes"])} for {len(classes)}')
        raise CheckpointError(
            f"{checkpoint}: of a model with other classes than {shown(cfg.filename)}'s, first {first}"
        )
    inputs = raw(algorithm, batch)
    dense = eager_logits(algorithm, batch).ndim == 4
    return describe(
        modality=algorithm.modality,
        classes=classes,
        palette=said.get('palette') or getattr(kind, 'METAINFO', {}).get('palette', ()),
        inputs=inputs,
        axes=axes(inputs, dense),
        align_corners=getattr(algorithm.student, 'align_corners', False),
        dense=dense,
        normalisation=cfg.model.data_preprocessor.modalities[algorithm.modality],
        pipeline=config.pipeline,
        pad=pad_token(algorithm),
        plain=network.recipe,
        source={
            'config': run_name(cfg.filename),
            'checkpoint': Path(checkpoint).name,
            **{key: said[key] for key in ('epoch', 'iter', 'seed', 'config_hash') if key in said},
        },
    )


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    try:
        with written_whole(path) as beside:
            yield beside
    except OSError as error:
        raise ExportError(f'{path}: cannot be written ({error})') from error


def _write(
    kind: str, algorithm: Algorithm, network: Plain, batch: dict[str, Any], meta: dict[str, Any], path: Path
) -> None:
    if kind == 'weights':
        write_weights(network.network.state_dict(), meta, path)
        return
    inputs = raw(algorithm, batch)
    dynamic = axes(inputs, meta['task'] == 'segmentation')
    normalizer = algorithm.data_preprocessor.normalizers[algorithm.modality]
    graph = Graph(network.network, normalizer, meta['align_corners']).eval()
    program = trace(graph, inputs, dynamic)
    if kind == 'torch-export':
        write_program(program, meta, path)
    else:
        write_onnx(program, dynamic, meta, path)


def _compare(
    cfg: Config, algorithm: Algorithm, samples: Samples, kind: str, files: Mapping[str, Path]
) -> tuple[Row, ...]:
    """A row for the trained model and for each file, all on the same samples.

    Raises:
        ExportError: If a file puts out NaN or infinite logits, or one that is not quantised differs from the trained
            model.
    """
    exported = {name: load_as(kind, path, unsafe=kind == 'torch-export') for name, path in files.items()}
    eager = Scored(algorithm, cfg.test_evaluator, samples.metainfo)
    scored = {name: Scored(algorithm, cfg.test_evaluator, samples.metainfo, file) for name, file in exported.items()}
    for batch in bar_over(samples.batches, 'comparing'):
        logits = eager_logits(algorithm, batch)
        for one in (eager, *scored.values()):
            one.add(batch, logits, samples.labelled)
    if logits.ndim == 4:
        smaller = cropped(samples.batches[0], algorithm.modality)
        logits = eager_logits(algorithm, smaller)
        for one in scored.values():
            one.add(smaller, logits, labelled=False)
    for one in scored.values():
        one.refuse_nonfinite()
    scored[kind].refuse_difference()
    latency = _latency(algorithm, samples.first(), exported)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    sizes['eager'] = sum(x.numel() * x.element_size() for x in algorithm.student.state_dict().values())
    return tuple(
        Row(name, latency[name], sizes[name] / 1e6, one.difference, one.share, one.metrics())
        for name, one in {'eager': eager, **scored}.items()
    )


def _latency(algorithm: Algorithm, sample: dict[str, Any], exported: Mapping[str, Exported]) -> dict[str, float]:
    """Median of each, the trained model's under ``'eager'``, in milliseconds from raw input to logits."""
    inputs = arrays(algorithm, sample)
    tasks = {name: partial(file.run, inputs) for name, file in exported.items()}
    seconds = time_interleaved({'eager': partial(eager_logits, algorithm, sample), **tasks}, REPEATS, 'timing')
    return {name: 1e3 * median(values) for name, values in seconds.items()}
