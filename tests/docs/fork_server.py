"""Runs Python programs in forks of one interpreter that has imported what they need; ``import torch`` is paid once.

``python fork_server.py REQUESTS ANSWERS`` reads requests from the first FIFO and writes each program's exit status to
the second. :data:`CLIENT` makes ``python`` and ``fdkd`` of a shell send them: the folder, the caller's three streams
(Linux: ``/proc/PID/fd/N``), the number of arguments and these, and the environment. Programs start as from a command
line: as ``__main__``, with the script's folder first on the path; the installed command ``fdkd`` has no such folder.
"""

import os
import runpy
import sys
import traceback

from fdkd.commands import main as fdkd
from fdkd.engine.console import import_quietly

#: What training, checking and testing import in any case.
PRELOADED = (
    *('mmseg.datasets', 'mmseg.models', 'fdkd.datasets.transforms', 'fdkd.evaluation', 'fdkd.engine'),
    *('fdkd.algorithms', 'fdkd.distill.losses', 'fdkd.apis.train', 'fdkd.apis.test', 'fdkd.apis.check_config'),
)
CLIENT = r"""
python() {
    { printf '%s\0' "$PWD" "/proc/$BASHPID/fd/"{0,1,2} "$#" "$@"; env -0; } > "$FORK_REQUESTS"
    local status
    read -r status < "$FORK_ANSWERS"
    return "$status"
}
fdkd() { python fdkd "$@"; }
"""


def serve(requests: str, answers: str) -> None:
    """Answers until a request is empty."""
    import_quietly(*PRELOADED)
    while True:
        with open(requests) as file:
            request = file.read()
        if not request:
            return
        child = os.fork()
        if not child:
            os._exit(run(*parsed(request)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(answers, 'w') as file:
            file.write(f'{status if status >= 0 else 128 - status}\n')


def parsed(request: str) -> tuple[list[str], str, dict[str, str], list[str]]:
    """Arguments, folder, environment and streams of a request."""
    cwd, *fields = request.removesuffix('\0').split('\0')
    streams, count, rest = fields[:3], int(fields[3]), fields[4:]
    return rest[:count], cwd, dict(variable.split('=', 1) for variable in rest[count:]), streams


def run(argv: list[str], cwd: str, env: dict[str, str], streams: list[str]) -> int:
    """Runs a program in this process as ``python ARGV`` would, and returns its exit status."""
    for number, (stream, flags) in enumerate(zip(streams, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(stream, flags | os.O_APPEND * (number > 0)), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0:0] = [os.path.abspath(path) for path in env.get('PYTHONPATH', '').split(os.pathsep) if path]
    status = 0
    try:
        _as_main(argv)
    except SystemExit as exit:
        if isinstance(exit.code, str):
            print(exit.code, file=sys.stderr)
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _as_main(argv: list[str]) -> None:
    if argv[0] == '-':
        argv = ['-c', sys.stdin.read()]
    if argv[0] == 'fdkd':
        sys.argv = argv
        sys.exit(fdkd())
    if argv[0] == '-c':
        sys.argv = ['-c', *argv[2:]]
        sys.path.insert(0, os.getcwd())
        exec(compile(argv[1], '<string>', 'exec'), {'__name__': '__main__'})
    else:
        sys.argv = list(argv)
        sys.path.insert(0, os.path.dirname(os.path.abspath(argv[0])))
        runpy.run_path(argv[0], run_name='__main__')


if __name__ == '__main__':
    serve(*sys.argv[1:])
