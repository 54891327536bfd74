"""What a file says of the student in it: plain JSON, complete enough to use it without fdkd."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fdkd.datasets.steps import uncached
from fdkd.registry import TRANSFORMS
from fdkd.version import __version__

#: Steps that no input of a student passes.
_OF_LABELS = ('LoadLabelMap', 'LoadAnnotations')
#: What the steps do, for someone who does them without fdkd.
_DOES = {
    'LoadRGB': 'read an 8-bit RGB image',
    'LoadDepth': 'read 16-bit depth in millimetres as float32 metres; 0 where there is no measurement',
    'LoadFrames': 'read uint8 RGB frames [T, 3, H, W] of an image, a folder, a video, or a strip of frames of '
    "strip_width pixels; 'middle' is the frame at half their number",
    'LoadAudio': 'read mono sound of that rate as float32 in -1..1; to have that many seconds, shorter clips are '
    'repeated from their start and longer ones lose their end',
    'AddNoise': "white noise that the experiment adds, from the sample's id: leave it out for sound of your own",
    'Spectrogram': 'scipy.signal.spectrogram(x, rate, nperseg=window, noverlap=overlap), plus 1e-7, logarithm, minus '
    'its mean, divided by its standard deviation: float32 [1, F, T]',
    'LoadArray': 'read a .npy file as float32; a matrix [A, B] becomes [1, A, B]',
    'Tokenize': "ids of the model's tokenizer with its special tokens, cut at max_length",
    'Augment': 'the transform of torchvision.transforms.v2 with these arguments',
    'Resize': 'resize to scale (width, height): colours with cv2.INTER_LINEAR, depth with cv2.INTER_NEAREST',
}


def describe(
    *,
    modality: str,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    inputs: Mapping[str, Tensor],
    axes: Mapping[str, Mapping[int, str]],
    dense: bool,
    align_corners: bool,
    normalisation: Mapping[str, Any],
    pipeline: Sequence[Any],
    pad: int,
    plain: Mapping[str, Any] | None,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """The part of the metadata that all formats share.

    Args:
        modality: What the student sees.
        classes: Names of the K classes.
        palette: Their RGB colours, or none.
        inputs: A batch as the student takes it, by name.
        axes: See :func:`~fdkd.export.graph.axes`.
        dense: Whether the student classifies pixels.
        align_corners: How dense logits are resized.
        normalisation: The modality's entry in the training's preprocessor: ``mean``, ``std``, ``clip`` and ``hole`` of
            ``(clip(x) - mean) / std`` for each channel, where what equals ``hole`` becomes 0.
        pipeline: The evaluation's.
        pad: What fills token ids up.
        plain: Recipe of the plain network, see :mod:`fdkd.export.plain`.
        source: Where the student comes from.
    """
    free = ['N', 'K', 'H', 'W'] if dense else ['N', 'K']
    return {
        'fdkd': __version__,
        'task': 'segmentation' if dense else 'classification',
        'modality': modality,
        'classes': list(classes),
        'palette': [list(map(int, colour)) for colour in palette],
        'inputs': [
            {
                'name': name,
                'dtype': str(x.dtype).removeprefix('torch.'),
                'shape': [axes[name].get(axis, size) for axis, size in enumerate(x.shape)],
                'holds': _holds(name, x, pad),
            }
            for name, x in inputs.items()
        ],
        'output': {'name': 'logits', 'dtype': 'float32', 'shape': free},
        'preprocessing': steps(pipeline, modality),
        'normalisation': _plain(normalisation),
        'align_corners': align_corners,
        'postprocessing': f'resize the logits bilinearly (align_corners={align_corners}) to the size that the label '
        'map should have, then take the largest over K'
        if dense
        else 'softmax over K',
        'plain': _plain(plain),
        'source': _plain(source),
    }


def _holds(name: str, x: Tensor, pad: int) -> str:
    if name == 'input_ids':
        return f'token ids, shorter texts filled up on the right with {pad}'
    if name == 'attention_mask':
        return '1 for a token, 0 where a text is filled up'
    values = 'RGB, 0 to 255, ' if x.dtype == torch.uint8 and x.shape[-3] == 3 else ''
    return f'{values}what the last step of preprocessing leaves, not normalised'


def steps(pipeline: Sequence[Any], modality: str) -> list[dict[str, Any]]:
    """What happens to a file before it is an input: each step's type, all its arguments, and what it does in words."""
    found = []
    for step in uncached(pipeline):
        kind, name = TRANSFORMS.get(step['type']), str(step['type']).rpartition('.')[2]
        of = step.get('modality', getattr(kind, 'modality', None))
        if of not in (None, modality) or name in _OF_LABELS or name.startswith('Pack'):
            continue
        defaults = {
            key: parameter.default
            for key, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is not parameter.empty
        }
        words = _DOES.get(name) or (inspect.getdoc(kind) or '').partition('\n')[0]
        arguments = {key: value for key, value in {**defaults, **step}.items() if key not in ('type', 'modality')}
        found.append({'type': step['type'], **_plain(arguments), 'does': words})
    return found


def _plain(node: Any) -> Any:
    """``node`` as JSON has it; what JSON has no word for becomes a text."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(value) for value in node]
    return node if node is None or isinstance(node, (bool, int, float, str)) else str(node)
