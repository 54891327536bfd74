"""Shapes: each function draws one piece as boxes ``[B, 2, 3]`` (lowest and highest corner, metres).

A piece stands on z = 0, is centred on x = y = 0, shows its front to -y and has its back, which may touch a wall, at +y.
"""

import numpy as np

# Flush things stand out from their wall or floor by this much: far below what a depth sensor resolves.
FLUSH = 1e-4


def bed(rng: np.random.Generator) -> np.ndarray:
    width, length, height = rng.uniform([1.2, 1.9, 0.4], [1.7, 2.05, 0.55])
    headboard = _block(width, 0.08, 0, height + rng.uniform(0.35, 0.6), y=length / 2 - 0.04)
    footboard = _block(width, 0.06, 0, height + 0.1, y=0.03 - length / 2)
    return np.stack([_block(width, length, 0.1, height), headboard, footboard, *_legs(width, length, 0.1)])


def pillows(rng: np.random.Generator, bed: np.ndarray) -> np.ndarray:
    """One or two on a bed or sofa, given as its boxes: what one lies or sits on first, then what they lean against."""
    top, back = bed[0, 1, 2], bed[1, 0, 1]
    count = int(rng.integers(1, 3))
    width, depth, height = rng.uniform([0.4, 0.35, 0.16], [0.5, 0.45, 0.26])
    centres = (np.arange(count) - (count - 1) / 2) * width
    return np.stack([_block(width, depth, top, top + height, x, back - depth / 2) for x in centres])


def sofa(rng: np.random.Generator) -> np.ndarray:
    width, depth, seat = rng.uniform([1.4, 0.8, 0.38], [2.0, 0.95, 0.46])
    back = _block(width, 0.22, 0, seat + rng.uniform(0.35, 0.45), y=depth / 2 - 0.11)
    arms = [_block(0.2, depth, 0, seat + 0.2, x=side * (width / 2 - 0.1)) for side in (-1, 1)]
    return np.stack([_block(width, depth, 0, seat), back, *arms])


def table(rng: np.random.Generator) -> np.ndarray:
    width, depth, height = rng.uniform([0.9, 0.65, 0.68], [1.5, 0.9, 0.78])
    return np.stack([_block(width, depth, height - 0.06, height), *_legs(width, depth, height - 0.06)])


def chair(rng: np.random.Generator) -> np.ndarray:
    width, depth, seat = rng.uniform([0.42, 0.42, 0.42], [0.52, 0.5, 0.48])
    back = _block(width, 0.06, seat, seat + rng.uniform(0.4, 0.55), y=depth / 2 - 0.03)
    return np.stack([_block(width, depth, seat - 0.06, seat), back, *_legs(width, depth, seat - 0.06)])


def carton(rng: np.random.Generator) -> np.ndarray:
    return _block(*rng.uniform([0.35, 0.35], [0.6, 0.6]), 0, rng.uniform(0.3, 0.6))[None]


def tall_box(rng: np.random.Generator) -> np.ndarray:
    """A cabinet or a refrigerator."""
    return _block(*rng.uniform([0.6, 0.5], [0.95, 0.65]), 0, rng.uniform(1.2, 1.85))[None]


def lamp_stand(rng: np.random.Generator) -> np.ndarray:
    return np.stack([_block(0.3, 0.3, 0, 0.04), _block(0.06, 0.06, 0.04, rng.uniform(1.2, 1.4))])


def lamp_shade(rng: np.random.Generator, stand: np.ndarray) -> np.ndarray:
    top, side = stand[:, 1, 2].max(), rng.uniform(0.4, 0.55)
    return _block(side, side, top, top + rng.uniform(0.3, 0.42))[None]


def wall_panel(rng: np.random.Generator) -> np.ndarray:
    """A window or a picture."""
    bottom = rng.uniform(0.95, 1.25)
    return _block(rng.uniform(0.6, 1.3), FLUSH, bottom, bottom + rng.uniform(0.6, 0.95))[None]


def door(rng: np.random.Generator) -> np.ndarray:
    return _block(rng.uniform(0.8, 1.0), FLUSH, 0, rng.uniform(1.95, 2.1))[None]


def floor_mat(rng: np.random.Generator) -> np.ndarray:
    return _block(*rng.uniform([1.0, 0.8], [1.9, 1.4]), 0, FLUSH)[None]


def _block(width: float, depth: float, bottom: float, top: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """A box ``[2, 3]`` centred on (x, y)."""
    return np.array([[x - width / 2, y - depth / 2, bottom], [x + width / 2, y + depth / 2, top]])


def _legs(width: float, depth: float, height: float, side: float = 0.06) -> list[np.ndarray]:
    x, y = (width - side) / 2, (depth - side) / 2
    return [_block(side, side, 0, height, sx * x, sy * y) for sx in (-1, 1) for sy in (-1, 1)]
