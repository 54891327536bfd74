"""``fdkd replay`` as a script; ``python tools/replay.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.replay import main

if __name__ == '__main__':
    guarded(main)
