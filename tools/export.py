"""``fdkd export`` as a script; ``python tools/export.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.export import main

if __name__ == '__main__':
    guarded(main)
