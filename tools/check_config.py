"""``fdkd check`` as a script; ``python tools/check_config.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.check import main

if __name__ == '__main__':
    guarded(main)
