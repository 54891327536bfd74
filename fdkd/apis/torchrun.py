"""``torchrun``, ending with the status of the rank that ended first, which tells a scheduler whether to try again.

python -m fdkd.apis.torchrun [options of torchrun] SCRIPT [options of SCRIPT]
"""

import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

#: As fdkd.engine.interruption.STOPPED, whose import would take this process longer than all that it does.
STOPPED = 75


def main() -> None:
    """Runs torchrun with this process's arguments.

    Raises:
        SystemExit: With 75 where a signal has ended it, which the ranks have received from it; else
            with the status of the rank that ended first, 128 and the signal's number where one has killed it.
    """
    try:
        run.main()
    except SignalException as stop:
        print(f'stopped by {stop.sigval.name}', file=sys.stderr)
        sys.exit(STOPPED)
    except ChildFailedError as error:
        rank, first = error.get_first_failure()
        if first.exitcode < 0 or first.error_file != '<N/A>':
            print(error, file=sys.stderr)  # torchrun's own table, with the traceback
        else:
            print(f'rank {rank} was the first to end, with exit status {first.exitcode}', file=sys.stderr)
        sys.exit(first.exitcode if first.exitcode > 0 else 128 - first.exitcode)


if __name__ == '__main__':
    main()
