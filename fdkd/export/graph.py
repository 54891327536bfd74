"""A student from raw input to logits as one graph that torch can trace."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.functional import interpolate

from fdkd.errors import ExportError
from fdkd.models.padding import PADDING
from fdkd.models.preprocessor import Tokens


class Graph(nn.Module):
    """Normalisation, network, and what makes its output the student's logits.

    Args:
        network: Maps normalised inputs to logits.
        normalizer: Of the student's modality, as in the training's preprocessor.
        align_corners: How dense logits are resized to the input's size.
    """

    def __init__(self, network: nn.Module, normalizer: nn.Module, align_corners: bool = False) -> None:
        super().__init__()
        self.normalizer, self.network, self.align_corners = normalizer, network, align_corners

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Runs the student.

        Args:
            x: ``[N, ...]`` as the data set's pipeline leaves it; frames ``[N, T, C, H, W]``; or token ids ``[N, L]``.
            mask: Of token ids, int64 ``[N, L]``, 0 where a text is filled up.

        Returns:
            ``[N, K]``, of frames the mean over them; or ``[N, K, H, W]`` in the size of the input.
        """
        x = self.normalizer(x)
        if x.ndim == 5:
            return self.network(x.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(1)
        logits = self.network(x) if mask is None else self.network(x, mask)
        if logits.ndim == 4:
            return interpolate(logits, size=x.shape[2:], mode='bilinear', align_corners=self.align_corners)
        return logits


def raw_inputs(tensors: Sequence[Tensor], modality: str, normalizer: nn.Module, pad: int = 0) -> dict[str, Tensor]:
    """What an exported student takes, by name, of a batch of samples as the data set's pipeline leaves them.

    Token ids are filled up to the longest text with ``pad``, which the mask hides.
    """
    if not isinstance(normalizer, Tokens):
        return {modality: torch.stack(list(tensors))}
    ids = nn.utils.rnn.pad_sequence(list(tensors), batch_first=True, padding_value=PADDING)
    mask = ids != PADDING
    return {'input_ids': ids.masked_fill(~mask, pad), 'attention_mask': mask.long()}


def axes(inputs: dict[str, Tensor], dense: bool) -> dict[str, dict[int, str]]:
    """The axes that may have any length, by input and by number, with their names."""
    found = {}
    for name, x in inputs.items():
        if x.ndim == 2 and x.dtype == torch.int64:
            found[name] = {0: 'N', 1: 'L'}
        elif x.ndim == 5:
            found[name] = {0: 'N', 1: 'T'}
        else:
            found[name] = {0: 'N', 2: 'H', 3: 'W'} if dense else {0: 'N'}
    return found


def trace(graph: Graph, inputs: dict[str, Tensor], dynamic: dict[str, dict[int, str]]) -> ExportedProgram:
    """Traces ``graph`` for inputs like these, of any length along the axes in ``dynamic``.

    The values that are traced with are zeros and ones: the file keeps them, and nobody's data belong in it.

    Raises:
        ExportError: If something in it cannot be traced; with the module and the reason.
    """
    examples = [_example(x, dynamic[name]) for name, x in inputs.items()]
    shapes = tuple(dict.fromkeys(dynamic[name], Dim.DYNAMIC) for name in inputs)
    silent = io.StringIO()  # where it fails, torch prints the whole graph
    with _trail(graph) as trail, torch.no_grad(), redirect_stderr(silent), redirect_stdout(silent):
        try:
            return torch.export.export(graph, tuple(examples), dynamic_shapes=shapes)
        except Exception as error:  # torch raises errors of any kind from within whatever it traces
            where = f' in the module {trail[-1]}' if trail else ''
            raise ExportError(f'the student cannot be traced{where}: {_in_short(error)}') from error


def _example(x: Tensor, dynamic: dict[int, str]) -> Tensor:
    """A length of 1 would be taken for one that is always 1."""
    shape = [max(2, size) if axis in dynamic else size for axis, size in enumerate(x.shape)]
    return torch.ones(shape, dtype=x.dtype)


@contextmanager
def _trail(graph: nn.Module) -> Iterator[list[str]]:
    """Names the modules that have been entered and not left, the innermost last."""
    trail: list[str] = []
    hooks = []
    for path, module in graph.named_modules():
        name = f'{path.removeprefix("network.")} ({type(module).__name__})'
        if path:
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: trail.append(name)))
            hooks.append(module.register_forward_hook(lambda *_: trail.pop() and None))
    try:
        yield trail
    finally:
        for hook in hooks:
            hook.remove()


def _in_short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__
