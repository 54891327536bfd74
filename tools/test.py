"""``fdkd test`` as a script; ``python tools/test.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.test import main

if __name__ == '__main__':
    guarded(main)
