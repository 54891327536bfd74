"""``fdkd prepare`` as a script: ``python tools/prepare_data.py nyu --help``."""

import sys

if __name__ == '__main__':
    from fdkd.commands.prepare import main  # not above: the processes that share the work import this file too

    sys.exit(main())
