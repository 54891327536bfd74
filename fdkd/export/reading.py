"""Exported students, read back and run: one small interface for all formats."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fdkd.checkpoint import load_weights, read_checkpoint
from fdkd.errors import ExportError, FdkdError
from fdkd.export.recipe import check_recipe
from fdkd.export.writing import META_FILE, META_KEY, SUFFIXES, need

Arrays = Mapping[str, np.ndarray]


class Exported:
    """A student from a file.

    Args:
        meta: Its metadata.
        compute: Maps input arrays by name to logits.

    Attributes:
        meta: ``task`` (``'classification'`` or ``'segmentation'``), ``modality``, ``classes``, ``palette``, ``inputs``
            (for each ``name``, ``dtype``, ``shape`` and what it ``holds``), ``output``, ``preprocessing`` (the steps
            before the inputs), ``normalisation``, ``postprocessing``, ``source``, ``how_to_load`` and more; plain JSON.
    """

    def __init__(self, meta: dict[str, Any], compute: Callable[[Arrays], np.ndarray]) -> None:
        self.meta, self._compute = meta, compute

    def run(self, inputs: np.ndarray | Arrays) -> np.ndarray:
        """The student's logits, on the CPU, by as many threads as torch uses.

        Args:
            inputs: Arrays by name as ``meta['inputs']`` describes them, or the array alone where there is one input.
                They are what the pipeline leaves, not normalised, in every format.

        Returns:
            float32 ``[N, K]``, or ``[N, K, H, W]`` in the size of the input.

        Raises:
            ExportError: If an input is missing or has another name, dtype or shape.
        """
        return self._compute(self._checked(inputs))

    def _checked(self, inputs: np.ndarray | Arrays) -> Arrays:
        specs = {spec['name']: spec for spec in self.meta['inputs']}
        if not isinstance(inputs, Mapping):
            inputs = dict.fromkeys(list(specs)[:1], inputs)
        if set(inputs) != set(specs):
            raise ExportError(f'inputs {sorted(inputs)}, this student takes {sorted(specs)}')
        lengths: dict[str, int] = {}
        for name, spec in specs.items():
            x = inputs[name]
            fits = x.ndim == len(spec['shape']) and str(x.dtype) == spec['dtype']
            # an axis that has a name has one length wherever the name stands, and there is something along it
            if not fits or not all(
                length == (lengths.setdefault(size, length or -1) if isinstance(size, str) else size)
                for size, length in zip(spec['shape'], x.shape, strict=True)
            ):
                expected = 'x'.join(map(str, spec['shape']))
                raise ExportError(
                    f'{name}: {x.dtype} {"x".join(map(str, x.shape))}, expected {spec["dtype"]} {expected}: '
                    f'{spec["holds"]}'
                )
        return {name: inputs[name] for name in specs}


def load(path: str | Path, unsafe: bool = False) -> Exported:
    """Reads what ``fdkd export`` wrote; the suffix tells the format.

    Args:
        path: A file with the suffix ``.pth`` (weights), ``.pt2`` (torch-export) or ``.onnx``.
        unsafe: Read a ``.pt2`` file, which can run anything, or weights that would have to run code.

    Raises:
        ExportError: If the file is absent, damaged or no exported student, a ``.pt2`` file without ``unsafe``, or
            onnxruntime is not installed.
        CheckpointError: If a ``.pth`` file cannot be read.
    """
    path = Path(path)
    formats = {suffix: kind for kind, suffix in SUFFIXES.items()}
    if path.suffix not in formats:
        raise ExportError(f'{path}: expected a file with the suffix {", ".join(formats)}')
    return load_as(formats[path.suffix], path, unsafe)


def load_as(kind: str, path: Path, unsafe: bool = False) -> Exported:
    """Reads a file of a known format, whatever its name: see :func:`load`."""
    if not path.is_file():
        raise ExportError(f'{path}: no such file')
    read = {'weights': _weights, 'torch-export': _program, 'onnx': _onnx}[kind]
    try:
        exported = read(path, unsafe)
        if 'inputs' not in exported.meta:
            raise ExportError(f'{path}: no student that `fdkd export` wrote')
        for spec in exported.meta['inputs']:
            _ = [spec[key] for key in ('name', 'dtype', 'holds')], list(spec['shape'])
    except (FdkdError, MemoryError):
        raise
    except Exception as error:  # whatever metadata lead to that are damaged or made by hand
        raise ExportError(
            f'{path}: damaged, or not what `fdkd export` writes ({type(error).__name__}: {error})'
        ) from error
    return exported


def _weights(path: Path, unsafe: bool) -> Exported:
    from fdkd.export.graph import Graph  # models take seconds to import, and the other formats do without
    from fdkd.export.plain import build
    from fdkd.models.preprocessor import MultimodalPreprocessor

    file = read_checkpoint(path, unsafe=unsafe)
    meta = file.get('meta', {})
    if 'plain' not in meta:
        raise ExportError(f'{path}: no student that `fdkd export` wrote (a checkpoint of a training?)')
    if not unsafe:
        check_recipe(meta['plain'], path)
    network = build(meta['plain'])
    load_weights(network, file['state_dict'], path)
    normalizer = MultimodalPreprocessor({'x': meta['normalisation']}).normalizers['x']
    return Exported(meta, _torch(Graph(network, normalizer, meta['align_corners']).eval()))


def _program(path: Path, unsafe: bool) -> Exported:
    if not unsafe:  # torch evaluates expressions that such a file holds as text
        raise ExportError(
            f'{path}: refused, since an exported program can run anything when it is loaded. unsafe=True '
            '(--unsafe-checkpoint) reads one whose source you trust as you would trust a program; weights and onnx are '
            'formats that need no trust'
        )
    extra = {META_FILE: ''}
    try:
        with path.open('rb') as file:
            program = torch.export.load(file, extra_files=extra)
    except Exception as error:  # torch raises errors of any kind on damaged files
        raise ExportError(
            f'{path}: not a program of torch.export, or a damaged one ({type(error).__name__})'
        ) from error
    return Exported(json.loads(extra[META_FILE] or '{}'), _torch(program.module()))


def _torch(module: Callable) -> Callable[[Arrays], np.ndarray]:
    def compute(inputs: Arrays) -> np.ndarray:
        with torch.no_grad():
            return module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in inputs.values())).numpy()

    return compute


def _onnx(path: Path, unsafe: bool) -> Exported:
    need('onnxruntime')
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # its errors have no common base
        raise ExportError(f'{path}: onnxruntime cannot read it ({str(error).splitlines()[0]})') from error
    meta = json.loads(session.get_modelmeta().custom_metadata_map.get(META_KEY, '{}'))
    return Exported(meta, lambda inputs: session.run(None, dict(inputs))[0])
