"""fdkd: cross-modal knowledge distillation on MMEngine. Importing it loads nothing; registries do."""

from fdkd.version import __version__

__all__ = ['__version__']
