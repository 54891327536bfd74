"""``python -m fdkd`` is the command ``fdkd``, for launchers that take a module."""

import sys

from fdkd.commands import main

if __name__ == '__main__':
    sys.exit(main())
