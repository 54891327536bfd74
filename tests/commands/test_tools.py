"""``tools/*.py``: each is a command as a script."""

import ast

import pytest

from fdkd.commands import COMMANDS
from tests.conftest import REPOSITORY

#: Each tool and its command.
TOOLS = {
    'check_config.py': 'check',
    'check_data.py': 'check_data',
    'export.py': 'export',
    'infer.py': 'infer',
    'prepare_data.py': 'prepare',
    'replay.py': 'replay',
    'report.py': 'report',
    'reproduce.py': 'reproduce',
    'test.py': 'test',
    'train.py': 'train',
    'analysis/suggest_cutoff.py': 'suggest_cutoff',
}


def test_every_command_but_those_about_the_command_itself_is_a_tool():
    found = [*(REPOSITORY / 'tools').glob('*.py'), *(REPOSITORY / 'tools' / 'analysis').glob('*.py')]
    assert {path.relative_to(REPOSITORY / 'tools').as_posix() for path in found} == TOOLS.keys()
    assert {name.replace('-', '_') for name in COMMANDS} - {'configs', 'completion'} == set(TOOLS.values())


@pytest.mark.parametrize(('tool', 'module'), TOOLS.items())
def test_a_tool_runs_its_command_and_is_nothing_else(tool, module):
    tree = ast.parse((REPOSITORY / 'tools' / tool).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    command = next(node for node in imports if node.module == f'fdkd.commands.{module}')
    assert [name.name for name in command.names] == ['main']
    *_, last = tree.body
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    assert not [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
