"""``fdkd check-data`` as a script; ``python tools/check_data.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.check_data import main

if __name__ == '__main__':
    guarded(main)
