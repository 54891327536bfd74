"""fdkd: cross-modal knowledge distillation on MMEngine. Importing it loads nothing heavy; registries load what they build."""

from fdkd.version import __version__

__all__ = ['__version__']
