"""``fdkd report`` as a script; ``python tools/report.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.report import main

if __name__ == '__main__':
    guarded(main)
