"""``fdkd train`` as a script; ``python tools/train.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.train import main

if __name__ == '__main__':
    guarded(main)
