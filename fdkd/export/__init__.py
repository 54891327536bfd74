"""A trained student as a file of its own, for use without fdkd; and reading such files back."""

from fdkd.export.reading import Exported, load

__all__ = ['Exported', 'load']
