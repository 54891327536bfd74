"""Nothing in the code reads a file in a way that could run what stands in it, but for what is listed here."""

import ast
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: Dotted names, or with a leading dot the last part of any, that need a place in ``ALLOWED``.
DANGEROUS = (
    *('eval', 'exec', 'compile', '__import__', 'importlib.import_module', 'runpy', 'ctypes'),
    *('os.system', 'os.popen', 'os.exec', 'os.spawn', 'os.posix_spawn', 'pty', 'subprocess'),
    *('pickle', '_pickle', 'marshal', 'shelve', 'dill', 'cloudpickle', 'joblib', '.read_pickle', 'yaml'),
    *('torch.load', 'torch.hub.load', 'torch.hub.load_state_dict_from_url', 'torch.jit.load', 'torch.package'),
    *('torch.export.load', 'torch.serialization', 'torch.utils.model_zoo', 'numpy.load', 'PIL.Image.open'),
    *('mmengine.load', 'mmengine.fileio', 'mmengine.runner.load_checkpoint', 'mmengine.runner.checkpoint'),
    *('mmengine.runner.CheckpointLoader', 'mmengine.hub', '.import_modules_from_strings', '.get_object_from_string'),
    *('.fromfile', '.fromstring', '.from_pretrained', '.unpack_archive', '.extractall', '.extract', 'tarfile'),
    *('multiprocessing.connection', 'multiprocessing.managers', 'socket.socket', 'socketserver', 'xmlrpc'),
)
BUILTINS = ('eval', 'exec', 'compile', '__import__')
#: Arguments that may only have this value, wherever they stand.
ARGUMENTS = {'shell': False, 'allow_pickle': False, 'weights_only': True, 'trust_remote_code': False}
#: Arguments that a call has to have.
REQUIRED = {
    'torch.load': 'weights_only',
    'numpy.load': 'allow_pickle',
    'PIL.Image.open': 'formats',
    '.from_config': 'trust_remote_code',  # of transformers, which asks at the terminal otherwise
}

#: File to what it may use, and why.
ALLOWED = {
    # checkpoints: the one place that unpickles without restriction, where --unsafe-checkpoint says so
    'fdkd/checkpoint.py': {'torch.load', 'weights_only', 'pickle.UnpicklingError'},
    'fdkd/huggingface.py': {'pickle.UnpicklingError'},
    'fdkd/models/pretrained.py': {
        *('torch.load', 'torch.hub.load_state_dict_from_url', 'pickle.UnpicklingError', 'mmengine.runner.checkpoint'),
    },
    # from process to process of one training, never from a file
    'fdkd/datasets/parcel.py': {'pickle.Pickler', 'pickle.Unpickler', 'pickle.HIGHEST_PROTOCOL'},
    # the user's own config, and the configs and modules that it names
    'fdkd/apis/config.py': {'.fromfile'},
    'fdkd/apis/own_modules.py': {'importlib.import_module'},
    # names of modules that stand in the code
    'fdkd/commands/__init__.py': {'importlib.import_module'},
    'fdkd/engine/console.py': {'importlib.import_module'},
    'fdkd/export/writing.py': {'importlib.import_module'},
    # refused without --unsafe-checkpoint
    'fdkd/export/reading.py': {'torch.export.load'},
    # programs whose arguments are lists: git, scontrol, and this repository's own tools
    'fdkd/commit.py': {'subprocess.check_output', 'subprocess.DEVNULL', 'subprocess.CalledProcessError'},
    'fdkd/engine/launch.py': {'subprocess.check_output'},
    'fdkd/reproduce/execute.py': {'subprocess.Popen', 'subprocess.DEVNULL', 'subprocess.STDOUT'},
    # arrays without objects, images without programs
    'fdkd/datasets/transforms/arrays.py': {'numpy.load'},
    'fdkd/datasets/transforms/stored.py': {'numpy.load'},
    'fdkd/datasets/transforms/images.py': {'PIL.Image.open'},
    'fdkd/datasets/prepare/crisismmd.py': {'PIL.Image.open'},
    'fdkd/doctor/causes.py': {'numpy.load'},
    'fdkd/reproduce/fill.py': {'numpy.load'},
    'fdkd/report/run.py': {'PIL.Image.open'},
    # Hugging Face, through fdkd.huggingface alone
    'fdkd/datasets/transforms/text.py': {'.from_pretrained'},
    'fdkd/models/backbones/text.py': {'.from_pretrained'},
    'fdkd/models/huggingface.py': {'.from_pretrained'},
    'fdkd/models/transformers_model.py': {'.from_pretrained'},
}


def dotted(node):
    """``a.b.c`` of a name or attribute, or ``None``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return '.'.join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ('.' + parts[0] if parts else None)


def imported(tree):
    """What each name that is imported stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                (alias.asname or alias.name.partition('.')[0]): (
                    alias.name if alias.asname else alias.name.partition('.')[0]
                )
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f'{node.module}.{alias.name}' for alias in node.names}
    return names


def matches(name):
    """What ``ALLOWED`` would have to list for ``name``; ``None`` if it is not in ``DANGEROUS``."""
    for entry in DANGEROUS:
        if entry.startswith('.') and f'.{name}'.endswith(entry):
            return entry
        if name == entry or name.startswith(entry if entry in ('os.exec', 'os.spawn') else f'{entry}.'):
            return name
    return None


