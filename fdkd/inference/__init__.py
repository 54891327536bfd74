"""From files, arrays, videos and cameras to what a trained student says of them."""

from fdkd.inference.kinds import Reading
from fdkd.inference.results import Classification, Segmentation

__all__ = ['Classification', 'Reading', 'Segmentation']
