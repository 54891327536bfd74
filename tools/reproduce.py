"""``fdkd reproduce`` as a script; ``python tools/reproduce.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.reproduce import main

if __name__ == '__main__':
    guarded(main)