def dangers(source):
    """Names that are used and arguments that are given, each as ``ALLOWED`` lists it, and the lines."""
    tree = ast.parse(source)
    names, inner = imported(tree), set()
    for node in ast.walk(tree):  # from the outside to the inside: torch.hub.load before torch.hub
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in inner:
            part = node
            while isinstance(part := getattr(part, 'value', None), (ast.Name, ast.Attribute)):
                inner.add(id(part))
            head, dot, rest = (dotted(node) or '').partition('.')
            if isinstance(node, ast.Name) and head not in names and (head not in BUILTINS or is_stored(node)):
                continue  # a variable
            if found := matches(names.get(head, head) + dot + rest):
                yield node.lineno, found
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                whole = alias.name if isinstance(node, ast.Import) else f'{node.module}.{alias.name}'
                if isinstance(node, ast.ImportFrom) and (found := matches(whole)):
                    yield node.lineno, found
        if isinstance(node, ast.Call):
            yield from arguments(node, names)


def arguments(call, names):
    """Arguments that have another value than the one they may have, or are left out where they must not be."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    head, dot, rest = (dotted(call.func) or '').partition('.')
    name = names.get(head, head) + dot + rest
    for argument, value in given.items():
        if argument in ARGUMENTS and not (isinstance(value, ast.Constant) and value.value is ARGUMENTS[argument]):
            yield call.lineno, argument
    last = f'.{name.rpartition(".")[2]}'
    if (needed := REQUIRED.get(name) or REQUIRED.get(last)) and needed not in given:
        yield call.lineno, f'{name} without {needed}='


def is_stored(node):
    return not isinstance(node.ctx, ast.Load)


def sources():
    return sorted([*(REPOSITORY / 'fdkd').rglob('*.py'), *(REPOSITORY / 'tools').rglob('*.py')])


def test_no_dangerous_call_outside_the_list():
    unknown, used = [], Counter()
    for path in sources():
        place = path.relative_to(REPOSITORY).as_posix()
        # What benchmarks start are interpreters of their own, to measure them.
        allowed = ALLOWED.get(place, set()) | (BENCHMARKS if place.startswith('tools/benchmark/') else set())
        for line, danger in dangers(path.read_text(encoding='utf-8')):
            used[place, danger] += 1
            if danger not in allowed:
                unknown.append(f'{place}:{line}: {danger}')
    assert not unknown, 'read docs/security.md before you add to ALLOWED:\n' + '\n'.join(unknown)
    stale = [f'{place}: {name}' for place, names in ALLOWED.items() for name in names if not used[place, name]]
    assert not stale


BENCHMARKS = {f'subprocess.{name}' for name in ('run', 'Popen', 'PIPE', 'STDOUT', 'DEVNULL', 'check_output')}


@pytest.mark.parametrize(
    ('code', 'danger'),
    [
        ('eval(text)', 'eval'),
        ('import torch\ntorch.load(path, weights_only=False)', 'weights_only'),
        ('import torch\ntorch.load(path)', 'torch.load without weights_only='),
        ('import torch as t\nread = t.load', 'torch.load'),
        ('from torch import load as read\nread(path)', 'torch.load'),
        ('import numpy as np\nnp.load(path, allow_pickle=True)', 'allow_pickle'),
        ('import numpy as np\nnp.load(path)', 'numpy.load without allow_pickle='),
        ('from pickle import loads', 'pickle.loads'),
        ('import pickle\npickle.load(file)', 'pickle.load'),
        ('import subprocess\nsubprocess.run(text, shell=True)', 'shell'),
        ('import os\nos.system(text)', 'os.system'),
        ('import os\nos.execv(a, b)', 'os.execv'),
        ('from mmengine import Config\nConfig.fromfile(path)', '.fromfile'),
        ('from mmengine.config import Config\nConfig.fromstring(text, ".py")', '.fromstring'),
        ('from mmengine.runner import load_checkpoint', 'mmengine.runner.load_checkpoint'),
        ('import mmengine\nmmengine.load(path)', 'mmengine.load'),
        ('AutoModel.from_pretrained(name, trust_remote_code=True)', 'trust_remote_code'),
        ('__import__("os")', '__import__'),
        ('import importlib\nimportlib.import_module(name)', 'importlib.import_module'),
        ('import yaml\nyaml.load(text)', 'yaml.load'),
        ('open_archive(path).extractall(folder)', '.extractall'),
        ('import shutil\nshutil.unpack_archive(path)', '.unpack_archive'),
        ('from PIL import Image\nImage.open(path)', 'PIL.Image.open without formats='),
        ('AutoModel.from_config(config)', 'AutoModel.from_config without trust_remote_code='),
        ('from torch import hub\nhub.load(name)', 'torch.hub.load'),
        ('from mmengine import Config\nConfig.fromfile(path).model.model', '.fromfile'),
        ('import subprocess\nsubprocess.check_output(call).split()[0].strip()', 'subprocess.check_output'),
    ],
)
def test_the_search_finds(code, danger):
    assert danger in [found for _, found in dangers(code)]


@pytest.mark.parametrize(
    'code', ['model.eval()', 're.compile(text)', 'import torch\ntorch.compile(model)', 'compile = True', 'a.execute(b)']
)
def test_the_search_passes_over(code):
    assert list(dangers(f'import re\n{code}')) == []
