"""What splits a feature into a low and a high band."""

from fdkd.distill.decouplers.fourier import FourierDecoupler
from fdkd.distill.decouplers.permuted import PermutedDecoupler
from fdkd.distill.decouplers.random_bands import RandomBandDecoupler

__all__ = ['FourierDecoupler', 'PermutedDecoupler', 'RandomBandDecoupler']
