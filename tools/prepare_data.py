"""Converts or generates a data set: ``python tools/prepare_data.py nyu --help``."""

import sys

from fdkd.apis.prepare import main

if __name__ == '__main__':
    sys.exit(main())
