"""Fixtures that several tests share."""

import json

import pytest

from tests.report.work_dirs import results, train_line, write_log, write_picture
from tests.support.browser import browser as browser


@pytest.fixture
def make_run(tmp_path):
    """Writes a work dir with everything; ``results=None`` leaves it unfinished."""

    def make(name='run', results=results(), classes=('cat', 'dog'), config='seed = 0\n'):  # noqa: B008
        folder = tmp_path / name
        folder.mkdir(parents=True)
        lines = [train_line(step, loss=3 - step / 8, **{'grad_share/kd': 0.25}) for step in range(2, 9, 2)]
        write_log(folder, [*lines, {'accuracy': 40.0, 'macro_f1': 30.0, 'step': 1}, {'accuracy': 70.0, 'step': 2}])
        (folder / 'b.py').write_text(config)
        if results is None:
            return folder
        (folder / 'results.json').write_text(json.dumps(results))
        first, second = ('"{}"'.format(name.replace('"', '""')) for name in classes)
        rows = [f'a,{first},{first},0.9', f'b,{first},{second},0.8', f'c,{second},{first},0.95', f'd,,{first},0.99']
        (folder / 'predictions.csv').write_text('\n'.join(['sample_id,label,predicted,score', *rows, '']))
        write_picture(folder / 'samples.png')
        write_picture(folder / 'confusion.png')
        spectrum = {
            'edges': [0, 0.25, 0.5, 1.0], 'cka': [0.9, 0.5, None], 'debiased': [0.8, 0.4, None], 'cutoff': 0.5,
            'energy': {'student': [0.7, 0.2, 0.1], 'teacher': [0.5, 0.3, 0.2]}, 'student': 'feat', 'teacher': 'feat',
            'samples': 6, 'split': 'test', 'reason': 'no energy above 0.5',
        }  # fmt: skip
        (folder / 'spectral_cka.json').write_text(json.dumps(spectrum))
        return folder

    return make
