"""Dumped configs, read as data, and what they differ in."""

import pytest
from mmengine.config import Config

from fdkd.errors import ConfigError
from fdkd.report.config import differences, flatten, read_config


def test_reads_what_mmengine_dumps(tmp_path):
    held = {
        'model': {
            'type': 'A',
            'weight': -0.5,
            'names': ['a', "b'"],
            'size': (1, 2),
            'deep': [{'x': None}, {'y': [True]}],
        },
        'mapping': {'a-b': {'c': 1}, 'd': 2},
        'empty': {},
        'rate': 1e-5,
    }
    Config(held).dump(tmp_path / 'full.py')
    assert read_config(tmp_path / 'full.py') == held | {'model': held['model'] | {'size': [1, 2]}}


def test_names_are_text(tmp_path):
    (tmp_path / 'a.py').write_text('limit = inf\nkind = torch.float32\n')
    assert read_config(tmp_path / 'a.py') == {'limit': 'inf', 'kind': 'torch.float32'}


@pytest.mark.parametrize(
    'text',
    [
        'import os',
        'x = open("hit", "w")',
        'x = [__import__("os").getcwd()]',
        'x = 1 +',
        'x = 2 ** 3',
        'a, b = 1, 2',
        '\0',
    ],
)
def test_nothing_is_executed(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.py').write_text(text)
    with pytest.raises(ConfigError, match='not a config as MMEngine dumps it'):
        read_config(tmp_path / 'a.py')
    assert not (tmp_path / 'hit').exists()


def test_flatten():
    node = {'a': {'b': 1, 'c': []}, 'steps': [{'type': 'X'}, {'type': 'Y'}], 'size': [1, 2], 'none': {}}
    assert dict(flatten(node)) == {
        **{'a.b': '1', 'a.c': '[]', 'steps.0.type': "'X'", 'steps.1.type': "'Y'", 'size': '[1, 2]', 'none': '{}'},
    }


def test_differences_are_those_keys_that_are_not_all_the_same():
    same = {'seed': 0, 'model': {'a': 1}}
    rows = differences([same | {'work_dir': 'x'}, same | {'model': {'a': 2}}, same | {'work_dir': 'x'}])
    assert [(row.key, row.values, row.effective) for row in rows] == [
        ('model.a', ('1', '2', '1'), True),
        ('work_dir', ("'x'", None, "'x'"), False),
    ]
    assert rows[0].groups == [('1', [0, 2]), ('2', [1])]
    assert differences([same, same]) == []
