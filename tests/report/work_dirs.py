"""Work dirs as training writes them, in small."""

import json

import numpy as np
from PIL import Image

HOSTILE = '<script>document.title = "run"; window.hit = 1</script>"\'><img src=x onerror="window.hit = 1">'


def scores(modality, accuracy, classes=('cat', 'dog')):
    """A model of ``results.json`` with the same figure for each class."""
    per_class = {name: {'accuracy': accuracy, 'precision': None, 'f1': 1.0, 'count': 3} for name in classes}
    return {
        'modality': modality,
        'samples': 6,
        'metrics': {'accuracy': accuracy, 'macro_f1': 50.0},
        'per_class': per_class,
    }


def results(**changes):
    """What ``results.json`` holds."""
    about = {
        'config': 'configs/a/b.py',
        'seed': 0,
        'epoch': 2,
        'selection': 'last epoch',
        'device': 'cpu',
        'seconds': 3725.4,
    }
    versions = {'fdkd': '0.1.0', 'torch': '2.14'}
    models = {'student': scores('image', 70.0), 'teacher': scores('audio', 90.0)}
    return {
        **about,
        'seconds': 3725.4,
        'versions': versions,
        'commit': 'abcdef0123456',
        'modified': True,
        **models,
        **changes,
    }


def train_line(iteration, length=4, **values):
    """A line of ``scalars.json``; an epoch has ``length`` iterations."""
    line = {'lr': 0.1, 'loss': 2.0, 'loss_ce': 1.5, 'time': 0.5, 'data_time': 0.1}
    return line | {'epoch': (iteration - 1) // length + 1, 'iter': iteration, 'step': iteration} | values


def write_log(folder, lines, stamp='20261126_010203'):
    """Writes ``scalars.json``; a line that is text is written as it is."""
    path = folder / stamp / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(line if isinstance(line, str) else json.dumps(line) + '\n' for line in lines))
    return path


def write_picture(path, width=40, height=30):
    """Writes a PNG of noise, which does not compress to nothing."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


#: What others may have called a class, a sample, a file, a run or a setting.
HOSTILES = (
    HOSTILE,
    '"><svg onload=window.hit=1>',
    "' onmouseover='window.hit = 1' x='",
    '</title></style></script><base href=//evil.example>',
    'javascript:window.hit=1',
    '{{ 7 * 7 }}{% include "style.css" %}{# #}',
    ']]>--><!-- &lt;b&gt; &amp;#60; \u2028 \u2029 \u202e',
    'title\x1b]0;x\x07\x1b[2J',
    "=cmd|' /C calc'!A1",
    'x' * 3000,
)


def write_told(folder, text):
    """A work dir in which ``text`` stands wherever a run can have words of its own."""
    folder.mkdir(parents=True)
    curves = {f'loss_{text}': 1.0, f'grad_share/{text}': 0.5, text: 0.1}
    write_log(folder, [train_line(step, **curves) for step in (2, 4)] + [{text: 40.0, 'accuracy': 1.0, 'step': 1}])
    (folder / 'a.py').write_text(f'seed = dict(**{{{text!r}: {text!r}}})\ntext = {text!r}\nresume = {text!r}\n')
    told = {name: scores(text, 50.0, (text, 'dog')) for name in ('student', 'teacher')}
    told['student']['metrics'][text] = 1.0
    told['student']['samples'] = text
    words = dict.fromkeys(('config', 'seed', 'epoch', 'selection', 'device', 'commit', 'command', text), text)
    about = {'versions': {text: text}, 'list': [text], 'modified': text}
    (folder / 'results.json').write_text(json.dumps(results(**words, **about, **told)))
    quoted = '"{}"'.format(text.replace('"', '""'))
    rows = [f'{quoted},{quoted},dog,0.9', f'b,dog,{quoted},0.8']
    (folder / 'predictions.csv').write_text('\n'.join(['sample_id,label,predicted,score', *rows, '']))
    spectrum = {'edges': [0, 0.5, 1], 'cka': [0.9, 0.5], 'reason': text, text: text}
    (folder / 'spectral_cka.json').write_text(json.dumps(spectrum))
    return folder
