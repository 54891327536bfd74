"""What splits a feature into a low and a high band."""

from fdkd.distill.decouplers.fourier import FourierDecoupler

__all__ = ['FourierDecoupler']
