"""The Haar transform of maps by matrices, in NumPy."""

import numpy as np


def matrices(side):
    """The rows that average and those that difference pairs of positions, of which the last may lack one."""
    low, high = np.zeros((-(-side // 2), side)), np.zeros((-(-side // 2), side))
    for position in range(side):
        low[position // 2, position] = np.sqrt(0.5)
        high[position // 2, position] = np.sqrt(0.5) * (-1) ** position
    return low, high


def bands_by_numpy(x, levels):
    """The approximation and, by level, the details ``[3, N, C, h, w]``."""
    details = []
    while len(details) < levels and min(x.shape[2:]) > 1:
        (lv, hv), (lh, hh) = matrices(x.shape[2]), matrices(x.shape[3])
        details.append(np.stack([lv @ x @ hh.T, hv @ x @ lh.T, hv @ x @ hh.T]))
        x = lv @ x @ lh.T
    return x, details


def back_by_numpy(x, details, sizes):
    """The map of which these are the bands; the matrices are orthogonal, and lack what was padded."""
    for level, (height, width) in zip(reversed(details), reversed(sizes), strict=True):
        (lv, hv), (lh, hh) = matrices(height), matrices(width)
        x = lv.T @ x @ lh + lv.T @ level[0] @ hh + hv.T @ level[1] @ lh + hv.T @ level[2] @ hh
    return x
