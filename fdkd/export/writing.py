"""Writing a student's file, by format."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from fdkd.checkpoint import write_checkpoint
from fdkd.errors import ExportError

#: Suffix of the files of each format.
SUFFIXES = {'weights': '.pth', 'torch-export': '.pt2', 'onnx': '.onnx'}
#: ONNX's version of operators; onnxruntime of the last three years runs it.
OPSET = 18
#: Where ``torch-export`` and ``onnx`` keep the metadata.
META_FILE, META_KEY = 'fdkd.json', 'fdkd'
#: What ONNX's file format, protobuf, holds at most.
_LARGEST = 2**31


def need(*packages: str) -> None:
    """Sees to it that packages can be imported that fdkd does without.

    Raises:
        ExportError: With what to install.
    """
    for name in packages:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ExportError(f"the format onnx needs {name} ({error}): pip install 'fdkd[export]'") from error


def write_weights(weights: dict[str, Tensor], meta: dict[str, Any], path: Path) -> None:
    """Writes ``{'meta': ..., 'state_dict': ...}``, which ``torch.load(weights_only=True)`` reads."""
    write_checkpoint({'meta': meta, 'state_dict': {name: x.contiguous() for name, x in weights.items()}}, path)


def write_program(program: ExportedProgram, meta: dict[str, Any], path: Path) -> None:
    """Writes what ``torch.export.load`` reads."""
    with path.open('wb') as file:
        torch.export.save(program, file, extra_files={META_FILE: json.dumps(meta)})


def write_onnx(program: ExportedProgram, axes: dict[str, dict[int, str]], meta: dict[str, Any], path: Path) -> None:
    """Writes an ONNX model in one file.

    Args:
        program: The traced student.
        axes: For each input, by name, the numbers and names of the axes that may have any length.
        meta: Goes into the model's metadata.
        path: The file.

    Raises:
        ExportError: If ONNX has no word for an operator of the student, with the operator and its module; or the model
            does not fit into one file.
    """
    if (size := sum(x.numel() * x.element_size() for x in program.state_dict.values())) >= _LARGEST:
        raise ExportError(f'the student takes {size / 2**30:.1f} GiB, and one ONNX file holds 2 GiB: use torch-export')
    try:
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, input_names=list(axes), output_names=['logits'], verbose=False
        )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(_unsupported(error, program)) from error
    model = exported.model
    model.metadata_props[META_KEY] = json.dumps(meta)
    _name_axes(model, axes)
    exported.save(str(path), external_data=False)


def _name_axes(model: Any, axes: dict[str, dict[int, str]]) -> None:
    """Gives the symbols of torch's tracing (``s77``) the names that the metadata use."""
    symbols = {str(x.shape[axis]): name for x in model.graph.inputs for axis, name in axes[x.name].items()}
    for x in (*model.graph.inputs, *model.graph.outputs):
        for axis, size in enumerate(x.shape):
            if not isinstance(size, int):
                x.shape[axis] = symbols.get(str(size.value), size.value)


def _unsupported(error: BaseException, program: ExportedProgram) -> str:
    """The operator that has no counterpart, and the module that it stands in."""
    text = '\n'.join(map(str, _chain(error)))
    found = re.search(r"OpOverload\(op='([\w.:]+)', overload='(\w+)'\)", text)
    if not found:
        return f'the student cannot be written as ONNX: {text.strip().splitlines()[0]}'
    name = f'{found[1].replace("::", ".")}.{found[2]}'
    nodes = [*program.graph.nodes, *program.run_decompositions().graph.nodes]  # torch.onnx decomposes before it looks
    stacks = [node.meta.get('nn_module_stack') for node in nodes if str(node.target) == name]
    where = ''
    if stacks and stacks[0]:
        path, kind = list(stacks[0].values())[-1]
        kind = kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__
        where = f' of the module {path.removeprefix("network.")} ({kind})'
    return f'ONNX (opset {OPSET}) has no counterpart of the operator {name}{where}: use torch-export or another module'


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
