"""Every code block of the documentation runs as it stands, or says why it is not run.

A page is one session: a shell block goes on where the one before it ended, a Python block sees the names of those
before it, and ``title="FILE"`` writes a file. It starts in an empty folder with fdkd installed; pages for users of a
checkout start in a folder like the repository's.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import RUN, SHELL, SHOWN, Block, blocks
from tests.docs.fork_server import CLIENT

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / 'README.md', *sorted((REPOSITORY / 'docs').rglob('*.md'))]
RUNNABLE = [page for page in PAGES if any(block.language in RUN and not block.reason for block in blocks(page))]
#: Pages for users of a checkout.
IN_A_CHECKOUT = ('README.md', 'docs/reproduce.md')
#: Seconds that a block may take before it counts as hanging.
LIMIT = 300
#: How many blocks may say that they are not run: real data, days of training, many GPUs.
MOST_EXCLUDED = 40
LINUX = pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='programs are run by their caller in /proc')


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """Environment of a shell whose ``python`` and ``fdkd`` are forks of one interpreter."""
    folder = tmp_path_factory.mktemp('fork_server')
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith('PYTEST')},
        **{'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'agg', 'HF_HUB_OFFLINE': '1'},
        **{'FORK_REQUESTS': str(folder / 'requests'), 'FORK_ANSWERS': str(folder / 'answers')},
    }
    for variable in ('FORK_REQUESTS', 'FORK_ANSWERS'):
        os.mkfifo(environment[variable])
    command = [sys.executable, Path(__file__).with_name('fork_server.py')]
    process = subprocess.Popen([*command, environment['FORK_REQUESTS'], environment['FORK_ANSWERS']], env=environment)
    yield environment
    process.kill()
    process.wait()


class Session:
    """A reader who types a page's blocks in a folder.

    Args:
        folder: Where.
        environment: As of :func:`server`.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.state = folder.with_name('state.sh')
        self.state.write_text(f'cd {folder}\n')
        self.python: list[str] = []

    def enter(self, block: Block) -> subprocess.CompletedProcess | None:
        """Writes or runs a block; the result of what was run, output in ``stdout``."""
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
            return None
        if block.language in SHELL:
            return self._bash(block.code)
        self.python.append(block.code)
        script = self.folder.with_name('block.py')
        script.write_text(f'import sys\nsys.path[0] = ""\n{"".join(self.python)}')
        return self._bash(f'python {script}')

    def _bash(self, code: str) -> subprocess.CompletedProcess:
        keep = f'export -p > {self.state}; printf "cd %q\\n" "$PWD" >> {self.state}'
        script = f'set -e -o pipefail\nsource {self.state}\n{CLIENT}\n{code}\n{keep}\n'
        return subprocess.run(
            ['bash', '-c', script], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
        )  # fmt: skip


@LINUX
@pytest.mark.parametrize('page', RUNNABLE, ids=name)
def test_the_page_runs(page, server, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    if name(page) in IN_A_CHECKOUT:
        shutil.copytree(REPOSITORY / 'configs', folder / 'configs')
        for part in ('tools', 'docs', 'fdkd'):
            (folder / part).symlink_to(REPOSITORY / part)
    session = Session(folder, server)
    for block in blocks(page):
        if block.language in RUN and not block.reason:
            result = session.enter(block)
            if result is not None and result.returncode:
                pytest.fail(
                    f'{name(page)}:{block.line}: exit status {result.returncode}\n{result.stdout[-4000:]}', False
                )


def test_every_block_says_what_it_is():
    odd = [
        f'{name(page)}:{block.line}: {block.language!r}'
        for page in PAGES
        for block in blocks(page)
        if block.language not in (*RUN, *SHOWN)
    ]
    assert odd == []


def test_no_fence_is_left_over():
    """A fence that belongs to no block would hide the blocks after it."""
    for page in PAGES:
        fences = sum(line.lstrip().startswith('```') for line in page.read_text().splitlines())
        assert fences == 2 * len(blocks(page)), name(page)


def test_few_blocks_are_not_run():
    excluded = [
        f'{name(page)}:{block.line}: {block.reason}' for page in PAGES for block in blocks(page) if block.reason
    ]
    assert len(excluded) <= MOST_EXCLUDED, '\n'.join(excluded)


@LINUX
def test_a_block_that_fails_is_seen(server, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    session = Session(folder, server)

    def status(language, code, title=''):
        result = session.enter(Block(1, language, title, code, ''))
        return None if result is None else (result.returncode, result.stdout)

    assert status('python', 'VALUE = 3\n', 'kept.py') is None
    assert status('bash', 'export WORD=kept\nmkdir below\ncd below') == (0, '')
    assert status('bash', 'python -c "import sys, os; print(os.environ[\'WORD\'], sys.argv)" a | tr a-z A-Z') == (
        *(0, "KEPT ['-C', 'A']\n"),
    )
    assert status('bash', 'PYTHONPATH=.. python -c "import kept; print(kept.VALUE)"') == (0, '3\n')
    assert status('bash', 'fdkd no-such-command')[0] == 2
    assert status('python', 'x = 2\n')[0] == 0
    assert status('python', 'assert x == 2\nprint(x)\n') == (0, '2\n')
    assert status('bash', 'python -c "raise SystemExit(3)"; echo reached')[0] == 3
    assert status('bash', 'python absent.py | cat')[0] == 1
    assert 'ZeroDivisionError' in status('python', '1 / 0\n')[1]
