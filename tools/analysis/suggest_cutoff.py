"""``fdkd suggest-cutoff`` as a script; ``python tools/analysis/suggest_cutoff.py --help`` shows its options."""

from fdkd.apis.cli import guarded
from fdkd.commands.suggest_cutoff import main

if __name__ == '__main__':
    guarded(main)
