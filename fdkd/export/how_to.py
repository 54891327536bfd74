"""Lines of Python that run an exported file where fdkd is not installed; they stand in the file's metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Imports, and what makes the network.
_MODELS = {
    'resnet18': (
        'import torch, torchvision\n',
        'model = torchvision.models.resnet18(num_classes={num_classes})\n'
        'model.conv1 = torch.nn.Conv2d({in_channels}, 64, 7, 2, 3, bias=False)\n',
    ),
    'mobilenet_v2': (
        'import torch, torchvision\n',
        'model = torchvision.models.mobilenet_v2(num_classes={num_classes})\n',
    ),
    'mmseg': (
        'import torch\nfrom mmengine import ConfigDict\nfrom mmseg.models import build_segmentor\n',
        "model = build_segmentor(ConfigDict(file['meta']['plain']['config']))\n",
    ),
    'transformers': (
        'import torch\nfrom transformers import AutoConfig, AutoModel\n',
        'model = torch.nn.Module()\n'
        "config = AutoConfig.for_model(**file['meta']['plain']['config'])\n"
        'model.model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)\n'
        'model.model.pooler = None\n'
        'model.head = torch.nn.Linear(config.hidden_size, {num_classes})\n',
    ),
}
_NORMALISE = {
    'mean': "n = file['meta']['normalisation']\n"
    "mean, std = (torch.tensor(n[key]).view(-1, 1, 1) for key in ('mean', 'std'))\n",
    'plain': 'z = (x.float() - mean) / std\n',
    'clip': "z = (x.float().clamp(*n['clip']) - mean) / std\n",
    'hole': "z = z.masked_fill(x == n['hole'], 0)\n",
}


def how_to_load(kind: str, path: Path, meta: Mapping[str, Any]) -> str:
    """The lines for a file.

    They take the inputs that the metadata describe from variables of these names (``x``, where there is one alone),
    as tensors (``onnx``: arrays), and leave ``logits``.

    Args:
        kind: ``'weights'``, ``'torch-export'`` or ``'onnx'``.
        path: The file; its name is written down.
        meta: Its metadata.
    """
    names = [entry['name'] for entry in meta['inputs']]
    taken = ['x'] if len(names) == 1 else names
    about = ''.join(
        f'# {name}: {entry["dtype"]} [{", ".join(map(str, entry["shape"]))}], {entry["holds"]}\n'
        for name, entry in zip(taken, meta['inputs'], strict=True)
    )
    return about + _lines(kind, path, meta, dict(zip(names, taken, strict=True)))


def _lines(kind: str, path: Path, meta: Mapping[str, Any], taken: Mapping[str, str]) -> str:
    if kind == 'onnx':
        feed = ', '.join(f'{name!r}: {value}' for name, value in taken.items())
        return (
            'import json, onnxruntime\n'
            f'session = onnxruntime.InferenceSession({path.name!r})\n'
            "meta = json.loads(session.get_modelmeta().custom_metadata_map['fdkd'])\n"
            f'logits = session.run(None, {{{feed}}})[0]\n'
        )
    if kind == 'torch-export':
        return (
            'import json, torch\n'
            "extra = {'fdkd.json': ''}\n"
            f'program = torch.export.load({path.name!r}, extra_files=extra)\n'
            "meta = json.loads(extra['fdkd.json'])\n"
            f'logits = program.module()({", ".join(taken.values())})\n'
        )
    return _weights(path, meta)


def _weights(path: Path, meta: Mapping[str, Any]) -> str:
    recipe, norm = meta['plain'], meta['normalisation']
    imports, network = _MODELS[recipe.get('arch', recipe['library'])]
    lines = f'{imports}file = torch.load({path.name!r}, weights_only=True)\n' + network.format_map(recipe)
    lines += "model.eval().load_state_dict(file['state_dict'])\n"
    if recipe['library'] == 'transformers':
        states = 'model.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state'
        return lines + f'logits = model.head({states}[:, 0])\n'
    if 'mean' in norm:
        lines += _NORMALISE['mean'] + _NORMALISE['clip' if norm.get('clip') else 'plain']
        lines += _NORMALISE['hole'] if norm.get('hole') is not None else ''
    else:
        lines += 'z = x.float()\n'
    if len(meta['inputs'][0]['shape']) == 5:
        return lines + 'logits = model(z.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(1)  # of all frames\n'
    if meta['task'] == 'classification':
        return lines + 'logits = model(z)\n'
    resized = f"size=x.shape[2:], mode='bilinear', align_corners={meta['align_corners']}"
    return lines + f'logits = torch.nn.functional.interpolate(model(z), {resized})\n'
