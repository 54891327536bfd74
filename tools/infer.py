"""``fdkd infer`` as a script; ``python tools/infer.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.infer import main

if __name__ == '__main__':
    guarded(main)
